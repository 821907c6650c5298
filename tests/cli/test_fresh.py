"""``ablate run --fresh``: everything again, after the grid's name was typed."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ablate.cli import app
from ablate.store import Store

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 4}
  train: {steps: 4, eval_every: 2}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {optimizer.lr: [0.1]}
"""


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app.group, ["run", "grid.yaml", "--inline", *arguments], input=typed)


def test_fresh_trains_everything_again_once_the_name_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grid.yaml").write_text(GRID)
    assert "4 of 4 runs ended" in run("--fresh").output, "nothing was there: nothing is asked"
    before = Store(tmp_path / "runs")

    refused = run("--fresh", typed="rid\n")
    assert "4 runs will be trained again" in refused.output
    assert "not confirmed" in str(refused.exception)
    assert Store(tmp_path / "runs").attempts == before.attempts

    again = run("--fresh", "--only", "base", typed="grid\n")
    assert "2 runs will be trained again" in again.output
    assert "4 of 4 runs ended; 2 trained now" in again.output
    after = Store(tmp_path / "runs")
    changed = {run_id for run_id in after.attempts if after.attempts[run_id] != before.attempts[run_id]}
    assert changed == {one.run_id for one in after.plan("grid").runs if one.variant == "base"}
    assert after.series(after.attempts).equals(before.series(before.attempts)), "the same bits"
