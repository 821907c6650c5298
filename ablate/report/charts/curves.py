"""Curves: a metric over the steps, as seed lines, means and t bands."""

import altair as alt
import polars as pl

from ablate.report.student import critical

HEIGHT = 300
"""Height of the plot, in pixels."""

RUN = ("metric", "context", "variant", "seed")
CURVE = ("metric", "context", "variant")


def on_grid(curves: pl.DataFrame, points: int) -> pl.DataFrame:
    """Every run on the common steps of its metric: columns metric, context, variant, seed, step, value.

    A metric with more than `points` recorded steps is averaged in that many buckets, each named by its last step.
    Values that are not finite become null, and so does a bucket that holds one.
    """
    steps = curves.select("metric", "step").unique().sort("metric", "step")
    count = pl.len().over("metric")
    index = pl.int_range(pl.len()).over("metric")
    bucket = pl.when(count <= points).then(index).otherwise(index * points // count)
    steps = steps.with_columns(bucket=bucket).with_columns(at=pl.col("step").max().over("metric", "bucket"))
    value = pl.when(pl.col("value").is_finite().all()).then(pl.col("value").mean())
    return (
        curves.join(steps.select("metric", "step", "at"), on=["metric", "step"])
        .group_by(*RUN, pl.col("at").alias("step"))
        .agg(value=value)
        .sort(*RUN, "step")
    )


def bands(runs: pl.DataFrame, level: float) -> pl.DataFrame:
    """Mean and t interval over the seeds: columns metric, context, variant, step, n, mean, low, high.

    Only for variants with three seeds or more, and only at steps that every started seed has reached with a finite
    value: a mean over the survivors of a divergence would flatter the variant.
    """
    started = runs.group_by(*CURVE).agg(started=pl.col("seed").n_unique())
    means = (
        runs.drop_nulls("value")
        .group_by(*CURVE, "step")
        .agg(n=pl.len(), mean=pl.col("value").mean(), sd=pl.col("value").std())
        .join(started, on=list(CURVE))
        .filter((pl.col("n") == pl.col("started")) & (pl.col("n") >= 3))
        .with_columns(pl.col("n").cast(pl.Int64))
    )
    factors = {n: critical(n - 1, level) / n**0.5 for n in means["n"].unique().to_list()}
    half = pl.col("sd") * pl.col("n").replace_strict(factors or {0: 0.0}, return_dtype=pl.Float64)
    return (
        means.with_columns(low=pl.col("mean") - half, high=pl.col("mean") + half)
        .select(*CURVE, "step", "n", "mean", "low", "high")
        .sort(*CURVE, "step")
    )


def layers(*, zero: bool) -> list[alt.Chart]:
    """The layers over the named data ``bands``, ``seeds``, ``means``, ``points``, ``labels`` and ``zero``.

    The page fills in rows with ``s`` (step), ``y``, ``v`` (variant), ``run``, ``c`` (colour) and ``dash``.
    """
    x = alt.X("s:Q", axis=alt.Axis(title="step", grid=False, tickCount=6, format="~s", titleAnchor="end"))
    y = alt.Y("y:Q", axis=alt.Axis(title=None, tickCount=5), scale=alt.Scale(zero=False, nice=False))
    color = alt.Color("c:N", scale=None)
    dash = alt.StrokeDash("dash:N", scale=None)
    lit = "focus == '' || datum.v == focus"
    clear = alt.condition(lit, alt.value(1.0), alt.value(0.12))
    faint = alt.condition(lit, alt.value(0.72), alt.value(0.06))
    band = (
        alt.Chart(alt.NamedData("bands"))
        .mark_area(clip=True)
        .encode(
            x=x, y=y, y2="y2:Q", color=color, detail="v:N", opacity=alt.condition(lit, alt.value(0.13), alt.value(0.03))
        )
    )
    seeds = (
        alt.Chart(alt.NamedData("seeds"))
        .mark_line(clip=True, strokeWidth=0.9)
        .encode(x=x, y=y, color=color, detail="run:N", opacity=faint)
    )
    means = (
        alt.Chart(alt.NamedData("means"))
        .mark_line(clip=True, strokeWidth=2)
        .encode(x=x, y=y, color=color, detail="run:N", strokeDash=dash, opacity=clear)
    )
    hover = alt.selection_point(name="hover", on="pointermove", clear="pointerout", empty=False)
    points = alt.Chart(alt.NamedData("points"), name="points")
    targets = (
        points.mark_point(filled=True, size=260, opacity=0, clip=True)
        .encode(
            x=x,
            y=y,
            tooltip=[
                alt.Tooltip("name:N", title="variant"),
                alt.Tooltip("step:Q", title="step", format=",d"),
                alt.Tooltip("text:N", title="value"),
            ],
        )
        .add_params(hover)
    )
    found = (
        alt.Chart(alt.NamedData("points"))
        .transform_filter(hover)
        .mark_point(filled=True, size=56, opacity=1, clip=True)
        .encode(x=x, y=y, color=color)
    )
    labels = (
        alt.Chart(alt.NamedData("labels"))
        .mark_text(align="left", dx=8, limit=128, fontSize=12)
        .encode(x=x, y=y, text="name:N", color=color, opacity=clear)
    )
    rule = alt.Chart(alt.NamedData("zero")).mark_line(color="var(--ink)", strokeWidth=1.25, clip=True).encode(x=x, y=y)
    return [*([rule] if zero else []), band, seeds, means, found, labels, targets]


def draw(*, label: str, zero: bool = False) -> alt.LayerChart:
    """The chart; `zero` adds the line of the baseline, for differences."""
    focus = alt.param(name="focus", value="")
    return alt.LayerChart(
        layer=layers(zero=zero),
        width="container",
        height=HEIGHT,
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    ).add_params(focus)
