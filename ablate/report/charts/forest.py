"""Forest plot: the effect of every variant of one context, with its interval and its seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import polars as pl

from ablate.analysis.types import Ranked
from ablate.report.numbers import Style, p_value
from ablate.report.text import shorten
from ablate.report.verdicts import VERDICTS

from .focus import near

ROW = 28
"""Height of one variant, in pixels."""

EFFECTS = pl.Schema(
    {
        "variant": pl.String,
        "name": pl.String,
        "x": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "color": pl.String,
        "shape": pl.String,
        "verdict": pl.String,
        "effect": pl.String,
        "test": pl.String,
    }
)
SEEDS = pl.Schema({"variant": pl.String, "name": pl.String, "x": pl.Float64, "seed": pl.String, "effect": pl.String})
AWAY = pl.Schema({"variant": pl.String, "name": pl.String, "x": pl.Float64, "text": pl.String, "side": pl.String})

_EDGES: tuple[tuple[str, Literal["left", "right"], int], ...] = (("low", "left", 2), ("high", "right", -2))
_PAINTS: tuple[dict[str, Any], ...] = (
    {"stroke": "var(--background)", "strokeWidth": 8, "strokeJoin": "round"},
    {"color": "var(--muted)"},
)
"""A figure at the edge is written twice: first as its own ground, so that no line runs through it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the axis that is drawn, in metric units."""

    low: float
    high: float


def names(variants: Iterable[str], *, limit: int = 44) -> dict[str, str]:
    """A short label for each variant; equal short labels are told apart by a number."""
    taken: dict[str, str] = {}
    used: set[str] = set()
    for variant in variants:
        name = base = shorten(variant, limit)
        number = 2
        while name in used:
            name = f"{base} ({number})"
            number += 1
        used.add(name)
        taken[variant] = name
    return taken


def effects(rows: Sequence[Ranked], style: Style) -> pl.DataFrame:
    """One row per variant that has an effect, in the order of the ranking; the baseline is the zero line."""
    called = names(row.variant for row in rows)
    data = []
    for row in rows:
        if row.verdict == "baseline" or row.improvement is None:
            continue
        sign = VERDICTS[row.verdict]
        effect = style.text(row.improvement, sign=True)
        if row.interval is not None:
            effect += f" [{style.text(row.interval.low)}, {style.text(row.interval.high)}]"
        data.append(
            {
                "variant": row.variant,
                "name": called[row.variant],
                "x": row.improvement,
                "low": row.interval.low if row.interval else None,
                "high": row.interval.high if row.interval else None,
                "color": sign.paint,
                "shape": sign.path,
                "verdict": row.words,
                "effect": effect,
                "test": _test(row),
            }
        )
    return pl.DataFrame(data, schema=EFFECTS)


def _test(row: Ranked) -> str:
    if row.p_adjusted is None:
        return "no test"
    kind = "Dunnett" if row.test == "Dunnett" else "Holm"
    return f"{kind} p {p_value(row.p_adjusted)}, n = {row.n}"


def seed_effects(rows: Sequence[Ranked], style: Style) -> pl.DataFrame:
    """One row per seed that has a partner among the baseline's runs."""
    called = names(row.variant for row in rows)
    data = [
        {
            "variant": row.variant,
            "name": called[row.variant],
            "x": seed.improvement,
            "seed": str(seed.seed),
            "effect": style.text(seed.improvement, sign=True),
        }
        for row in rows
        if row.verdict != "baseline" and row.improvement is not None
        for seed in row.seeds
        if seed.improvement is not None
    ]
    return pl.DataFrame(data, schema=SEEDS)


def windows(shown: pl.DataFrame, dots: pl.DataFrame, margin: float | None) -> tuple[Window, Window]:
    """(close, whole): the whole axis holds everything; the close one leaves out variants that are far off.

    Without variants that are far off (see `ablate.report.charts.focus`) both are the same.
    """
    reach = shown.select("variant", low=pl.min_horizontal("x", "low"), high=pl.max_horizontal("x", "high"))
    reaches = {variant: max(abs(low), abs(high)) for variant, low, high in reach.rows()}

    def window(which: set[str]) -> Window:
        inside = pl.col("variant").is_in(list(which))
        ends = [0.0, -(margin or 0.0), margin or 0.0]
        ends += reach.filter(inside)["low"].to_list() + reach.filter(inside)["high"].to_list()
        ends += dots.filter(inside)["x"].to_list()
        low, high = min(ends), max(ends)
        room = 0.04 * (high - low) or 1.0
        return Window(low - room, high + room)

    return window(near(reaches, margin or 0.0)), window(set(reaches))


