"""Mean score against a cost, the variants that no other beats in both joined by a line."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from ablate.analysis.evidence import CostAxis, CostRow
from ablate.core import Goal
from ablate.report import numbers
from ablate.report.verdicts import VERDICTS

from .focus import near
from .forest import Window, names
from .tuning import LOG_SPAN

HEIGHT = 340
"""Height of the plot, in pixels."""

LABELS = 8
"""At most so many points have their names beside them: the baseline and the front."""

_TRIANGLES = {"high": "triangle-up", "low": "triangle-down"}

POINTS = pl.Schema(
    {
        "name": pl.String,
        "x": pl.Float64,
        "y": pl.Float64,
        "cost": pl.String,
        "score": pl.String,
        "verdict": pl.String,
        "where": pl.String,
        "color": pl.String,
        "shape": pl.String,
        "front": pl.Boolean,
        "side": pl.String,
    }
)


@dataclass(frozen=True, slots=True)
class Scatter:
    """One cost: its points, its front as a line, labels, and the ends of both axes."""

    points: pl.DataFrame
    front: pl.DataFrame
    labels: pl.DataFrame
    x: tuple[float, float]
    log: bool
    y: Window


def cost_of(row: CostRow, axis: CostAxis) -> float | None:
    """The cost of a variant on an axis."""
    value: float | None = getattr(row, axis.key)
    return value


def cost_text(value: float | None, axis: CostAxis) -> str:
    """A cost with its unit."""
    if value is None:
        return numbers.ABSENT
    return numbers.seconds(value) if axis.key == "seconds" else f"{numbers.si(value)} {axis.unit}".strip()


def scatter(rows: Sequence[CostRow], axis: CostAxis, style: numbers.Style, goal: Goal) -> Scatter:
    """The data of one cost; variants without a mean or a cost are left out.

    Means that are far off (see `ablate.report.charts.focus`) stand at the edge of the plot, as triangles.
    """
    sign = 1.0 if goal == "minimize" else -1.0
    known = [(row, cost, row.mean) for row in rows if row.mean is not None and (cost := cost_of(row, axis)) is not None]
    called = names((row.variant for row, _, _ in known), limit=30)
    best = min((sign * mean for _, _, mean in known), default=0.0)
    kept = near({row.variant: sign * mean - best for row, _, mean in known})
    inside = [mean for row, _, mean in known if row.variant in kept] or [0.0]
    room = 0.06 * (max(inside) - min(inside)) or 0.05 * abs(inside[0]) or 1.0
    shown = Window(min(inside) - room, max(inside) + room)
    data = []
    for row, cost, mean in known:
        side = "high" if mean > shown.high else "low" if mean < shown.low else ""
        front = row.variant in axis.front
        special = VERDICTS[row.verdict] if row.verdict in ("baseline", "unstable") else None
        data.append(
            {
                "name": called[row.variant],
                "x": cost,
                "y": shown.high if side == "high" else shown.low if side == "low" else mean,
                "cost": cost_text(cost, axis),
                "score": f"{style.text(mean)}, n = {row.n}",
                "verdict": row.verdict,
                "where": "; ".join(row.hardware) or "not known",
                "color": special.paint if special else "var(--better)" if front else "var(--unsure)",
                "shape": _TRIANGLES.get(side, special.path if special else "circle"),
                "front": front,
                "side": side,
            }
        )
    points = pl.DataFrame(data, schema=POINTS)
    costs = [cost for _, cost, _ in known] or [1.0]
    low, high = min(costs), max(costs)
    log = low > 0 and high / low > LOG_SPAN
    ends = (low / 1.25, high * 1.6) if log else (low - 0.05 * (high - low), high + 0.16 * (high - low))
    line = points.filter("front").sort("x", "y", maintain_order=True).select("x", "y")
    named = points.filter((pl.col("front") | (pl.col("verdict") == "baseline")) & (pl.col("side") == ""))
    return Scatter(points, line, named if named.height <= LABELS else named.clear(), ends, log, shown)


def draw(found: Scatter, axis: CostAxis, *, metric: str, better: str, label: str) -> alt.LayerChart:
    """The chart over the named data ``points``, ``front`` and ``labels``."""
    x = alt.X(
        "x:Q",
        axis=alt.Axis(title=title(axis), grid=False, tickCount=6, format="~s", titleAnchor="end"),
        scale=alt.Scale(type="log" if found.log else "linear", domain=list(found.x), nice=False),
    )
    y = alt.Y(
        "y:Q",
        axis=alt.Axis(title=f"mean {metric} \u2013 {better} is better", tickCount=5, titleAnchor="end"),
        scale=alt.Scale(domain=[found.y.low, found.y.high], nice=False, zero=False),
    )
    color = alt.Color("color:N", scale=None)
    note = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("score:N", title="mean score"),
        alt.Tooltip("cost:N", title="cost"),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("where:N", title="hardware"),
    ]
    line = alt.Chart(alt.NamedData("front")).mark_line(
        color="var(--better)", strokeWidth=1.5, interpolate="step-after", clip=True
    )
    points = alt.Chart(alt.NamedData("points"))
    shape = alt.Shape("shape:N", scale=None)
    rest = points.transform_filter("!datum.front").mark_point(filled=True, size=58, opacity=0.8)
    front = points.transform_filter("datum.front").mark_point(filled=True, size=100, opacity=1)
    words = alt.Chart(alt.NamedData("labels"), name="numbers").mark_text(align="left", dx=9, dy=-8, limit=200)
    return alt.LayerChart(
        layer=[
            line.encode(x=x, y=y),
            rest.encode(x=x, y=y, color=color, shape=shape, tooltip=note),
            front.encode(x=x, y=y, color=color, shape=shape, tooltip=note),
            words.encode(x=x, y=y, text="name:N"),
        ],
        width="container",
        height=HEIGHT,
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def title(axis: CostAxis) -> str:
    """Of the axis."""
    return f"{axis.label} ({axis.unit})" if axis.unit else axis.label
