"""Parquet: the tables of the CSV files with their types, and labels exactly as they are."""

from pathlib import Path

from ablate.store import replacing

from . import Source
from .paths import beside
from .rows import ranking, runs


def write(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM.parquet`` has a row per variant and context, ``STEM-runs.parquet`` one per run."""
    written = []
    for tail, frame in (("", ranking(source)), ("-runs", runs(source))):
        path = beside(stem, f"{tail}.parquet")
        with replacing(path) as temporary:
            frame.write_parquet(temporary, compression="zstd")
        written.append(path)
    return tuple(written)
