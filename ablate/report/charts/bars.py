"""Bars from zero, with an interval where there is one, and the number in figures behind each."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from .focus import near
from .forest import Window, names

ROW = 30
"""Height of one bar with its gap, in pixels."""

_ARROWS = {True: "\u25b8", False: "\u25c2"}

BARS = pl.Schema(
    {
        "name": pl.String,
        "x": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "end": pl.Float64,
        "text": pl.String,
        "tip": pl.String,
        "color": pl.String,
    }
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    label: str
    """Different from all others."""
    x: float
    text: str
    tip: str
    color: str
    low: float | None = None
    high: float | None = None


def bars(found: Sequence[Bar], *, whole: bool = False) -> tuple[pl.DataFrame, Window]:
    """The rows of the chart in the order given, and the part of the axis that is drawn.

    Bars that are far off (see `ablate.report.charts.focus`) leave it, unless the `whole` axis is wanted; then their
    figures have an arrow.
    """
    called = names(bar.label for bar in found)
    reaches = {bar.label: max(abs(bar.x), abs(bar.low or 0.0), abs(bar.high or 0.0)) for bar in found}
    kept = set(reaches) if whole else near(reaches)
    inside = [end for bar in found if bar.label in kept for end in (bar.x, bar.low, bar.high) if end is not None]
    low, high = min([0.0, *inside]), max([0.0, *inside])
    room = 0.04 * (high - low) or 1.0
    shown = Window(low - (room if low < 0 else 0.0), high + room)
    data = [
        {
            "name": called[bar.label],
            "x": bar.x,
            "low": bar.low,
            "high": bar.high,
            "end": shown.high,
            "text": bar.text if shown.low <= bar.x <= shown.high else f"{_ARROWS[bar.x > 0]} {bar.text}",
            "tip": bar.tip,
            "color": bar.color,
        }
        for bar in found
    ]
    return pl.DataFrame(data, schema=BARS), shown


def draw(data: pl.DataFrame, shown: Window, *, title: str, label: str, percent: bool = False) -> alt.LayerChart:
    """The chart over the named data ``bars`` and ``zero``; `title` is that of the axis."""
    axis = alt.Axis(title=None, grid=False, labelLimit=260, labelColor="var(--ink)", labelPadding=10, labelFontSize=13)
    y = alt.Y("name:N", axis=axis, scale=alt.Scale(domain=data["name"].to_list(), paddingInner=0.45))
    scale = alt.Scale(domain=[shown.low, shown.high], nice=False, zero=False)
    below = alt.Axis(title=title, grid=True, tickCount=5, titleAnchor="end", format=".0%" if percent else "~g")
    color = alt.Color("color:N", scale=None)
    note = [alt.Tooltip("name:N", title="of"), alt.Tooltip("tip:N", title="value")]
    base = alt.Chart(alt.NamedData("bars"))
    origin = base.transform_calculate(origin="0")
    body = origin.mark_bar(clip=True, opacity=0.55).encode(
        x=alt.X("origin:Q", scale=scale, axis=below), x2="x:Q", y=y, color=color, tooltip=note
    )
    whisker = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2, clip=True)
    end = base.mark_tick(thickness=2.5, clip=True, bandSize=16)
    text = base.mark_text(align="left", dx=8, color="var(--muted)")
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color="var(--ink)", strokeWidth=1)
    return alt.LayerChart(
        layer=[
            body,
            zero.encode(x=alt.X("x:Q", scale=scale)),
            whisker.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=color, tooltip=note),
            end.encode(x=alt.X("x:Q", scale=scale), y=y, color=color, tooltip=note),
            text.encode(x=alt.X("end:Q", scale=scale), y=y, text="text:N"),
        ],
        width="container",
        height=ROW * max(data.height, 1),
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
