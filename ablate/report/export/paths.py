"""Names of the exported files."""

from pathlib import Path


def beside(stem: Path, tail: str) -> Path:
    """``reports/a`` and ``-runs.csv`` make ``reports/a-runs.csv``; a dot in the name is no ending."""
    return stem.with_name(stem.name + tail)
