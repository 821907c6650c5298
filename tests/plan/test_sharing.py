"""A plan of variants that share parts is what each variant alone would give."""

import gc
import weakref
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ablate.core import GridError, Parts, digest, run_id, to_identity, to_plain
from ablate.grid import Expansion, Grid, expand, load
from ablate.plan import make_packs, make_plan, resolve
from ablate.store import Store
from ablate.systems import PROGRAMS, Signatures, citations, signature

ROOT = Path(__file__).parents[2]

AXES: dict[str, list[Any]] = {
    "problem.noise": [0, 0.0, 0.1, -1, True, "much"],
    "problem.nois": [0.1],
    "model": ["mlp", {"kind": "mlp", "width": 8}, {"kind": "mlp", "width": 8.0}, "gpt", "mpl"],
    "model.width": [8, 8.0, True, "wide", 4],
    "model.activation": ["relu", "leaky_relu", {"kind": "leaky_relu", "slope": 0.2}, "lrelu"],
    "optimizer": ["sgd", {"kind": "sgd", "momentum": 0.5}, {"lr": 0.1}],
    "optimizer.lr": [1, 1.0, 0.1, True, -0.0, 1e-3, 2**25],
    "optimizer.clip": [None, 1.0, 1],
    "train.steps": [20, 40, 2.5],
    "train.eval_every": [10, 5],
}
BASE = {"problem": "spirals", "model": {"kind": "mlp", "width": 8}, "train": {"steps": 20, "eval_every": 10}}


@st.composite
def grids(draw: st.DrawFn) -> dict[str, Any]:
    """A grid over a few axes, with sound and unsound values among them."""
    paths = draw(st.lists(st.sampled_from(sorted(AXES)), min_size=1, max_size=3, unique=True))
    axes = {path: draw(st.lists(st.sampled_from(AXES[path]), min_size=1, max_size=3, unique_by=repr)) for path in paths}
    section: Literal["grid", "ablate"] = draw(st.sampled_from(["grid", "ablate"]))
    return grid_of({section: axes}, draw(st.sampled_from(["val_loss", "val_loss", "val_los"])))


def grid_of(axes: dict[str, Any], metric: str = "val_loss") -> dict[str, Any]:
    """A grid file."""
    return {"base": BASE, "metric": {"name": metric, "goal": "minimize"}, "seeds": 2, **axes}


def expanded(path: Path, data: dict[str, Any]) -> tuple[Grid, Expansion] | None:
    """The grid of a file, or None if it cannot be expanded, whatever its components are."""
    path.write_text(yaml.safe_dump(data))
    try:
        grid = load(path)
        return grid, expand(grid)
    except GridError:
        return None


def outcome(grid: Grid, expansion: Expansion) -> Any:
    """What `resolve` finds, or every problem with its place, in order."""
    try:
        found = resolve(grid, expansion)
    except GridError as error:
        return error.problems
    return [
        (one.variant.label, one.context.label, repr(to_plain(one.config)), one.identity, one.signature, one.parameters)
        for one in found
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=grids())
@example(data=grid_of({"grid": {"optimizer.lr": [1, True, 0.1], "model.width": [4, 8]}}))
@example(data=grid_of({"grid": {"optimizer": ["sgd", {"lr": 0.1}], "model.activation": ["relu", {"kind": "gelu"}]}}))
def test_a_plan_with_shared_parts_is_the_plain_one(tmp_path: Path, data: dict[str, Any]) -> None:
    found = expanded(tmp_path / "grid.yaml", data)
    assume(found is not None)
    assert found is not None
    grid, expansion = found
    shared = outcome(grid, expansion)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parts, "read", lambda self, reader, data, read: read())
        assert shared == outcome(grid, expansion)


@pytest.mark.parametrize("path", sorted((ROOT / "grids").glob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_ids_and_packs_follow_their_plain_definitions(path: Path, tmp_path: Path) -> None:
    plan = make_plan(path, Store(tmp_path))
    alone = {}
    for context in plan.expansion.contexts:
        for variant in plan.expansion.variants:
            raw = dict(plan.expansion.config(variant, context))
            config = PROGRAMS.parse({"kind": raw.pop("program", "supervised"), **raw})
            alone[variant.label, context.label] = config
    base = citations(alone["base", ""])
    for run in plan.runs:
        config = alone[run.variant, run.context]
        assert run.run_id == run_id(digest(to_identity(config)), run.seed)
        assert run.signature == signature(config)
    assert {pack.signature for pack in make_packs(plan.runs)} == set(map(signature, alone.values()))
    for record in plan.record.variants:
        config = alone[record.label, ""]
        assert repr(record.contexts[""]) == repr(to_plain(config))
        cited = citations(config) if record.is_base else {k: v for k, v in citations(config).items() if k not in base}
        assert record.citations == tuple(f"{kind}: {source}" for kind, source in cited.items())


CONFIGS: list[dict[str, Any]] = [
    {"kind": "supervised", "model": {"kind": kind, "activation": activation, **more}, **rest}
    for kind, width in (("mlp", {"width": 8}), ("gpt", {"layers": 1}))
    for activation in ("gelu", "relu", "leaky_relu", {"kind": "leaky_relu", "slope": 0.2})
    for more in ({}, width)
    for rest in (
        {},
        {"optimizer": {"lr": 1}},
        {"optimizer": {"lr": 0.5, "clip": 1.0}},
        {"optimizer": "sgd", "train": {"steps": 7}},
        {"optimizer": {"schedule": {"kind": "warmup_cosine", "warmup": 1, "horizon": 9}}},
        {"optimizer": {"schedule": {"kind": "warmup_cosine", "warmup": 2, "horizon": 9}}},
    )
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(CONFIGS), min_size=2, max_size=8))
def test_signatures_are_one_object_exactly_when_they_are_equal(raws: list[dict[str, Any]]) -> None:
    signatures, parts = Signatures(), Parts()
    configs = [PROGRAMS.parse(raw, parts) for raw in raws]
    found = [signatures.of(config) for config in configs]
    assert found == [signature(config) for config in configs]
    for one in found:
        for other in found:
            assert (one is other) == (one == other)


def test_nothing_outlives_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(grid_of({"ablate": {"optimizer.lr": [0.1, 0.2, 0.3]}, "seeds": 1})))
    plan = make_plan(path, Store(tmp_path / "runs"))
    watched = [weakref.ref(run.config.optimizer) for run in plan.runs if run.variant != "base"]  # type: ignore[attr-defined]
    assert len(watched) == 3
    del plan
    gc.collect()
    assert [reference() for reference in watched] == [None] * 3
