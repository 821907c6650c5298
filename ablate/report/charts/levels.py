"""One factor of a full grid: what each of its values gains, all other factors averaged out."""

import altair as alt
import polars as pl

from ablate.analysis.evidence import FactorEffect
from ablate.report.numbers import Style
from ablate.report.verdicts import VERDICTS

from .forest import Window, names
from .tuning import LOG_SPAN

HEIGHT = 210
"""Height of the plot, in pixels."""

LEVELS = pl.Schema(
    {
        "value": pl.String,
        "x": pl.Float64,
        "y": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "gain": pl.String,
        "mean": pl.String,
        "color": pl.String,
        "shape": pl.String,
        "size": pl.Float64,
        "edge": pl.String,
    }
)


def levels(factor: FactorEffect, effect: Style, score: Style, n: int) -> pl.DataFrame:
    """One row per value; ``x`` is null unless all are numbers."""
    called = names((level.value for level in factor.levels), limit=24)
    data = []
    for place, level in enumerate(factor.levels):
        is_best = place == factor.best
        gain = effect.text(level.improvement, sign=True)
        if level.interval is not None:
            gain += f" [{effect.text(level.interval.low)}, {effect.text(level.interval.high)}]"
        data.append(
            {
                "value": called[level.value],
                "x": level.number,
                "y": level.improvement,
                "low": level.interval.low if level.interval else None,
                "high": level.interval.high if level.interval else None,
                "gain": "baseline's value" if level.of_baseline else gain,
                "mean": f"{score.text(level.mean)}, {n} seeds",
                "color": "var(--ink)" if level.of_baseline else "var(--better)" if is_best else "var(--unsure)",
                "shape": VERDICTS["baseline"].path if level.of_baseline else "circle",
                "size": 110.0 if is_best or level.of_baseline else 70.0,
                "edge": f"{factor.edge} tried" if is_best and factor.edge else "",
            }
        )
    return pl.DataFrame(data, schema=LEVELS)


def window(frames: list[pl.DataFrame]) -> Window:
    """The common axis of all factors, so that their plots can be compared by eye."""
    ends = [0.0]
    for frame in frames:
        ends += [end for name in ("y", "low", "high") for end in frame[name].drop_nulls().to_list()]
    low, high = min(ends), max(ends)
    room = 0.12 * (high - low) or 1.0
    return Window(low - room, high + room)


def draw(data: pl.DataFrame, shown: Window, *, name: str, label: str) -> alt.LayerChart:
    """The chart over the named data ``levels`` and ``zero``."""
    numeric = data["x"].null_count() == 0
    x = _numeric(data, name) if numeric else _named(data, name)
    scale = alt.Scale(domain=[shown.low, shown.high], nice=False, zero=False)
    y = alt.Y("y:Q", axis=alt.Axis(title=None, tickCount=5), scale=scale)
    color = alt.Color("color:N", scale=None)
    note = [
        alt.Tooltip("value:N", title=name),
        alt.Tooltip("gain:N", title="\u0394 [interval]"),
        alt.Tooltip("mean:N", title="mean score"),
    ]
    base = alt.Chart(alt.NamedData("levels"))
    zero = alt.Chart(alt.NamedData("zero")).mark_rule(color="var(--ink)", strokeWidth=1)
    layers = [zero.encode(y=alt.Y("x:Q", scale=scale, title=None))]
    if numeric:
        layers.append(base.mark_line(color="var(--edge)", strokeWidth=1.25).encode(x=x, y=y))
    whisker = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    layers.append(
        whisker.encode(x=x, y=alt.Y("low:Q", scale=scale, title=None), y2="high:Q", color=color, tooltip=note)
    )
    points = base.mark_point(filled=True, opacity=1)
    layers.append(
        points.encode(
            x=x,
            y=y,
            color=color,
            shape=alt.Shape("shape:N", scale=None),
            size=alt.Size("size:Q", scale=None),
            tooltip=note,
        )
    )
    words = base.transform_filter("datum.edge != ''").mark_text(dy=-14, fontSize=11.5, color="var(--worse)")
    layers.append(words.encode(x=x, y=y, text="edge:N"))
    return alt.LayerChart(
        layer=layers,
        width="container",
        height=HEIGHT,
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )


def _numeric(data: pl.DataFrame, name: str) -> alt.X:
    numbers = data["x"].to_list()
    low, high = min(numbers), max(numbers)
    log = low > 0 and high / low > LOG_SPAN
    edge = 0.12 * (high - low) or 0.5
    ratio = (high / low) ** 0.12 if log else 1.0
    domain = [low / ratio, high * ratio] if log else [low - edge, high + edge]
    axis = alt.Axis(title=name, grid=False, values=sorted(numbers), format=".4~g", titleAnchor="end", labelOverlap=True)
    return alt.X("x:Q", axis=axis, scale=alt.Scale(type="log" if log else "linear", domain=domain, nice=False))


def _named(data: pl.DataFrame, name: str) -> alt.X:
    axis = alt.Axis(title=name, grid=False, labelAngle=0, labelLimit=90, titleAnchor="end", labelOverlap=True)
    return alt.X("value:N", axis=axis, scale=alt.Scale(type="point", domain=data["value"].to_list(), padding=0.5))
