"""Estimates of time where nothing was measured: counted arithmetic at a speed that is said to be assumed."""

from pathlib import Path

import jax
import pytest

from ablate.plan import ASSUMED_FLOPS, Summary, make_plan, summarize, with_estimates
from ablate.plan import estimate as estimate_module
from ablate.plan.estimate import evaluations
from ablate.store import PackRecord, PackWriter, RunState, Store, now, provenance
from ablate.systems import Flops, count_flops

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  train: {steps: 50, eval_every: 20}
metric: {name: val_loss, goal: minimize}
seeds: 3
ablate: {optimizer.lr: [0.1], model.width: [16, 24]}
"""


def plan_of(tmp_path: Path, text: str = GRID, *, cores: int = 2, every: bool = False) -> Summary:
    (tmp_path / "grid.yaml").write_text(text)
    store = Store(tmp_path / "runs")
    return with_estimates(summarize(make_plan(tmp_path / "grid.yaml", store), store), cores=cores, every=every)


def test_the_time_is_the_counted_work_at_the_assumed_speed(tmp_path: Path) -> None:
    summary = plan_of(tmp_path)
    first = summary.packs[0]
    flops = count_flops(first.pack.signature)
    assert flops.update is not None
    assert flops.evaluation is not None
    work = 6 * (50 * flops.update + 4 * flops.evaluation)  # six runs, evaluated at 0, 20, 40 and 50
    assert first.assumed_seconds == pytest.approx(work / (2 * ASSUMED_FLOPS))
    parts = [one.assumed_seconds for one in summary.packs]
    assert summary.assumed_seconds == pytest.approx(sum(part or 0 for part in parts))
    assert summary.seconds is None
    assert summary.to_plain()["packs"][0]["flops_per_update"] == flops.update


def test_cores_without_a_lane_do_not_help(tmp_path: Path) -> None:
    few, many = plan_of(tmp_path, cores=3).packs[1], plan_of(tmp_path, cores=64).packs[1]
    assert few.assumed_seconds == many.assumed_seconds
    assert len(few.pack.runs) == 3


@pytest.mark.parametrize("steps", [1, 19, 20, 21, 40, 50])
@pytest.mark.parametrize("after", [0, 10, 20, 30])
def test_evaluations_are_those_of_the_engine(tmp_path: Path, steps: int, after: int) -> None:
    """The engine evaluates before the first update, at multiples of ``eval_every``, and at the end."""
    if after >= steps:
        return
    run = plan_of(tmp_path, GRID.replace("steps: 50", f"steps: {steps}")).packs[0].pack.runs[0]
    step, expected = after, int(after == 0)
    while step < steps:
        step = min(steps, (step // 20 + 1) * 20)
        expected += 1
    assert evaluations(run, after=after) == expected


def test_what_was_measured_is_not_assumed(tmp_path: Path) -> None:
    pack = plan_of(tmp_path).packs[0].pack
    ids = [run.run_id for run in pack.runs]
    writer = PackWriter(Store(tmp_path / "runs").pack_folder("01"), "01")
    writer.open(
        PackRecord(
            pack_id="01",
            signature=pack.signature.id,
            run_ids=tuple(ids),
            width=6,
            strategy="map",
            devices=2,
            compile_seconds=1.0,
            provenance=provenance(),
        )
    )
    states = {run_id: RunState(step=50, status="done") for run_id in ids[:2]} | {ids[2]: RunState(step=30)}
    writer.flush([], states, updated=now(), step_seconds=0.6)
    summary = plan_of(tmp_path)
    assert summary.packs[0].seconds == pytest.approx((20 + 3 * 50) * 0.1)
    assert summary.packs[0].assumed_seconds is None
    assert summary.packs[0].flops is None, "nothing is counted that nobody asked for"
    assert summary.packs[1].assumed_seconds is not None
    assert plan_of(tmp_path, every=True).packs[0].flops is not None


def test_a_program_that_cannot_be_counted_has_no_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = count_flops(plan_of(tmp_path).packs[0].pack.signature)
    answers = iter([Flops(None, known.evaluation), known])

    def count(_: object) -> Flops:
        for answer in answers:
            return answer
        message = "what a component raises"
        raise OSError(message)

    monkeypatch.setattr(estimate_module, "count_flops", count)
    assert [one.assumed_seconds is None for one in plan_of(tmp_path).packs] == [True, False, True]


def test_few_programs_are_counted_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate_module, "MOST_COUNTED", 2)
    assert [one.flops is None for one in plan_of(tmp_path).packs] == [False, False, True]
    assert [one.flops is None for one in plan_of(tmp_path, every=True).packs] == [False, False, False]


def test_no_speed_is_assumed_of_an_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    summary = plan_of(tmp_path)
    assert summary.assumed_seconds is None
    assert summary.packs[0].flops is not None
