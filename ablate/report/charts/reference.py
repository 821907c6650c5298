"""Published order of the variants beside ours: a line for each variant between its two ranks."""

from typing import Literal

import altair as alt
import polars as pl

from ablate.analysis.types import ReferenceResult
from ablate.core import Goal
from ablate.report.numbers import given, style_for

from .forest import names

ROW = 30
"""Height of one variant, in pixels."""

HEADS = [{"x": 0, "rank": 0, "text": "published order"}, {"x": 1, "rank": 0, "text": "our order"}]
"""Column heads, one row above the first rank."""

_SIDES: tuple[tuple[Literal["left", "right"], int, str, str, str], ...] = (
    ("right", -1, "start:Q", "rank:Q", "left:N"),
    ("left", 1, "end:Q", "our_rank:Q", "right:N"),
)
SLOPES = pl.Schema(
    {
        "variant": pl.String,
        "name": pl.String,
        "published": pl.Float64,
        "ours": pl.Float64,
        "rank": pl.Int64,
        "our_rank": pl.Int64,
        "left": pl.String,
        "right": pl.String,
        "color": pl.String,
        "width": pl.Float64,
    }
)


def slopes(result: ReferenceResult, goal: Goal) -> pl.DataFrame:
    """One row per variant that has both numbers, best published first; ranks count from 1, best first."""
    called = names((row[0] for row in result.rows), limit=30)
    both = [(name, published, ours) for name, published, ours in result.rows if ours is not None]
    sign = 1.0 if goal == "minimize" else -1.0
    published_order = sorted(both, key=lambda row: (sign * row[1], row[0]))
    our_order = [row[0] for row in sorted(both, key=lambda row: (sign * row[2], row[0]))]
    left = given(row[1] for row in both)
    right = style_for([row[2] for row in both], [], digits=4)
    data = []
    for rank, (variant, published, ours) in enumerate(published_order, start=1):
        our_rank = our_order.index(variant) + 1
        moved = rank != our_rank
        data.append(
            {
                "variant": variant,
                "name": called[variant],
                "published": published,
                "ours": ours,
                "rank": rank,
                "our_rank": our_rank,
                "left": left.text(published),
                "right": right.text(ours),
                "color": "var(--worse)" if moved else "var(--edge)",
                "width": 2.0 if moved else 1.25,
            }
        )
    return pl.DataFrame(data, schema=SLOPES)


def draw(rows: pl.DataFrame, *, label: str) -> alt.LayerChart:
    """The chart over the named data ``slopes`` and ``heads`` (`HEADS`)."""
    count = max(rows.height, 1)
    side = alt.Scale(domain=[-1.1, 2.1], nice=False, zero=False)
    depth = alt.Scale(domain=[-0.4, count + 0.6], reverse=True, nice=False, zero=False)

    def x(field: str) -> alt.X:
        return alt.X(field, scale=side, axis=None)

    def y(field: str) -> alt.Y:
        return alt.Y(field, scale=depth, axis=None)

    base = (
        alt.Chart(alt.NamedData("slopes"))
        .transform_calculate(start="0", end="1")
        .encode(color=alt.Color("color:N", scale=None))
    )
    lines = base.mark_rule().encode(
        x=x("start:Q"), x2="end:Q", y=y("rank:Q"), y2="our_rank:Q", strokeWidth=alt.StrokeWidth("width:Q", scale=None)
    )
    first = base.mark_point(filled=True, size=46, opacity=1).encode(x=x("start:Q"), y=y("rank:Q"))
    second = base.mark_point(filled=True, size=46, opacity=1).encode(x=x("end:Q"), y=y("our_rank:Q"))
    words = alt.Chart(alt.NamedData("slopes")).transform_calculate(start="0", end="1")
    labels = [
        words.mark_text(align=align, dx=side * shift, limit=limit, color=color).encode(
            x=x(at), y=y(rank), text=alt.Text(field)
        )
        for align, side, at, rank, value in _SIDES
        for shift, limit, field, color in ((12, 60, value, "var(--muted)"), (60, 180, "name:N", "var(--ink)"))
    ]
    heads = alt.Chart(alt.NamedData("heads")).encode(x=x("x:Q"), y=y("rank:Q"), text="text:N")
    head_left = heads.transform_filter("datum.x == 0").mark_text(align="right", dx=4, color="var(--muted)")
    head_right = heads.transform_filter("datum.x == 1").mark_text(align="left", dx=-4, color="var(--muted)")
    return alt.LayerChart(
        layer=[lines, first, second, *labels, head_left, head_right],
        width="container",
        height=ROW * (count + 1),
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
