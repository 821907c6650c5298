"""What a grid and a command can ask of the order, the number and the choice of runs; and lanes on several devices."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ablate.core import CommandError
from ablate.engine import Outcome, PackReport, execute
from ablate.grid import select
from ablate.plan import make_packs, make_plan
from ablate.store import Store

from .driving import SPIRALS, Driver

GRID = """
question: "What comes first?"
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-2}
  train: {steps: 4, eval_every: 2}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [tanh, gelu], optimizer.lr: [0.1]}
"""


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


def train(grid: Path, *overrides: str, only: str | None = None) -> tuple[Outcome, list[tuple[str, int]]]:
    """Train inline; label and seed of the first run of each pack, in the order in which packs began."""
    root = grid.parent / "runs"
    plan = make_plan(grid, Store(root), overrides)
    began: list[tuple[str, int]] = []

    def note(report: PackReport) -> None:
        if report.phase == "compiling":
            began.append((report.lanes[0].label, report.lanes[0].seed))

    chosen = None if only is None else select(plan.expansion, only)
    return execute(plan, root, on_report=note, only=chosen, inline=True), began


def test_all_variants_at_the_first_seed_come_first(grid: Path) -> None:
    _, began = train(grid, "run.lanes=solo")
    variants = ["base", "activation=tanh", "activation=gelu", "lr=0.1"]
    assert began == [(variant, seed) for seed in (0, 1) for variant in variants]


def test_or_variant_by_variant_as_in_the_file(grid: Path) -> None:
    _, began = train(grid, "run.lanes=solo", "run.order=file")
    variants = ["base", "activation=tanh", "activation=gelu", "lr=0.1"]
    assert began == [(variant, seed) for variant in variants for seed in (0, 1)]


def test_or_in_an_order_that_has_nothing_to_do_with_them(grid: Path) -> None:
    _, began = train(grid, "run.lanes=solo", "run.order=shuffled", "seeds=6")
    assert sorted(began) == sorted(set(began))
    assert len(began) == 24
    assert began not in (sorted(began), sorted(began, key=lambda place: place[1]))


def test_fewer_seeds_and_fewer_variants_for_once(grid: Path) -> None:
    outcome, _ = train(grid, "seeds=[5,7]", only="lr=0.1,*=tanh")
    plan = Store(grid.parent / "runs").plan("grid")
    ended = {(run.variant, run.seed) for run in plan.runs if run.run_id in outcome.statuses}
    assert ended == {(variant, seed) for variant in ("lr=0.1", "activation=tanh") for seed in (5, 7)}
    again, _ = train(grid, "seeds=5-7")
    assert (again.exit_code, again.trained, len(again.statuses)) == (0, 12 - 4, 12)


def test_retry_takes_names_of_failures_alone(grid: Path) -> None:
    plan = make_plan(grid, Store(grid.parent / "runs"))
    with pytest.raises(CommandError, match=r"no failure is called 'diverged'"):
        execute(plan, grid.parent / "runs", retry=["diverged"], inline=True)


@pytest.mark.parametrize(
    ("most", "workers", "widths"),
    [
        (64, 1, [4, 2, 2]),
        (64, 3, [4, 2, 2]),
        (64, 4, [2, 2, 2, 2]),
        (64, 6, [2, 2, 1, 1, 1, 1]),
        (64, 99, [1] * 8),
        (3, 1, [4, 2, 2]),
        (1, 2, [1] * 8),
    ],
)
def test_packs_are_split_until_there_is_one_for_each_worker(
    grid: Path, most: int, workers: int, widths: list[int]
) -> None:
    runs = make_plan(grid, Store(grid.parent / "runs")).runs
    packs = make_packs(runs, most_lanes=most, workers=workers)
    assert sorted((len(pack.runs) for pack in packs), reverse=True) == widths
    assert sorted(run.run_id for pack in packs for run in pack.runs) == sorted(run.run_id for run in runs)
    assert all(run.signature == pack.signature for pack in packs for run in pack.runs)


def test_four_workers_share_the_runs_of_one_signature_evenly(grid: Path) -> None:
    plan = make_plan(grid, Store(grid.parent / "runs"), ["seeds=96"])
    runs = [run for run in plan.runs if run.variant in {"base", "lr=0.1"}]
    assert [(len(pack.runs), pack.lanes) for pack in make_packs(runs)] == [(192, 64)]
    assert [(len(pack.runs), pack.lanes) for pack in make_packs(runs, workers=2)] == [(96, 48)] * 2
    assert [(len(pack.runs), pack.lanes) for pack in make_packs(runs, workers=4)] == [(48, 48)] * 4
    assert [(len(pack.runs), pack.lanes) for pack in make_packs(runs, most_lanes=5)] == [(64, 5)] * 3


@pytest.mark.slow
def test_no_more_packs_at_a_time_than_allowed(tmp_path: Path) -> None:
    driver = Driver(tmp_path, SPIRALS.replace("lanes: map", "lanes: solo, resources: {cpu: 0.5}"))
    printed = driver.finish("run.max_concurrent_trials=1", "train.steps=500")
    assert re.findall("compiling|ended(?= step)", printed) == ["compiling", "ended"] * 6


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "tolerance"), [("map", 0.0), ("vmap", 1e-5)])
def test_lanes_on_four_devices_and_on_one(tmp_path: Path, strategy: str, tolerance: float) -> None:
    series: list[pl.DataFrame] = []
    for devices in (1, 4):
        folder = tmp_path / str(devices)
        folder.mkdir()
        flags = f"--xla_force_host_platform_device_count={devices}"
        driver = Driver(folder, SPIRALS, environment={"XLA_FLAGS": flags})
        driver.finish("--inline", f"run.lanes={strategy}", "train.steps=100", "train.eval_every=50", "seeds=4")
        assert {pack.devices for pack in driver.store.packs()} == {devices}
        series.append(driver.results())
    assert series[0].drop("value").equals(series[1].drop("value"))
    np.testing.assert_allclose(series[1]["value"], series[0]["value"], rtol=tolerance)
