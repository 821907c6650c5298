"""`tune` and `confirm` through the whole engine: stages, choice, fresh seeds, resume."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ablate.cli.app import group
from ablate.core import best_candidate
from ablate.engine import Outcome, execute
from ablate.plan import make_plan
from ablate.store import PlanRecord, Store, read_scores

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-3}
  train: {steps: 30, eval_every: 10}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [tanh], optimizer: [{kind: sgd}]}
tune: {axes: {optimizer.lr: [1e-4, 1e-2, 1e+20]}, seeds: 2, select: {at: best}}
"""


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.yaml"
    path.write_text(GRID)
    return path


def run(grid: Path, *overrides: str, only: tuple[str, ...] | None = None) -> tuple[Outcome, PlanRecord]:
    root = grid.parent / "runs"
    plan = make_plan(grid, Store(root), overrides)
    chosen = None if only is None else [one for one in plan.expansion.variants if one.label in only]
    outcome = execute(plan, root, only=chosen, inline=True)
    return outcome, Store(root).plan("tuned")


def test_the_winner_of_each_variant_is_trained_on_fresh_seeds(grid: Path) -> None:
    before = make_plan(grid, Store(grid.parent / "runs"))
    assert (len(before.runs), before.waiting) == (3 * 3 * 2, 3 * 2)
    assert {run.run_id for run in before.record.runs} == {""}

    outcome, record = run(grid)
    assert (outcome.exit_code, outcome.planned, outcome.trained) == (0, 24, 24)
    tuning = record.tuning
    assert tuning is not None
    store = Store(grid.parent / "runs")
    scores = read_scores(store, tuning.runs, tuning.select)
    for variant in record.variants:
        rows = [
            [scores.get(one.run_id) for one in tuning.runs if (one.variant, one.candidate) == (variant.label, index)]
            for index in range(3)
        ]
        best = best_candidate(rows, "minimize")
        assert tuning.chosen[""][variant.label] == best
        assert variant.contexts[""]["optimizer"]["lr"] == tuning.candidates[best].changes["optimizer.lr"]
    assert len(set(tuning.chosen[""].values()) - {2}) >= 1  # 1e20 never wins: its runs diverge or learn nothing
    assert not {one.run_id for one in tuning.runs} & {one.run_id for one in record.runs}
    assert store.runs(record.runs)["status"].to_list() == ["done"] * 6

    again, same = run(grid)
    assert (again.trained, same.tuning) == (0, tuning)


def test_more_seeds_and_more_values_train_only_what_is_missing(grid: Path) -> None:
    _, first = run(grid)
    more_seeds, second = run(grid, "seeds=3")
    assert more_seeds.trained == 3
    assert second.tuning == first.tuning
    more_values, third = run(grid, "seeds=3", "tune.axes.optimizer.lr=[1e-4,1e-2,1e+20,1e-1]")
    assert first.tuning is not None
    assert third.tuning is not None
    changed = [label for label, index in third.tuning.chosen[""].items() if first.tuning.chosen[""][label] != index]
    assert more_values.trained == 3 * 2 + 3 * len(changed)


def test_only_some_variants(grid: Path) -> None:
    outcome, record = run(grid, only=("base",))
    assert (outcome.exit_code, outcome.trained) == (0, 3 * 2 + 2)
    assert record.tuning is not None
    assert list(record.tuning.chosen[""]) == ["base"]
    assert {one.run_id == "" for one in record.runs if one.variant != "base"} == {True}


def test_confirm_trains_the_best_on_seeds_that_nothing_has_seen(grid: Path) -> None:
    def confirm(*arguments: str) -> str:
        result = CliRunner().invoke(group, ["confirm", str(grid), "--store", str(store.root), "--inline", *arguments])
        return f"{result.exit_code} {result.exception or ''} {result.output}"

    store = Store(grid.parent / "runs")
    assert "have not ended, and a choice needs all" in confirm()
    run(grid)
    assert confirm("--top", "1", "--seeds", "2").startswith("0")
    first = Store(store.root).confirmation("tuned")
    assert first is not None
    plan = Store(store.root).plan("tuned")
    assert plan.tuning is not None
    assert len(first.chosen[""]) == 1
    assert not set(first.seeds) & {*plan.seeds, *plan.tuning.seeds}
    assert {run.variant for run in first.runs} == {"base", *first.chosen[""]}
    assert set(first.screened) == {run.run_id for run in plan.runs if run.variant in {"base", *first.chosen[""]}}

    assert confirm("--top", "2", "--seeds", "3").startswith("0")
    grown = Store(store.root).confirmation("tuned")
    assert grown is not None
    assert grown.seeds[:2] == first.seeds
    assert {run.run_id for run in first.runs} < {run.run_id for run in grown.runs}
    assert Store(store.root).runs(grown.runs)["status"].to_list() == ["done"] * 9
    assert Store(store.root).plan("tuned").runs == plan.runs  # the grid's own plan is left alone


@pytest.mark.slow
def test_both_stages_through_ray_give_the_same_bits(grid: Path) -> None:
    command = [sys.executable, "-m", "ablate", "run", str(grid), "--store", str(grid.parent / "ray")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    assert "24 of 24 runs ended" in result.stdout
    run(grid)
    stores = [Store(grid.parent / name) for name in ("ray", "runs")]
    first, second = (store.series([run.run_id for run in store.plan("tuned").runs]) for store in stores)
    assert first.equals(second)
