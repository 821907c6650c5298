"""What must hold for every grid: order of keys, growth, uniqueness, and clear messages for any text."""

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablate.core import InputError, Problem, canonical_json
from ablate.grid import Expansion, expand, load, select
from ablate.grid.paths import normal, put_all

BASE: dict[str, Any] = {
    "model": {"kind": "gpt", "width": 64, "activation": "gelu"},
    "optimizer": {"kind": "adamw", "lr": 0.001},
    "problem": {"kind": "text", "size": 8},
}
VALUES: dict[str, list[Any]] = {
    "model.activation": ["gelu", "relu", {"kind": "shrink", "amount": 1}, {"kind": "gelu"}],
    "model.activation.kind": ["gelu", "tanh"],
    "model.activation.amount": [1, 2.0],
    "model.width": [64, 64.0, 32],
    "model.deep.er": [None, True, 1],
    "optimizer": ["sgd", {"kind": "adamw", "lr": 0.001}, {"kind": "adamw", "lr": 0.1}],
    "optimizer.lr": [0.001, 0.1],
    "problem.size": [8, 12, 16],
}
AXES = st.dictionaries(st.sampled_from(sorted(VALUES)), st.integers(0, 15), max_size=4).map(
    lambda picks: {path: [v for i, v in enumerate(VALUES[path]) if pick >> i & 1] for path, pick in picks.items()}
)
AXES = AXES.map(lambda axes: {path: values for path, values in axes.items() if values})
CONTEXTS = st.sampled_from(
    [{}, {"problem": [{"kind": "text", "size": 8}, {"kind": "text", "size": 16}]}, {"model.kind": ["gpt", "mlp"]}]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grids")


def expansion_of(folder: Path, document: Mapping[str, Any]) -> Expansion:
    path = folder / "a.yaml"
    path.write_text(json.dumps(document))
    return expand(load(path))


def document(ablate: Any, grid: Any, across: Any) -> dict[str, Any]:
    metric = {"name": "val_loss", "goal": "minimize"}
    return {"base": BASE, "metric": metric, "ablate": ablate, "grid": grid, "across": across}


def problems_of(call: Callable[[], object]) -> tuple[Problem, ...]:
    """What a call says is wrong with its input; anything but an `InputError` fails the test."""
    try:
        call()
    except InputError as error:
        return error.problems
    return ()


def configs(expansion: Expansion) -> list[str]:
    return [
        canonical_json([normal(expansion.config(variant, context)) for context in expansion.contexts])
        for variant in expansion.variants
    ]


def shuffled(value: Any, random: Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: shuffled(value[key], random) for key in keys}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(ablate=AXES, grid=AXES, across=CONTEXTS)
def test_the_variants_are_exactly_the_distinct_configurations(
    folder: Path, ablate: dict[str, Any], grid: dict[str, Any], across: dict[str, Any]
) -> None:
    expansion = expansion_of(folder, document(ablate, grid, across))
    rows: list[dict[str, Any]] = [{}, *({path: value} for path, values in ablate.items() for value in values)]
    if grid:
        rows += [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    contexts = [put_all(BASE, context.changes.items()) for context in expansion.contexts]
    wanted = {canonical_json([normal(put_all(base, row.items())) for base in contexts]) for row in rows}
    found = configs(expansion)
    assert set(found) == wanted
    assert len(found) == len(wanted)
    counts = expansion.counts
    assert counts.variants == len(rows) - counts.duplicates - counts.excluded
    assert counts.variants == (
        counts.base + counts.ablate + counts.grid * counts.zip + counts.when + counts.include
        - counts.excluded - counts.duplicates
    )  # fmt: skip
    labels = [variant.label for variant in expansion.variants]
    assert len(set(labels)) == len(labels)
    for variant in expansion.variants:
        assert select(expansion, variant.label) == (variant,)
        for path in variant.changes:
            assert expansion.locate(variant, expansion.contexts[0], path) == variant.origins[path]


@settings(deadline=None)
@given(ablate=AXES, grid=AXES, across=CONTEXTS, random=st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(
    folder: Path, ablate: dict[str, Any], grid: dict[str, Any], across: dict[str, Any], random: Random
) -> None:
    one = document(ablate, grid, across)
    before, after = expansion_of(folder, one), expansion_of(folder, shuffled(one, random))
    assert by_label(before) == by_label(after)
    assert before.counts == after.counts


def by_label(expansion: Expansion) -> dict[frozenset[str], Any]:
    """The configurations; the changes in a label and the contexts stand in the file's order, which is left out here."""
    return {
        frozenset(variant.label.split(", ")): {
            frozenset(context.label.split(", ")): normal(expansion.config(variant, context))
            for context in expansion.contexts
        }
        for variant in expansion.variants
    }


@settings(deadline=None)
@given(path=st.sampled_from(sorted(VALUES)), split=st.integers(0, 4), grid=AXES)
def test_adding_a_value_keeps_every_other_variant(folder: Path, path: str, split: int, grid: dict[str, Any]) -> None:
    small = expansion_of(folder, document({path: [*VALUES[path][:split], "other"]}, grid, {}))
    large = expansion_of(folder, document({path: [*VALUES[path], "other"]}, grid, {}))
    kept = {variant.label: variant.changes for variant in large.variants}
    assert {variant.label: kept.get(variant.label) for variant in small.variants} == {
        variant.label: variant.changes for variant in small.variants
    }


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
)
KEYS = st.sampled_from(
    ["if", "grid", "label", "kind", "that", "is", "to", "than", "order", "value", "values", "as", "log", "count",
     "range", "min", "max", "model.width", "model", "gpt", "base", "name", "goal", "at", "on", "lanes"]
) | st.text(max_size=4)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS | KEYS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
SECTIONS = st.sampled_from(
    ["version", "question", "extends", "plugins", "base", "metric", "margin", "seeds", "across", "ablate", "grid",
     "zip", "when", "exclude", "include", "claims", "reference", "run", "report", "other"]
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(changes=st.dictionaries(SECTIONS, ANYTHING, max_size=3))
def test_any_data_expands_or_raises_an_input_error(folder: Path, changes: dict[str, Any]) -> None:
    one = {"base": BASE, "metric": {"name": "x", "goal": "minimize"}, "ablate": {"model.width": [1, 2]}}
    assert all(problem.location for problem in problems_of(lambda: expansion_of(folder, one | changes)))


TOKENS = st.sampled_from(
    ["base", ": ", "\n", "  ", "- ", "{", "}", "[", "]", ", ", "*a", "&a ", "!remove ", "!!int ", "'", '"', "#", "|\n",
     ">", "? ", "---", "\t", "1e-3", "metric", "é", "\x07", "%", "@", "<<", "\r\n", "\u2028", "null", "..."]
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(text=st.lists(TOKENS, max_size=25).map("".join) | st.text(max_size=40))
def test_any_text_is_a_grid_or_raises_an_input_error(folder: Path, text: str) -> None:
    path = folder / "b.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path))


@settings(deadline=None)
@given(
    override=st.lists(TOKENS, max_size=8).map("".join) | st.text(max_size=20),
    path=st.sampled_from(["", "model.x=", "seeds=", "grid.a="]),
)
def test_any_override_is_applied_or_raises_an_input_error(folder: Path, override: str, path: str) -> None:
    file = folder / "c.yaml"
    file.write_text(json.dumps(document({}, {}, {})))
    for problem in problems_of(lambda: expand(load(file, [path + override]))):
        assert problem.location
        assert problem.location.file == "<command line>"
