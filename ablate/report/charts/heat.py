"""Heat map: a number per row and column as tint and text, towards better or worse, or as a share."""

from collections.abc import Sequence

import altair as alt
import polars as pl

from .forest import names

ROW = 26
"""Height of one row, in pixels."""

DEEPEST = 0.5
"""Opacity of the deepest tint: ink stays readable on it in both schemes."""

HEAD = 24
"""Characters of a column's label."""

CELLS = pl.Schema(
    {
        "row": pl.String,
        "column": pl.String,
        "value": pl.Float64,
        "text": pl.String,
        "tip": pl.String,
        "color": pl.String,
        "depth": pl.Float64,
    }
)


def cells(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str]],
    *,
    tips: Sequence[Sequence[str]] | None = None,
    most: float = 0.0,
) -> pl.DataFrame:
    """One row per cell that has a text; positive numbers tend to better, negative ones to worse, by their size.

    Args:
        rows: Labels, all different; long ones are cut.
        columns: The same for the columns.
        values: By row and column; None where there is nothing.
        texts: What stands in each cell.
        tips: What each cell says when pointed at; its text by default.
        most: The number with the deepest tint; by default the largest of these.
    """
    called, headed = names(rows), names(columns, limit=HEAD)
    most = most or max((abs(value) for some in values for value in some if value is not None), default=0.0)
    data = []
    for place, some in enumerate(values):
        for at, value in enumerate(some):
            text = texts[place][at]
            if not text:
                continue
            data.append(
                {
                    "row": called[rows[place]],
                    "column": headed[columns[at]],
                    "value": value,
                    "text": text,
                    "tip": tips[place][at] if tips else text,
                    "color": "var(--better)" if value is None or value >= 0 else "var(--worse)",
                    "depth": DEEPEST * abs(value) / most if value is not None and most else 0.0,
                }
            )
    return pl.DataFrame(data, schema=CELLS)


def draw(
    rows: Sequence[str], columns: Sequence[str], *, row: str, column: str, value: str, label: str
) -> alt.LayerChart:
    """The chart over the named data ``cells``.

    Args:
        rows: As for `cells`.
        columns: The same.
        row: What a row is, for the tooltip.
        column: What a column is; also the title of the axis.
        value: What the number is.
        label: What the chart shows, for those who do not see it.
    """
    order, heads = list(names(rows).values()), list(names(columns, limit=HEAD).values())
    x = alt.X(
        "column:N",
        axis=alt.Axis(
            title=column, orient="top", grid=False, labelAngle=0, labelLimit=120, labelOverlap=True, titleAnchor="end"
        ),
        scale=alt.Scale(domain=heads, paddingInner=0.03, paddingOuter=0),
    )
    axis = alt.Axis(title=None, grid=False, labelLimit=220, labelColor="var(--ink)", labelPadding=10)
    y = alt.Y("row:N", axis=axis, scale=alt.Scale(domain=order, paddingInner=0.06, paddingOuter=0))
    note = [
        alt.Tooltip("row:N", title=row),
        alt.Tooltip("column:N", title=column),
        alt.Tooltip("tip:N", title=value),
    ]
    base = alt.Chart(alt.NamedData("cells"))
    tint = base.mark_rect().encode(
        x=x, y=y, color=alt.Color("color:N", scale=None), opacity=alt.Opacity("depth:Q", scale=None), tooltip=note
    )
    texts = (
        alt.Chart(alt.NamedData("cells"), name="numbers")
        .mark_text(fontSize=11.5, color="var(--ink)")
        .encode(x=x, y=y, text="text:N", tooltip=note)
    )
    return alt.LayerChart(
        layer=[tint, texts],
        width="container",
        height=ROW * max(len(order), 1),
        description=label,
        view=alt.ViewConfig(fill="var(--wash)"),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
