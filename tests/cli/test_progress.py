"""What is said of a run while it trains: the speed, and the time that is left."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ablate.cli.progress import Progress
from ablate.engine import LaneReport, PackReport
from ablate.plan import Plan, make_plan
from ablate.store import Store

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-2}
  train: {steps: 400, eval_every: 100}
metric: {name: val_loss, goal: minimize}
seeds: 5
ablate: {model.activation: [tanh]}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "grid.yaml").write_text(GRID)
    return make_plan(tmp_path / "grid.yaml", Store(tmp_path / "runs"))


def test_the_speed_is_that_of_training(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten seconds of compiling are not ten seconds in which a pack was slow."""
    now = 0.0
    monkeypatch.setattr("ablate.cli.progress.time", SimpleNamespace(monotonic=lambda: now))

    def report(at: float, index: int, phase: str, step: int, waited_seconds: float = 0.0) -> str:
        nonlocal now
        now = at
        variant = ("base", "activation=tanh")[index]
        lanes = tuple(
            LaneReport(run_id=run.run_id, label=run.label, seed=run.seed, step=step, steps=run.steps)
            for run in plan.runs
            if run.variant == variant
        )
        shown.update(
            PackReport.model_validate(
                {"index": index, "phase": phase, "lanes": lanes, "waited_seconds": waited_seconds}
            )
        )
        return capsys.readouterr().err

    with Progress(plan) as shown:
        assert "ETA –" in report(5, 0, "compiling", 0)
        assert "100 steps/s, ETA 35 s" in report(20, 0, "training", 100, 10.0)  # 5 lanes x 100 steps in 5 s
        assert "100 steps/s, ETA 20 s" in report(35, 0, "ended", 400, 10.0)
        assert "100 steps/s, ETA 20 s" in report(35, 1, "compiling", 0)
        assert "200 steps/s, ETA 5 s" in report(50, 1, "training", 200, 10.0)
        assert "200 steps/s, ETA 0 s" in report(55, 1, "ended", 400, 10.0)
