"""Tuning: the score of every variant against the value of the nuisance axis, the chosen value marked."""

from collections.abc import Sequence

import altair as alt
import polars as pl

from ablate.analysis.types import NuisanceAxis, Tuned
from ablate.core import Goal
from ablate.report.numbers import Style
from ablate.report.theme import SERIES

from .focus import near
from .forest import Window, names

HEIGHT = 260
"""Height of the plot, in pixels."""

LINES = 30
"""At most so many variants are drawn: the baseline and those that rank best."""

LOG_SPAN = 20.0
"""Positive values that span more than this factor stand on a logarithmic axis."""

TRIED = pl.Schema(
    {
        "variant": pl.String,
        "name": pl.String,
        "x": pl.Float64,
        "value": pl.String,
        "y": pl.Float64,
        "score": pl.String,
        "seeds": pl.String,
        "chosen": pl.Boolean,
        "color": pl.String,
        "width": pl.Float64,
    }
)


def colors(rows: Sequence[Tuned], baseline: str) -> dict[str, str]:
    """A colour for each variant: ink for the baseline, those of the curves for the first others, then grey."""
    others = [row.variant for row in rows if row.variant != baseline]
    return {baseline: "var(--ink)"} | {
        variant: SERIES[place] if place < len(SERIES) else "var(--edge)" for place, variant in enumerate(others)
    }


def tried(rows: Sequence[Tuned], axis: NuisanceAxis, baseline: str, style: Style, seeds: int) -> pl.DataFrame:
    """One row per variant and value of the one nuisance axis; ``x`` is null if the values are not numbers."""
    called = names((row.variant for row in rows), limit=44)
    paint = colors(rows, baseline)
    data = []
    for row in rows:
        for index, candidate in enumerate(row.candidates):
            data.append(
                {
                    "variant": row.variant,
                    "name": called[row.variant],
                    "x": axis.numbers[index] if axis.numbers else None,
                    "value": axis.tried[index],
                    "y": candidate.mean,
                    "score": style.text(candidate.mean),
                    "seeds": f"{candidate.n} of {seeds}",
                    "chosen": index == row.chosen,
                    "color": paint[row.variant],
                    "width": 1.0 if paint[row.variant] == "var(--edge)" else 2.0,
                }
            )
    return pl.DataFrame(data, schema=TRIED).sort("x", maintain_order=True)


def window(data: pl.DataFrame, goal: Goal) -> Window:
    """The scores that are drawn: those near the best, of all points and of the chosen ones by themselves.

    A learning rate that all but diverges would otherwise squeeze the differences that matter into one line; see
    `ablate.report.charts.focus`.
    """
    known = data.drop_nulls("y")
    if known.is_empty():
        return Window(0.0, 1.0)
    inside: list[float] = []
    for scores in (known["y"].to_list(), known.filter("chosen")["y"].to_list()):
        best = min(scores, default=0.0) if goal == "minimize" else max(scores, default=0.0)
        kept = near({f"{place:09}": abs(score - best) for place, score in enumerate(scores)})
        inside += [scores[int(place)] for place in kept]
    low, high = min(inside), max(inside)
    room = 0.06 * (high - low) or 0.05 * abs(low) or 1.0
    return Window(low - room, high + room)


def away(data: pl.DataFrame, shown: Window) -> pl.DataFrame:
    """The points outside the window, moved to its edge; ``side`` says which."""
    side = pl.when(pl.col("y") > shown.high).then(pl.lit("high")).when(pl.col("y") < shown.low).then(pl.lit("low"))
    outside = data.with_columns(side=side).drop_nulls("side")
    return outside.with_columns(y=pl.when(pl.col("side") == "high").then(shown.high).otherwise(shown.low))


def draw(axis: NuisanceAxis, shown: Window, *, label: str) -> alt.LayerChart:
    """The chart over the named data ``tried`` and ``away``."""
    x = _numeric(axis) if axis.levels else _named(axis)
    y = alt.Y(
        "y:Q",
        axis=alt.Axis(title=None, tickCount=5),
        scale=alt.Scale(domain=[shown.low, shown.high], nice=False, zero=False),
    )
    color = alt.Color("color:N", scale=None)
    note = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("value:N", title=axis.path),
        alt.Tooltip("score:N", title="mean score"),
        alt.Tooltip("seeds:N", title="tuning seeds"),
    ]
    base = alt.Chart(alt.NamedData("tried"))
    lines = base.mark_line(clip=True).encode(
        x=x, y=y, color=color, detail="variant:N", strokeWidth=alt.StrokeWidth("width:Q", scale=None)
    )
    points = base.mark_point(
        shape="circle", size=34, fill="var(--background)", strokeWidth=1.5, opacity=1, clip=True
    ).encode(x=x, y=y, color=color, tooltip=note)
    chosen = (
        base.transform_filter("datum.chosen")
        .mark_point(shape="circle", filled=True, size=120, opacity=1, clip=True)
        .encode(x=x, y=y, color=color, tooltip=note)
    )
    far = alt.Chart(alt.NamedData("away"))
    beyond = [
        far.transform_filter(f"datum.side == '{side}'")
        .mark_point(shape=shape, filled=True, size=70, opacity=1)
        .encode(x=x, y=y, color=color, tooltip=note)
        for side, shape in (("high", "triangle-up"), ("low", "triangle-down"))
    ]
    return alt.LayerChart(
        layer=[lines, points, chosen, *beyond],
        width="container",
        height=HEIGHT,
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def _numeric(axis: NuisanceAxis) -> alt.X:
    low, high = axis.levels[0], axis.levels[-1]
    log = low > 0 and high / low > LOG_SPAN
    edge = 0.04 * (high - low) or 0.5
    domain = [low / 1.25, high * 1.25] if log else [low - edge, high + edge]
    return alt.X(
        "x:Q",
        axis=alt.Axis(
            title=axis.path, grid=False, values=list(axis.levels), format=".4~g", titleAnchor="end", labelOverlap=True
        ),
        scale=alt.Scale(type="log" if log else "linear", domain=domain, nice=False),
    )


def _named(axis: NuisanceAxis) -> alt.X:
    return alt.X(
        "value:O",
        axis=alt.Axis(title=axis.path, grid=False, labelAngle=0, labelLimit=120, titleAnchor="end", labelOverlap=True),
        scale=alt.Scale(type="point", domain=list(dict.fromkeys(axis.tried)), padding=0.3),
    )
