"""From an Altair chart to what the page embeds: a bare specification, or a static picture of it."""

import re
from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl
import vl_convert
from markupsafe import Markup, escape

from ablate.report.numbers import rounded
from ablate.report.theme import SANS, chart_config

Rows = list[dict[str, Any]]

_TAG = re.compile(r"<(?:path|g|text|line|rect)\b[^>]*>")
_DIGITS = re.compile(r"(\.\d\d)\d+")
_FONT = f' font-family="{escape(SANS)}"'.replace("&#34;", "&quot;")
_HIDDEN = ' aria-hidden="true"'


def bare(chart: alt.LayerChart) -> dict[str, Any]:
    """The chart's specification without schema address, configuration and data; the page supplies those."""
    spec: dict[str, Any] = chart.to_dict(validate=False)
    for key in ("$schema", "config", "datasets"):
        spec.pop(key, None)
    return spec


def records(frame: pl.DataFrame, *, digits: int = 6) -> Rows:
    """The rows of a frame as JSON data: numbers rounded to `digits` significant digits, non-finite ones null."""
    return [
        {name: rounded(value, digits) if isinstance(value, float) else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]


def static_svg(spec: Mapping[str, Any], datasets: Mapping[str, Rows], *, width: int, label: str, name: str) -> Markup:
    """The chart as inline SVG, for readers without JavaScript; colours stay CSS properties.

    `name` makes the ids inside it unique in the page; Vega's own depend on how many charts were drawn before. Figures
    of its attributes have two decimals, and what all texts share stands at the root once.
    """
    whole = {**spec, "width": width, "datasets": datasets, "description": label, "config": chart_config()}
    svg: str = vl_convert.vegalite_to_svg(whole)
    numbers: dict[str, str] = {}
    svg = re.sub(r"\bclip\d+\b", lambda found: numbers.setdefault(found.group(), f"{name}-{len(numbers)}"), svg)
    svg = _TAG.sub(lambda found: _DIGITS.sub(r"\1", found.group()), svg.replace(_HIDDEN, "").replace(_FONT, ""))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}"{_FONT} ', 1))
