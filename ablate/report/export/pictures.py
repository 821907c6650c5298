"""PNG, SVG and PDF: every chart of the page, through vl-convert."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import altair as alt
import vl_convert

from ablate.report import figures
from ablate.store import replacing

from . import Source
from .paths import beside

SCALE = 2.0
"""Pixels of a PNG per pixel of the chart."""


def write_svg(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM-forest.svg``, ``STEM-curves.svg`` and so on for every chart that has something to show.

    Charts of a context end in its number from the second context on; see `charts` for the names.
    """
    return _write(source, stem, "svg", lambda spec: str(vl_convert.vegalite_to_svg(spec)).encode())


def write_png(source: Source, stem: Path) -> tuple[Path, ...]:
    """The same as PNG."""
    return _write(source, stem, "png", lambda spec: bytes(vl_convert.vegalite_to_png(spec, scale=SCALE)))


def write_pdf(source: Source, stem: Path) -> tuple[Path, ...]:
    """The same as PDF."""
    return _write(source, stem, "pdf", lambda spec: bytes(vl_convert.vegalite_to_pdf(spec)))


def charts(source: Source) -> Iterator[tuple[str, alt.LayerChart]]:
    """(name, chart): what the page draws, context by context, then what is drawn once."""
    analysis, plan = source.analysis, source.plan
    for number, context in enumerate(plan.contexts, start=1):
        suffix = "" if number == 1 else f"-{number}"
        single = {
            "forest": figures.forest(analysis, plan, context=context),
            "curves": figures.curves(analysis, plan, context=context),
            "difference": figures.difference(analysis, plan, context=context),
            "confirmed": figures.confirmed(analysis, plan, context=context),
            "tuned": figures.tuned(analysis, plan, context=context),
            "changes": figures.changes(analysis, plan, context=context),
            "importance": figures.importance(analysis, plan, context=context),
            "shares": figures.shares(analysis, plan, context=context),
            "pareto": figures.pareto(analysis, plan, context=context),
            "residuals": figures.residuals(analysis, plan, context=context),
            "ranks": figures.ranks(analysis, plan, context=context),
        }
        several = {
            "factor": figures.effects(analysis, plan, context=context),
            "interaction": figures.interactions(analysis, plan, context=context),
        }
        found = [(name, chart) for name, chart in single.items() if chart is not None]
        found += [(f"{name}{place}", chart) for name, some in several.items() for place, chart in enumerate(some, 1)]
        yield from ((name + suffix, chart) for name, chart in found)
    once = {
        "profiles": figures.profiles(analysis, plan),
        "pairs": figures.pairs(analysis, plan),
        "published": figures.published(analysis, plan),
    }
    yield from ((name, chart) for name, chart in once.items() if chart is not None)
    for place, chart in enumerate(figures.diagnosed(analysis, plan, source.diagnostics), 1):
        yield f"diagnostic{place}", chart


def _write(source: Source, stem: Path, ending: str, convert: Callable[[str], bytes]) -> tuple[Path, ...]:
    written = []
    for name, chart in charts(source):
        path = beside(stem, f"-{name}.{ending}")
        with replacing(path) as temporary:
            temporary.write_bytes(convert(json.dumps(chart.to_dict())))
        written.append(path)
    return tuple(written)
