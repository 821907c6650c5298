"""What the sections on factors, cost and seeds have in common: charts that are embedded with a picture of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl
from markupsafe import Markup

from .charts import forest, spec

CONTEXTS = 6
"""Charts and tables are made for the first so many contexts."""

NARROW = 16
"""Characters of a label on a narrow screen."""

HALF, THIRD = 0.48, 0.31
"""Shares of the width."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart of a section."""

    id: str
    caption: str
    label: str
    """What it shows, for those who do not see it."""
    spec: Json
    data: Json
    share: float = 1.0
    """Of the width of the page that it takes where there is room."""
    columns: int = 0
    """Columns of a heat map, whose numbers are left out where they do not fit."""
    short: tuple[tuple[str, str], ...] = ()
    """(label of the vertical axis, what it is on a narrow screen)."""
    choices: tuple[Json, ...] = ()
    """Other data and axes for the same chart; the first is what `spec` and `data` show."""

    @property
    def payload(self) -> Json:
        """What the page's script needs."""
        return {
            "id": self.id,
            "spec": self.spec,
            "data": {} if self.choices else self.data,
            "columns": self.columns,
            "short": dict(self.short),
            "choices": list(self.choices),
        }

    @property
    def still(self) -> Markup:
        """The chart as a picture, until the script draws it, and for readers without JavaScript."""
        width = round(300 + 600 * self.share)
        return spec.static_svg(self.spec, self.data, width=width, label=self.label, name=f"still-{self.id}")


def drawing(
    name: str,
    chart: alt.LayerChart,
    data: dict[str, pl.DataFrame],
    *,
    caption: str,
    label: str,
    share: float = 1.0,
    columns: int = 0,
    zero: bool = False,
    short: Mapping[str, str] | None = None,
    choices: tuple[Json, ...] = (),
) -> Drawing:
    """A chart with its data.

    Args:
        name: Its id in the page.
        chart: Over named data.
        data: Those.
        caption: Above it.
        label: For those who do not see it.
        share: Of the width of the page.
        columns: Of a heat map.
        zero: Whether there is a line at zero.
        short: A label of the vertical axis -> the text from which its label on a narrow screen is cut.
        choices: Other data and axes.
    """
    rows: Json = {key: spec.records(frame) for key, frame in data.items()}
    if zero:
        rows["zero"] = [{"x": 0}]
    return Drawing(
        name, caption, label, spec.bare(chart), rows, share, columns, tuple(_short(short or {}).items()), choices
    )


def _short(texts: Mapping[str, str]) -> dict[str, str]:
    cut = forest.names(dict.fromkeys(texts.values()), limit=NARROW)
    return {label: cut[text] for label, text in texts.items()}


def left_out(contexts: int) -> str:
    """A line for the contexts without charts; nothing if there are none."""
    if contexts <= CONTEXTS:
        return ""
    return f"Shown for the first {CONTEXTS} of {contexts} contexts; the export as JSON has all."


def inside(context: str) -> str:
    """`` in CONTEXT``, or nothing."""
    return f" in {context}" if context else ""
