"""PNG, SVG and PDF: the forest plot and the curves, through vl-convert."""

import json
from collections.abc import Callable
from pathlib import Path

import vl_convert

from ablate.report import figures
from ablate.store import replacing

from . import Source
from .paths import beside

SCALE = 2.0
"""Pixels of a PNG per pixel of the chart."""


def write_svg(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM-forest.svg`` and ``STEM-curves.svg``, numbered from the second context on."""
    return _write(source, stem, "svg", lambda spec: str(vl_convert.vegalite_to_svg(spec)).encode())


def write_png(source: Source, stem: Path) -> tuple[Path, ...]:
    """The same as PNG."""
    return _write(source, stem, "png", lambda spec: bytes(vl_convert.vegalite_to_png(spec, scale=SCALE)))


def write_pdf(source: Source, stem: Path) -> tuple[Path, ...]:
    """The same as PDF."""
    return _write(source, stem, "pdf", lambda spec: bytes(vl_convert.vegalite_to_pdf(spec)))


def _write(source: Source, stem: Path, ending: str, convert: Callable[[str], bytes]) -> tuple[Path, ...]:
    written = []
    for number, context in enumerate(source.plan.contexts, start=1):
        suffix = "" if number == 1 else f"-{number}"
        for name, draw in (("forest", figures.forest), ("curves", figures.curves)):
            chart = draw(source.analysis, source.plan, context=context)
            if chart is None:
                continue
            path = beside(stem, f"-{name}{suffix}.{ending}")
            with replacing(path) as temporary:
                temporary.write_bytes(convert(json.dumps(chart.to_dict())))
            written.append(path)
    return tuple(written)
