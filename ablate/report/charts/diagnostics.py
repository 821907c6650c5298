"""Diagnostics over the steps: one number per variant as lines, or the bins of one variant as a map of tints.

The page's script fills in the same named data as the functions here when a layer, context or variant is chosen.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from ablate.report.numbers import plain, rounded

from .tuning import LOG_SPAN

HEIGHT = 180
"""Height of a plot, in pixels."""

Json = dict[str, Any]


FAR = 1000.0
"""A value at the start that is so many times all later ones leaves the plot."""


def reach(values: Sequence[float], late: Sequence[float]) -> Json:
    """The vertical axis for these numbers: ``log``, ``domain``, and ``cut``, whether some of them lie beyond it.

    It is logarithmic for positive numbers of which the largest is more than 20 times the smallest.

    Args:
        values: All of them.
        late: Those of the last 90 % of the steps. They alone count where the others are far larger: the first update
            of parameters that begin at zero is without bounds in proportion.
    """
    most = max(map(abs, late), default=0.0)
    cut = 0 < FAR * most < max(map(abs, values), default=0.0)
    shown = late if cut else values
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    if low > 0 and high / low > LOG_SPAN:
        ratio = (high / low) ** 0.05
        return {"log": True, "domain": [low / ratio, high * ratio], "cut": cut}
    room = 0.06 * (high - low) or 0.5 * abs(low) or 1.0
    ends = low - room, high + room
    if low >= 0:
        ends = max(ends[0], -0.03 * ends[1]), ends[1]
    return {"log": False, "domain": list(ends), "cut": cut}


def points(looks: Sequence[Json], steps: Sequence[int], choice: Json | None) -> list[Json]:
    """The named data ``points`` of the lines: a row per variant and step that it has a number for.

    Args:
        looks: Of each variant its ``name``, ``c`` (colour).
        steps: Those of the chart.
        choice: ``rows``: place of the variant, number of seeds, and its values at the steps, null where there is none.
    """
    return [
        looks[place] | {"n": n, "s": steps[at], "y": value}
        for place, n, values in (choice["rows"] if choice else ())
        for at, value in enumerate(values)
        if value is not None
    ]


def cells(bins: Sequence[Json], steps: Sequence[int], choice: Json | None) -> list[Json]:
    """The named data ``cells`` of the map: a row per step and bin that is not empty.

    Args:
        bins: Of each bin its ``low``, ``high`` and ``range``.
        steps: Those of the chart.
        choice: ``n``, number of seeds, and ``rows``: place of the step, of the first bin, and the shares from there on.
    """
    return [
        bins[first + at] | {"n": choice["n"], "s": steps[place], "share": share}
        for place, first, shares in (choice["rows"] if choice else ())
        for at, share in enumerate(shares)
        if choice and share
    ]


def bounds(edges: Sequence[float]) -> list[Json]:
    """Where each bin is drawn, and what it holds. The outer ones have no end, and are drawn as wide as the others.

    Args:
        edges: Bounds between the bins, two or more, positive and rising.
    """
    ratio = (edges[-1] / edges[0]) ** (1 / (len(edges) - 1))
    ends = [edges[0] / ratio, *edges, edges[-1] * ratio]
    texts = [plain(edge, 2) for edge in edges]
    ranges = [
        f"below {texts[0]}",
        *(f"{low} to {high}" for low, high in pairwise(texts)),
        f"from {texts[-1]}",
    ]
    return [
        {"low": rounded(ends[place], 6), "high": rounded(ends[place + 1], 6), "range": text}
        for place, text in enumerate(ranges)
    ]


def draw_lines(steps: Sequence[int], choice: Json | None, *, label: str) -> alt.LayerChart:
    """The chart over the named data ``points``, with the axis that the first choice needs.

    Args:
        steps: All that are drawn.
        choice: ``log`` and ``domain`` of its vertical axis.
        label: What it shows, for those who do not see it.
    """
    x = alt.X(
        "s:Q",
        axis=alt.Axis(title="step", grid=False, tickCount=5, format="~s", titleAnchor="end"),
        scale=alt.Scale(domain=[steps[0], max(steps[-1], steps[0] + 1)], nice=False, zero=False),
    )
    scale = alt.Scale(**axis_scale(choice)) if choice else alt.Scale(zero=False)
    y = alt.Y("y:Q", axis=alt.Axis(title=None, tickCount=4, format=".5~g"), scale=scale)
    color = alt.Color("c:N", scale=None)
    note = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("s:Q", title="step", format=",d"),
        alt.Tooltip("y:Q", title="mean", format=".4~g"),
        alt.Tooltip("n:Q", title="n"),
    ]
    base = alt.Chart(alt.NamedData("points"))
    lines = base.mark_line(strokeWidth=1.75, clip=True).encode(x=x, y=y, color=color, detail="v:Q")
    dots = base.mark_point(filled=True, size=12, opacity=1, clip=True).encode(x=x, y=y, color=color)
    targets = base.mark_point(filled=True, size=200, opacity=0, clip=True).encode(x=x, y=y, tooltip=note)
    return _layered([lines, dots, targets], label)


def axis_scale(choice: Mapping[str, Any]) -> Json:
    """The scale of the vertical axis, as in a specification."""
    domain: list[float] = choice["domain"]
    return {"type": "log", "domain": domain} if choice["log"] else {"domain": domain, "nice": False, "zero": False}


def draw_bins(
    steps: Sequence[int], bins: Sequence[Json], used: tuple[int, int], *, most: float, label: str
) -> alt.LayerChart:
    """The chart over the named data ``cells``.

    Args:
        steps: All that are drawn.
        bins: As `bounds` gives them.
        used: The first and the last that is drawn.
        most: The share with the deepest tint.
        label: What it shows, for those who do not see it.
    """
    axis = alt.Axis(title="step", grid=False, labelAngle=0, labelOverlap=True, titleAnchor="end", format="~s")
    x = alt.X("s:O", axis=axis, scale=alt.Scale(domain=list(steps), padding=0))
    scale = alt.Scale(type="log", domain=[bins[used[0]]["low"], bins[used[1]]["high"]], nice=False)
    y = alt.Y("low:Q", axis=alt.Axis(title=None, tickCount=5, format="~e", grid=False), scale=scale)
    rects = (
        alt.Chart(alt.NamedData("cells"))
        .transform_calculate(depth=f"sqrt(datum.share / {most!r})")
        .mark_rect(color="var(--better)", clip=True)
        .encode(
            x=x,
            y=y,
            y2="high:Q",
            opacity=alt.Opacity("depth:Q", scale=None),
            tooltip=[
                alt.Tooltip("s:Q", title="step", format=",d"),
                alt.Tooltip("range:N", title="size"),
                alt.Tooltip("share:Q", title="share", format=".3~g"),
                alt.Tooltip("n:Q", title="n"),
            ],
        )
    )
    return _layered([rects], label, fill="var(--wash)")


def _layered(layers: list[alt.Chart], label: str, fill: str | None = None) -> alt.LayerChart:
    return alt.LayerChart(
        layer=layers,
        width="container",
        height=HEIGHT,
        description=label,
        view=alt.ViewConfig(fill=fill) if fill else alt.Undefined,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
