"""How the series of one run becomes its score: one number."""

from collections.abc import Iterable

import polars as pl

from ablate.core import Goal

from .schema import MetricRecord, RunRecord
from .store import Store


def score_of(metric: MetricRecord) -> pl.Expr:
    """The score of one run, from its columns ``step`` (ascending) and ``value``; null where nothing was recorded.

    ``mean_last:K`` takes what there is when fewer than K values were recorded; ``auc`` is the trapezoidal area
    divided by the length of the steps, so that it has the unit of the metric.
    """
    value, step = pl.col("value"), pl.col("step")
    at, _, argument = metric.at.partition(":")
    match at:
        case "best":
            finite = value.filter(value.is_finite())
            best = finite.max() if _maximized(metric.goal) else finite.min()
            return pl.when(finite.len() > 0).then(best).otherwise(value.last())
        case "mean_last":
            return value.tail(int(argument)).mean()
        case "step":
            return value.filter(step == int(argument)).last()
        case "auc":
            area = ((value + value.shift(1)) / 2 * step.diff()).sum() / (step.last() - step.first())
            return pl.when(pl.len() > 1).then(area).otherwise(value.last())
        case _:
            return value.last()


def read_scores(store: Store, runs: Iterable[RunRecord], metric: MetricRecord) -> dict[str, float]:
    """Run id -> its score at its own budget, for the runs that are done and have a finite one."""
    planned = tuple(runs)
    done = store.runs(planned).filter(pl.col("status") == "done").unique("run_id").select("run_id", "budget")
    scores = (
        store.series(done["run_id"])
        .filter(pl.col("metric") == metric.name)
        .join(done, on="run_id")
        .filter(pl.col("step") <= pl.col("budget"))
        .sort("run_id", "step")
        .group_by("run_id", maintain_order=True)
        .agg(score_of(metric).alias("score"))
        .filter(pl.col("score").is_finite())
    )
    return dict(zip(scores["run_id"], scores["score"], strict=True))


def _maximized(goal: Goal) -> bool:
    return goal == "maximize"
