"""Reads what ablate left in its store, in the form that the other peers leave. Not timed."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ablate.store import PackStatus, Store

from .grids.grid import flat
from .task import Curve, Task

SECOND = {"mlp": "val_scale", "transformer": "val_accuracy"}
"""What `Curve.second` is called in ablate."""


def curves_of_ablate(task: Task) -> dict[int, Curve]:
    """Trial -> its curve."""
    grid, store = task.grid, Store(Path(task.out) / "runs")
    plan = store.plan(task.name)
    settings = {variant.label: variant.contexts[""] for variant in plan.variants}
    trials = {(key(trial.settings, grid.paths), trial.seed): trial.index for trial in grid.trials}
    index = {run.run_id: trials[key(settings[run.variant], grid.paths), run.seed] for run in plan.runs if run.run_id}
    curves = {}
    for (run_id,), series in store.series(index).group_by(["run_id"]):
        curves[index[str(run_id)]] = Curve(
            _values(series, "train_loss"), _values(series, "val_loss"), _values(series, SECOND[grid.workload])
        )
    return curves


def facts_of_ablate(task: Task) -> dict[str, float]:
    """Where the time of ``ablate run`` went, as its packs recorded it; seconds are sums over packs."""
    store = Store(Path(task.out) / "runs")
    packs = store.packs()
    states = [
        PackStatus.model_validate_json((store.pack_folder(pack.pack_id) / "status.json").read_bytes()) for pack in packs
    ]
    return {
        "packs": len(packs),
        "signatures": len({pack.signature for pack in packs}),
        "programs": len({(pack.signature, pack.width, pack.strategy) for pack in packs}),
        "compilations": sum(pack.compile_seconds > 0 for pack in packs),
        "compile_seconds": sum(pack.compile_seconds for pack in packs),
        "training_seconds": sum(run.seconds for status in states for run in status.runs.values()),
    }


def _values(series: pl.DataFrame, metric: str) -> list[float]:
    found = series.filter(pl.col("metric") == metric).sort("step")["value"].to_list()
    return [math.nan if value is None else float(value) for value in found]


def key(config: Mapping[str, Any], paths: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of these paths, in a configuration or in `Trial.settings`; a component by its kind."""
    settings = dict(flat(config))
    return tuple(settings[path] if path in settings else settings[f"{path}.kind"] for path in paths)
