"""Paired difference from the baseline over the steps: shows when an effect appears."""

from collections.abc import Mapping

import altair as alt
import polars as pl

from . import curves


def paired(runs: pl.DataFrame, baseline: str, signs: Mapping[str, float]) -> pl.DataFrame:
    """Each run minus the baseline's run of the same context and seed, at the same step: columns as `runs`.

    `signs` turns a metric's difference into an improvement: +1 if higher is better, -1 if lower is. A metric that
    is not named there keeps its plain difference.
    """
    key = ["metric", "context", "seed", "step"]
    base = runs.filter(pl.col("variant") == baseline).select(*key, base="value")
    sign = pl.col("metric").replace_strict(dict(signs), default=1.0, return_dtype=pl.Float64)
    return (
        runs.filter(pl.col("variant") != baseline)
        .join(base, on=key)
        .with_columns(value=(pl.col("value") - pl.col("base")) * sign)
        .drop("base")
        .sort(*curves.RUN, "step")
    )


def draw(*, label: str) -> alt.LayerChart:
    """The chart; its data are differences, and the baseline is the line at zero."""
    return curves.draw(label=label, zero=True)
