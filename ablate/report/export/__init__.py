"""The report in other formats: tables for papers, data for programs, pictures of the charts. One format per module."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ablate.analysis.types import Analysis
from ablate.store.schema import NoteRecord, PlanRecord


@dataclass(frozen=True, slots=True)
class Source:
    """What is exported."""

    analysis: Analysis
    plan: PlanRecord
    runs: pl.DataFrame
    """How the runs that rank ended, schema ``RUNS``."""
    notes: tuple[NoteRecord, ...] = ()
    diagnostics: pl.DataFrame | None = None
    """What they recorded from inside their networks, for pictures; see `ablate.analysis.seed_means`."""


Writer = Callable[[Source, Path], "tuple[Path, ...]"]
"""Writes the files that begin with a path, and returns them."""


def _writers() -> dict[str, Writer]:
    from . import csv, json, latex, markdown, parquet, pictures

    return {
        "md": markdown.write,
        "tex": latex.write,
        "csv": csv.write,
        "parquet": parquet.write,
        "json": json.write,
        "png": pictures.write_png,
        "svg": pictures.write_svg,
        "pdf": pictures.write_pdf,
    }


FORMATS: Mapping[str, Writer] = _writers()
"""Ending -> what writes it."""


def export(source: Source, to: str, stem: Path) -> tuple[Path, ...]:
    """Write one format.

    Args:
        source: what is exported.
        to: a key of `FORMATS`.
        stem: the files are called this, and then what they hold and their ending; ``reports/a`` becomes
            ``reports/a.md``.

    Returns:
        The files, each written whole or not at all. Charts that have nothing to show have no file.

    Raises:
        StoreError: the folder cannot be written.
    """
    return FORMATS[to](source, stem)


__all__ = ["FORMATS", "Source", "export"]
