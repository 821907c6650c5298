"""From recorded series to one number per run."""

from collections.abc import Iterable, Sequence

import polars as pl

from ablate.store.schema import MetricRecord, PlanRecord, RunRecord
from ablate.store.score import score_of

SCORES = pl.Schema(
    {
        "run_id": pl.String,
        "variant": pl.String,
        "context": pl.String,
        "seed": pl.Int64,
        "status": pl.String,
        "outcome": pl.String,
        "score": pl.Float64,
    }
)
"""One row per planned run, in the order of the plan. ``outcome`` is ``done``, ``diverged``, ``failed`` or ``missing``;
``score`` is null unless the outcome is ``done``."""

_KEYS = ["variant", "context", "seed"]


def scores(plan: PlanRecord, runs: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """The score of each planned run, schema `SCORES`.

    A score is read from the ranking metric at the run's own budget (``RunRecord.steps``); what a longer run recorded
    after it is ignored. Only a finished run has a score. A finished run whose score is NaN or infinite counts as
    diverged, and one that never recorded the metric (at that step) as missing.

    Args:
        plan: What was planned.
        runs: How each run ended, schema ``RUNS``.
        series: What the runs recorded, schema ``SERIES``.
    """
    return scores_from(plan.runs, plan.metric, runs, metric_curves(plan.runs, series, plan.metric.name))


def planned(records: Iterable[RunRecord]) -> pl.DataFrame:
    """The planned runs, numbered in the column ``run``, with their budgets ``steps``."""
    columns = {
        "run_id": pl.String,
        "variant": pl.String,
        "context": pl.String,
        "seed": pl.Int64,
        "steps": pl.Int64,
    }
    rows = [(run.run_id, run.variant, run.context, run.seed, run.steps) for run in records]
    return pl.DataFrame(rows, schema=columns, orient="row").with_row_index("run")


def curves(plan: PlanRecord, series: pl.DataFrame) -> pl.DataFrame:
    """Every recorded series up to the budget: variant, context, seed, metric, step, value; sorted, each step once."""
    rows = _up_to_budget(plan.runs, series).sort("run", "metric", "step")
    repeated = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("run", "metric", "step"))
    rows = rows.filter(~repeated)
    labels = planned(plan.runs)
    return rows.select(
        *(labels[name].gather(rows["run"]).alias(name) for name in _KEYS),
        "metric",
        "step",
        "value",
    )


def metric_curves(records: Iterable[RunRecord], series: pl.DataFrame, metric: str) -> pl.DataFrame:
    """One metric up to the budget: run (row of `planned`), step, value; sorted, each step once."""
    rows = _up_to_budget(records, series.filter(pl.col("metric") == metric)).sort("run", "step")
    repeated = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("run", "step"))
    return rows.filter(~repeated).select("run", "step", "value")


def scores_from(
    records: Sequence[RunRecord],
    metric: MetricRecord,
    runs: pl.DataFrame,
    primary: pl.DataFrame,
    *,
    keys: Sequence[str] = _KEYS,
) -> pl.DataFrame:
    """`scores` of some planned runs, from the metric's own curves as `metric_curves` gives them.

    `keys` are the columns by which a planned run finds its row of `runs`: its id, where variant, context and seed
    do not tell runs apart.
    """
    read = primary.group_by("run", maintain_order=True).agg(score_of(metric).alias("read"))
    ended = runs.select(*keys, "status").unique(keys, keep="first", maintain_order=True)
    status, value = pl.col("status"), pl.col("read")
    outcome = (
        pl.when((status == "done") & value.is_finite())
        .then(pl.lit("done"))
        .when((status == "diverged") | ((status == "done") & value.is_not_null()))
        .then(pl.lit("diverged"))
        .when(status.is_null() | (status == "done"))
        .then(pl.lit("missing"))
        .otherwise(pl.lit("failed"))
    )
    return (
        planned(records)
        .join(ended, on=keys, how="left", maintain_order="left")
        .join(read, on="run", how="left", maintain_order="left")
        .with_columns(outcome=outcome)
        .with_columns(score=pl.when(pl.col("outcome") == "done").then(value))
        .select(SCORES.names())
    )


def _up_to_budget(records: Iterable[RunRecord], series: pl.DataFrame) -> pl.DataFrame:
    budgets = planned(records).select("run_id", "run", "steps")
    return series.join(budgets, on="run_id", how="inner").filter(pl.col("step") <= pl.col("steps"))
