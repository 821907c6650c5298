"""CSV: RFC 4180, UTF-8, numbers in full precision, an empty field where there is none."""

from pathlib import Path

import polars as pl

from ablate.store import replacing

from . import Source
from .paths import beside
from .rows import ranking, runs

FORMULA = r"^[=+\-@\t\r]"
"""A text that begins so would be run by a spreadsheet; it gets an apostrophe, as in the report's own downloads."""


def write(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM.csv`` has a row per variant and context, ``STEM-runs.csv`` one per run."""
    written = []
    for tail, frame in (("", ranking(source)), ("-runs", runs(source))):
        path = beside(stem, f"{tail}.csv")
        with replacing(path) as temporary:
            inert(frame).write_csv(temporary)
        written.append(path)
    return tuple(written)


def inert(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, with texts that no spreadsheet takes for formulas."""
    text = pl.col(pl.String)
    return frame.with_columns(pl.when(text.str.contains(FORMULA)).then("'" + text).otherwise(text).name.keep())
