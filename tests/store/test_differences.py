"""Differences of configurations and of planned grids, as pure functions of recorded data."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.core import digest
from ablate.store import (
    ABSENT,
    Difference,
    MetricRecord,
    PlanRecord,
    RunRecord,
    SharedVariant,
    VariantRecord,
    differences,
    plan_difference,
    provenance,
)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"lr": 1.0, "n": {"w": 2}}, {"lr": 1, "n": {"w": 2.0}}, []),
        ({"on": True}, {"on": 1}, [Difference("on", a=True, b=1)]),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 3, "d": 2}}}, [Difference("a.b.c", 1, 3)]),
        ({"a": {"kind": "x"}}, {}, [Difference("a.kind", "x", ABSENT)]),
        ({}, {"a": {"kind": "x", "n": {"w": 1}}}, [Difference("a.kind", ABSENT, "x"), Difference("a.n.w", ABSENT, 1)]),
        ({"a": {}}, {}, [Difference("a", {}, ABSENT)]),
        ({"a": None}, {}, [Difference("a", None, ABSENT)]),
        ({"a": {"k": 1}}, {"a": 5}, [Difference("a", {"k": 1}, 5)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [Difference("a", [1, 2], [2, 1])]),
    ],
)
def test_fields_that_differ(a: Mapping[str, Any], b: Mapping[str, Any], expected: list[Difference]) -> None:
    assert list(differences(a, b)) == expected
    assert list(differences(b, a)) == [Difference(one.path, one.b, one.a) for one in expected]


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2) | st.lists(st.integers(0, 3))
CONFIGS = st.dictionaries(
    st.sampled_from("pqrs"),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("pqrs"), inner, min_size=1), max_leaves=8),
)


@given(CONFIGS, CONFIGS)
def test_differences_are_enough_to_turn_one_into_the_other(a: dict[str, Any], b: dict[str, Any]) -> None:
    leaves = dict(_leaves(a))
    for one in differences(a, b):
        for path in [path for path in leaves if path == one.path or path.startswith(f"{one.path}.")]:
            del leaves[path]
        if one.b is not ABSENT:
            leaves.update(_leaves({one.path: one.b}))
    assert leaves == dict(_leaves(b))


def _leaves(value: Any, path: str = "") -> Sequence[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in _leaves(item, f"{path}.{name}" if path else name)]
    return [(path, value)] if path else []


def test_a_side_without_a_field_has_no_key_in_json() -> None:
    assert Difference("a", None, ABSENT).to_plain() == {"path": "a", "a": None}


def plan(
    variants: Mapping[str, Mapping[str, Any]],
    *,
    name: str = "grid",
    base: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0, 1),
    steps: int = 10,
    contexts: Sequence[str] = ("",),
    metric: str = "val_loss",
) -> PlanRecord:
    """A grid over flat configurations: label -> changes; a run's id is a hash of configuration, context and seed."""
    config = {"lr": 1, "width": 8, **(base or {})}
    configs = {label: {**config, **changes} for label, changes in variants.items()}
    return PlanRecord(
        name=name,
        path=f"{name}.yaml",
        question="",
        text="",
        metric=MetricRecord(name=metric),
        seeds=tuple(seeds),
        contexts=tuple(contexts),
        variants=tuple(
            VariantRecord(
                label=label,
                changes=dict(changes),
                is_base=label == "base",
                contexts={context: {**configs[label], "train": {"steps": steps}} for context in contexts},
            )
            for label, changes in variants.items()
        ),
        runs=tuple(
            RunRecord(
                run_id=digest([configs[label], context, seed]), variant=label, context=context, seed=seed, steps=steps
            )
            for label in variants
            for context in contexts
            for seed in seeds
        ),
        provenance=provenance(),
    )


def test_two_grids_share_what_has_the_same_runs() -> None:
    a = plan({"base": {}, "lr=2": {"lr": 2}, "wide": {"width": 16}, "lr=9": {"lr": 9}}, seeds=(0, 1))
    b = plan({"base": {}, "lr=2": {"lr": 2}, "width=16": {"width": 16}, "lr=7": {"lr": 7}}, seeds=(1, 2), steps=20)
    found = plan_difference(a, b)
    assert found.shared == (
        SharedVariant("base", "base", same=True),
        SharedVariant("lr=2", "lr=2", same=True),
        SharedVariant("wide", "width=16", same=True),
    )
    assert (found.only_a, found.only_b) == (("lr=9",), ("lr=7",))
    assert (found.runs_a, found.runs_b) == (8, 8)
    assert set(found.shared_runs) == {run.run_id for run in a.runs} & {run.run_id for run in b.runs}
    assert len(found.shared_runs) == 3, "three variants at the one seed that both have"
    assert found.settings == (Difference("seeds", [0, 1], [1, 2]), Difference("train.steps", 10, 20))
    assert found.base == (), "the budget is a setting"
    assert found.axes == (Difference("lr", [2, 9], [2, 7]),)


def test_one_label_may_be_two_configurations() -> None:
    a, b = plan({"base": {}, "x": {"lr": 2}}), plan({"base": {}, "x": {"lr": 2}}, base={"width": 32}, seeds=(5,))
    found = plan_difference(a, b)
    assert found.shared == (SharedVariant("base", "base", same=False), SharedVariant("x", "x", same=False))
    assert found.base == (Difference("width", 8, 32),)
    assert found.shared_runs == ()


def test_a_variant_may_be_the_same_without_a_common_seed() -> None:
    found = plan_difference(plan({"base": {}}, seeds=(0,)), plan({"base": {}}, seeds=(1,), steps=99))
    assert found.shared == (SharedVariant("base", "base", same=True),)
    assert found.shared_runs == ()


def test_runs_that_wait_for_a_setting_are_not_shared() -> None:
    one = plan({"base": {}})
    waiting = one.model_copy(update={"runs": tuple(run.model_copy(update={"run_id": ""}) for run in one.runs)})
    found = plan_difference(waiting, waiting)
    assert (found.runs_a, found.shared_runs) == (0, ())


def test_a_component_by_its_name_is_one_value_of_an_axis() -> None:
    a = plan({"base": {}, "relu": {"act": "relu"}, "slope": {"act": {"kind": "leaky", "slope": 1}}})
    b = plan({"base": {}, "relu": {"act": {"kind": "relu"}}, "slope": {"act": {"kind": "leaky", "slope": 1.0}}})
    assert plan_difference(a, b).axes == ()
