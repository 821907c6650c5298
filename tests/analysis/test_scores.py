"""From series to scores."""

import numpy as np
import polars as pl
import pytest

from ablate.analysis import curves, scores
from ablate.core import Goal
from ablate.store.schema import SERIES, PlanRecord
from ablate.testing.synthetic import SyntheticResults, synthetic_results

STEPS = np.array([10, 20, 40, 60, 100])


def one_run(at: str, values: list[float], goal: Goal = "minimize", budget: int = 100) -> dict[str, object]:
    """The row of a single finished run with these values at `STEPS`."""
    made = synthetic_results(0, variants=0, seeds=1, steps=budget, at=at)
    metric = made.plan.metric.model_copy(update={"goal": goal})
    plan = made.plan.model_copy(update={"metric": metric})
    series = pl.DataFrame(
        {"run_id": plan.runs[0].run_id, "step": STEPS[: len(values)], "metric": "val_loss", "value": values},
        schema=SERIES,
        strict=False,
    )
    return scores(plan, made.runs, series).row(0, named=True)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("last", 3.0),
        ("best", 1.0),
        ("mean_last:2", 3.5),
        ("mean_last:99", 3.4),
        ("step:40", 1.0),
        ("auc", (4.5 * 10 + 3 * 20 + 2.5 * 20 + 3.5 * 40) / 90),
    ],
)
def test_each_way_to_read_a_score(at: str, expected: float) -> None:
    assert one_run(at, [4.0, 5.0, 1.0, 4.0, 3.0])["score"] == pytest.approx(expected)


def test_best_follows_the_goal_and_skips_what_is_not_finite() -> None:
    assert one_run("best", [4.0, float("nan"), 5.0, float("inf"), 1.0], goal="maximize")["score"] == 5.0


def test_the_score_is_read_at_the_runs_own_budget() -> None:
    assert one_run("last", [4.0, 5.0, 1.0, 4.0, 3.0], budget=60)["score"] == 4.0
    assert one_run("best", [4.0, 5.0, 2.0, 4.0, 0.0], budget=60)["score"] == 2.0


def test_a_finished_run_without_a_finite_score_counts_as_diverged() -> None:
    for bad in (float("nan"), float("inf")):
        row = one_run("last", [4.0, bad])
        assert (row["score"], row["outcome"]) == (None, "diverged")


def test_a_finished_run_that_did_not_record_the_step_is_missing() -> None:
    row = one_run("step:50", [4.0, 5.0, 1.0])
    assert (row["score"], row["outcome"]) == (None, "missing")


def partly_finished() -> SyntheticResults:
    ends = {("activation=relu", 0): "diverged", ("activation=tanh", 1): "oom", ("base", 2): None}
    return synthetic_results(5, statuses=ends, finished=0.8, contexts=("a", "b"))  # type: ignore[arg-type]


def test_only_finished_runs_have_a_score() -> None:
    made = partly_finished()
    frame = scores(made.plan, made.runs, made.series)
    assert frame.height == len(made.plan.runs)
    assert frame.filter(pl.col("score").is_not_null())["outcome"].unique().to_list() == ["done"]
    outcome = {(row["variant"], row["seed"]): row["outcome"] for row in frame.iter_rows(named=True)}
    assert outcome["activation=relu", 0] == "diverged"
    assert outcome["activation=tanh", 1] == "failed"
    assert outcome["base", 2] == "missing"


def test_row_order_and_repeated_rows_change_nothing() -> None:
    made = partly_finished()
    series = pl.concat([made.series, made.series.head(50)]).sample(fraction=1.0, shuffle=True, seed=3)
    runs = made.runs.sample(fraction=1.0, shuffle=True, seed=4)
    assert scores(made.plan, runs, series).equals(scores(made.plan, made.runs, made.series))
    assert curves(made.plan, series).equals(curves(made.plan, made.series))


def test_a_budget_that_differs_between_contexts_is_one_run_read_twice() -> None:
    """`across: {train.steps: [50, 100]}` plans one id at two budgets."""
    made = synthetic_results(0, variants=0, seeds=1, points=4, steps=100)
    run = made.plan.runs[0]
    short = run.model_copy(update={"steps": 50, "context": "short"})
    plan: PlanRecord = made.plan.model_copy(update={"contexts": ("", "short"), "runs": (run, short)})
    runs = pl.concat([made.runs, made.runs.with_columns(context=pl.lit("short"))])
    values = made.series.filter(metric="val_loss")["value"].to_list()
    assert scores(plan, runs, made.series)["score"].to_list() == [values[3], values[1]]


def test_the_planted_effects_are_the_scores_of_a_noiseless_grid() -> None:
    made = synthetic_results(0, variants=2, effects=[0.25, -0.5], noise=0.0, level=2.0)
    frame = scores(made.plan, made.runs, made.series)
    means = frame.group_by("variant", maintain_order=True).agg(pl.col("score").mean())["score"]
    assert means.to_list() == pytest.approx([2.0, 1.75, 2.5])


def test_synthetic_results_are_deterministic_and_follow_their_seed() -> None:
    one, two, other = (synthetic_results(seed, statuses={("base", 0): "diverged"}) for seed in (1, 1, 2))
    assert one.plan == two.plan
    assert one.runs.equals(two.runs)
    assert one.series.equals(two.series)
    assert not one.series.equals(other.series)
