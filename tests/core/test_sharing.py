"""What is shared between configurations changes nothing but the time: `Parts` and `Once` against the plain way."""

from typing import Annotated, Any, Self

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from ablate.core import (
    Added,
    Budget,
    Family,
    GridError,
    Lane,
    Once,
    Parts,
    Problem,
    Spec,
    digest,
    identity_text,
    refuse,
    to_identity,
    to_plain,
)


class Part(Spec):
    """For these tests."""


PARTS: Family[Part] = Family("part")


class Group(Spec):
    """A group of fields without a kind."""

    long: Annotated[int, Budget()] = 5
    """One."""
    anything: Any = None
    """Two."""


@PARTS.register("leaf")
class Leaf(Part):
    """For these tests."""

    size: Annotated[float, Lane()] = 2.0
    """One."""
    anything: Any = None
    """Two."""


@PARTS.register("node")
class Node(Part):
    """For these tests."""

    inner: Annotated[Part, PARTS] = Leaf(size=3.0)
    """One."""
    more: dict[str, Annotated[Part, PARTS]] = Field(default_factory=dict)
    """Two."""
    listed: list[Annotated[Part, PARTS]] = Field(default_factory=list)
    """Three."""
    group: Group = Group()
    """Four."""
    later: Annotated[Part, PARTS, Added()] = Leaf(size=4.0)
    """Five."""
    count: int = 1
    """Six."""

    @model_validator(mode="after")
    def _few(self) -> Self:
        if len(self.more) > self.count:
            raise refuse(Problem(f"more than {self.count}", "bad-value", "more"))
        return self

    def identity_fields(self) -> dict[str, Any]:
        """By its count alone, if that is large."""
        return {"count": self.count} if self.count > 1 else super().identity_fields()


scalars = st.sampled_from([0, 1, 2, 1.0, 0.0, -0.0, True, False, "1", "leaf", "loaf", "true", None, 2.5])
kinds = st.sampled_from(["leaf", "leaf", "lef", 1])
leaves = st.fixed_dictionaries(
    {}, optional={"kind": kinds, "size": scalars, "anything": scalars | st.lists(scalars, max_size=2), "siz": scalars}
)
groups = st.fixed_dictionaries({}, optional={"long": scalars, "anything": scalars})


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"kind": st.just("node")},
        optional={
            "inner": inner,
            "more": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "listed": st.lists(inner, max_size=2),
            "group": groups,
            "later": inner,
            "count": scalars,
        },
    )


configurations = st.lists(nodes(st.recursive(scalars | leaves, nodes, max_leaves=6)), min_size=2, max_size=6)


def outcome(raw: object, parts: Parts | None) -> tuple[Part | None, str]:
    """The component, and everything that can be told of it or of its refusal, with the types of all numbers."""
    try:
        part = PARTS.parse(raw, parts)
    except GridError as error:
        return None, repr(error.problems)
    return part, repr(to_plain(part))


@given(configurations)
@example([{"kind": "node", "inner": {"anything": value}} for value in (1, True, 1.0, 0.0, -0.0)])
@example([{"kind": "node", "group": {"anything": value}} for value in (1, True, 1.0, 0.0, -0.0)])
@example(
    [{"kind": "node", "inner": {"kind": "node", "count": 2, "more": dict.fromkeys(x, "leaf")}} for x in ("ab", "ba")]
)
def test_shared_parts_are_read_as_if_each_were_alone(raws: list[Any]) -> None:
    parts, texts, plain = Parts(), Once(identity_text), Once(to_plain)
    for raw in raws + raws:
        alone, expected = outcome(raw, None)
        shared, found = outcome(raw, parts)
        assert found == expected
        if shared is not None and alone is not None:
            assert digest(to_identity(shared, texts)) == digest(to_identity(alone))
            assert repr(to_plain(shared, plain)) == repr(to_plain(alone))


def test_the_same_data_is_the_same_object() -> None:
    parts = Parts()
    raws = [{"kind": "node", "inner": {"kind": "leaf", "size": 4}, "group": {"long": 6}} for _ in range(2)]
    first, second = (PARTS.parse(raw, parts) for raw in raws)
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert first is not second
    assert first.inner is second.inner
    assert first.group is second.group


def test_a_component_registered_late_is_found() -> None:
    parts = Parts()
    family: Family[Part] = Family("late")

    class Whole(Spec):
        """For this test."""

        part: Annotated[Part, family] | None = None
        """One."""

    wholes: Family[Whole] = Family("whole")
    wholes.register("whole")(Whole)
    raw = {"kind": "whole", "part": "new"}
    with pytest.raises(GridError, match="unknown-component"):
        wholes.parse(raw, parts)

    @family.register("new")
    class New(Part):
        """For this test."""

    assert type(wholes.parse(raw, parts).part) is New


def test_no_other_object_takes_the_place_of_one_that_was_worked_out() -> None:
    """An identity may come back once its object is gone, so `Once` keeps the objects."""
    size: Once[Leaf, float] = Once(lambda leaf, _: leaf.size)
    assert [size(Leaf(size=number)) for number in range(50)] == list(range(50))
