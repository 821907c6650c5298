"""Equal meanings have equal ids; different ones do not."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from ablate.core import (
    Added,
    Budget,
    CanonicalText,
    Family,
    GridError,
    Lane,
    Recording,
    Spec,
    canonical_json,
    digest,
    run_id,
    to_identity,
    to_plain,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(list(value))}
    if isinstance(value, list):
        return [shuffled(item) for item in value]
    return value


@given(values)
def test_key_order_never_matters(value: Any) -> None:
    assert canonical_json(value) == canonical_json(shuffled(value))


def plainly(value: Any) -> Any:
    """The definition of the canonical form: whole floats are integers, and JSON does the rest."""
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plainly(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(values)
def test_canonical_json_is_sorted_json(value: Any) -> None:
    expected = json.dumps(plainly(value), sort_keys=True, separators=(",", ":"))
    assert canonical_json(value) == expected
    assert canonical_json({"x": CanonicalText(expected), "a": 1}) == f'{{"a":1,"x":{expected}}}'


@given(st.integers(-(2**50), 2**50))
def test_a_whole_float_is_its_integer(number: int) -> None:
    assert digest({"x": number}) == digest({"x": float(number)})


def test_truth_is_not_one() -> None:
    assert digest(True) != digest(1)
    assert digest("1") != digest(1)
    assert run_id("a", 0) != run_id("a", 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_has_no_json_form_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical_json(value)


class Part(Spec):
    """For these tests."""


PARTS: Family[Part] = Family("part")


@PARTS.register("plain")
class Plain(Part):
    """For these tests."""

    size: Annotated[float, Lane()] = 2.0
    """One."""
    long: Annotated[int, Budget()] = 5
    """Two."""
    seen: Annotated[int, Recording()] = 7
    """Three."""


class Whole(Spec):
    """For these tests."""

    part: Annotated[Part, PARTS] = Plain()
    """One."""
    parts: dict[str, Annotated[Part, PARTS]] = Field(default_factory=dict)
    """Two."""


def test_a_default_written_out_is_a_default_left_out() -> None:
    short, long = (Whole.model_validate({"part": part}) for part in ("plain", {"kind": "plain", "size": 2}))
    assert digest(to_identity(short)) == digest(to_identity(long))
    assert digest(to_identity(short)) == digest(to_identity(Whole()))
    assert Whole.model_validate({"part": {"long": 6}}) == Whole(part=Plain(long=6))


def test_budget_and_recording_are_not_identity_but_a_version_is() -> None:
    def identity(**fields: object) -> str:
        return digest(to_identity(Whole.model_validate({"part": {"kind": "plain", **fields}})))

    assert identity(long=99, seen=1) == identity()
    assert identity(size=3) != identity()
    before = identity()
    Plain.version = 2
    try:
        assert identity() != before
    finally:
        Plain.version = 1


def test_an_added_field_is_identity_only_when_it_says_something_new() -> None:
    class Grown(Whole):
        """For these tests: `Whole`, with fields that it got later."""

        number: Annotated[float, Added(), Lane()] = 1.0
        """Four."""
        more: Annotated[Part, PARTS, Added()] = Plain()
        """Five."""
        names: Annotated[list[str], Added()] = Field([])
        """Six."""

    assert to_identity(Grown()) == to_identity(Whole())
    assert to_identity(Grown.model_validate({"number": 1, "names": [], "more": {"long": 6}})) == to_identity(Whole())
    assert to_identity(Grown(number=2.0)) == to_identity(Whole()) | {"number": 2.0}
    assert "more" in to_identity(Grown(more=Plain(size=3)))
    assert "names" in to_identity(Grown(names=["a"]))
    Plain.version = 2
    try:
        assert "more" in to_identity(Grown())
    finally:
        Plain.version = 1


def test_what_is_written_is_read_back() -> None:
    whole = Whole.model_validate({"part": {"kind": "plain", "size": 1e-3}, "parts": {"a": "plain"}})
    assert Whole.model_validate(to_plain(whole)) == whole


def test_every_problem_is_reported_with_its_path() -> None:
    bad = {
        "kind": "whole",
        "parts": {"a": {"kind": "plain", "siz": 1, "size": "x"}, "b": "plane"},
        "part": 3,
        "past": 1,
    }
    wholes: Family[Whole] = Family("whole")
    wholes.register("whole")(Whole)
    with pytest.raises(GridError) as caught:
        wholes.parse(bad)
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [
        ("past", "unknown-field"),
        ("part", "wrong-type"),
        ("parts.a.siz", "unknown-field"),
        ("parts.a.size", "wrong-type"),
        ("parts.b", "unknown-component"),
    ]
    assert "did you mean size?" in str(caught.value)
    assert "did you mean plain?" in str(caught.value)


def test_a_kind_belongs_to_one_class() -> None:
    with pytest.raises(ValueError, match="already registered by"):

        @PARTS.register("plain")
        class Other(Part):
            """For these tests."""