def away(shown: pl.DataFrame, close: Window) -> pl.DataFrame:
    """The variants whose effect lies outside `close`: an arrow and the effect in figures at the edge."""
    data = []
    for row in shown.iter_rows(named=True):
        if row["x"] < close.low:
            data.append(
                {
                    "variant": row["variant"],
                    "name": row["name"],
                    "x": close.low,
                    "text": f"\u25c2 {row['effect']}",
                    "side": "low",
                }
            )
        elif row["x"] > close.high:
            data.append(
                {
                    "variant": row["variant"],
                    "name": row["name"],
                    "x": close.high,
                    "text": f"{row['effect']} \u25b8",
                    "side": "high",
                }
            )
    return pl.DataFrame(data, schema=AWAY)


def draw(order: Sequence[str], window: Window, *, metric: str, unit: str, label: str) -> alt.LayerChart:
    """The chart over the named data ``rows``, ``seeds``, ``away``, ``margin`` and ``zero``."""
    axis = alt.Axis(title=None, grid=True, labelLimit=260, labelColor="var(--ink)", labelPadding=10, labelFontSize=13)
    y = alt.Y("name:N", axis=axis, scale=alt.Scale(domain=list(order)))
    domain = alt.Scale(domain=[window.low, window.high], nice=False, zero=False)
    suffix = "" if unit in ("", "dimensionless") else f" ({unit})"
    title = f"\u0394 {metric}{suffix} \u2013 positive is better \u2192"
    x = alt.X("x:Q", scale=domain, axis=alt.Axis(title=title, grid=False, tickCount=6, titleAnchor="end"))

    margin = (
        alt.Chart(alt.NamedData("margin"))
        .mark_rect(color="var(--margin)", clip=True)
        .encode(x=alt.X("low:Q", scale=domain), x2="high:Q")
    )
    zero = (
        alt.Chart(alt.NamedData("zero"))
        .mark_rule(color="var(--ink)", strokeWidth=1)
        .encode(x=alt.X("x:Q", scale=domain))
    )
    seeds = (
        alt.Chart(alt.NamedData("seeds"))
        .mark_point(
            shape="circle",
            size=24,
            stroke="var(--unsure)",
            fill="var(--background)",
            strokeWidth=1,
            opacity=1,
            clip=True,
        )
        .encode(
            x=x,
            y=y,
            tooltip=[alt.Tooltip("name:N", title="variant"), "seed:N", alt.Tooltip("effect:N", title="\u0394")],
        )
    )
    color = alt.Color("color:N", scale=None)
    note = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("verdict:N"),
        alt.Tooltip("effect:N", title="\u0394 [interval]"),
        alt.Tooltip("test:N"),
    ]
    rows = alt.Chart(alt.NamedData("rows"))
    bars = rows.mark_rule(strokeWidth=2, clip=True).encode(
        x=alt.X("low:Q", scale=domain), x2="high:Q", y=y, color=color, tooltip=note
    )
    ground = rows.mark_point(filled=True, size=190, shape="circle", color="var(--background)", opacity=1, clip=True)
    marks = rows.mark_point(filled=True, size=92, opacity=1, clip=True).encode(
        x=x, y=y, color=color, shape=alt.Shape("shape:N", scale=None), tooltip=note
    )
    far = alt.Chart(alt.NamedData("away"))
    edges = [
        far.transform_filter(f"datum.side == '{side}'").mark_text(align=align, dx=shift, **paint)
        for side, align, shift in _EDGES
        for paint in _PAINTS
    ]
    layers = [margin, zero, bars, seeds, ground.encode(x=x, y=y, tooltip=note), marks]
    layers += [edge.encode(x=x, y=y, text="text:N") for edge in edges]
    return alt.LayerChart(
        layer=layers,
        width="container",
        height=ROW * max(len(order), 1),
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
