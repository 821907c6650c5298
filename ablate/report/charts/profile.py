"""Performance profiles: which share of a variant's runs gains so much or more, over all contexts."""

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from ablate.analysis.evidence import AcrossRow
from ablate.report.theme import SERIES

HEIGHT = 260
"""Height of the plot, in pixels."""


def profiles(rows: Sequence[AcrossRow], thresholds: Sequence[float], names: Mapping[str, str]) -> pl.DataFrame:
    """A row per variant and threshold: v (variant), name, c (colour), x (gain), y (share).

    Args:
        rows: Those that are drawn, no more than there are colours.
        thresholds: Where the profiles are read.
        names: Variant -> its label.
    """
    data = [
        {"v": row.variant, "name": names[row.variant], "c": color, "x": gain, "y": share}
        for row, color in zip(rows, SERIES, strict=False)
        for gain, share in zip(thresholds, row.profile, strict=True)
    ]
    schema = {"v": pl.String, "name": pl.String, "c": pl.String, "x": pl.Float64, "y": pl.Float64}
    return pl.DataFrame(data, schema=schema)


def draw(thresholds: Sequence[float], *, label: str) -> alt.LayerChart:
    """The chart over the named data ``points`` and ``zero``: a baseline's run gains nothing."""
    ends = [thresholds[0], thresholds[-1]] if thresholds[0] < thresholds[-1] else [-1, 1]
    x = alt.X(
        "x:Q",
        axis=alt.Axis(title="gain over the baseline, % of its score", grid=False, tickCount=6, titleAnchor="end"),
        scale=alt.Scale(domain=ends, nice=False, zero=False),
    )
    y = alt.Y(
        "y:Q",
        axis=alt.Axis(title=None, tickCount=5, format=".0%"),
        scale=alt.Scale(domain=[0, 1], nice=False),
    )
    color = alt.Color("c:N", scale=None)
    note = [
        alt.Tooltip("name:N", title="variant"),
        alt.Tooltip("x:Q", title="gain of at least, %", format="+.3~g"),
        alt.Tooltip("y:Q", title="share of runs", format=".0%"),
    ]
    base = alt.Chart(alt.NamedData("points"))
    lines = base.mark_line(strokeWidth=2, interpolate="step-before").encode(x=x, y=y, color=color, detail="v:N")
    targets = base.mark_point(filled=True, size=160, opacity=0).encode(x=x, y=y, tooltip=note)
    rule = alt.Chart(alt.NamedData("zero")).mark_rule(color="var(--ink)", strokeWidth=1.25).encode(x=x)
    return alt.LayerChart(
        layer=[rule, lines, targets],
        width="container",
        height=HEIGHT,
        description=label,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
