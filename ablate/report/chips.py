"""Buttons above the ranking that keep only some of its rows: tiers, and the paths that variants change."""

from dataclasses import dataclass

from ablate.analysis.types import Analysis

from .verdicts import VERDICTS, Sign

FEWEST = 4
"""Below so many rows there is nothing to choose."""

PATHS = 12
"""At most so many paths have a chip."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One button; rows must match one of the pressed ones of each kind."""

    kind: str
    """``tier`` or ``path``."""
    value: str
    text: str
    count: int
    sign: Sign | None = None


def chips(analysis: Analysis) -> list[Chip]:
    """A chip for each tier and each path that some rows have, and not all of them."""
    rows = [row for row in analysis.ranking if row.verdict != "baseline"]
    if len(rows) < FEWEST:
        return []
    best = sum(row.could_be_best for row in analysis.ranking)
    some = 0 < sum(row.could_be_best for row in rows) < len(rows)
    found = [Chip("tier", "could be best", "could be best", best)] if some else []
    counts = [(verdict, sign, sum(row.verdict == verdict for row in rows)) for verdict, sign in VERDICTS.items()]
    found += [Chip("tier", verdict, sign.word, count, sign) for verdict, sign, count in counts if 0 < count < len(rows)]
    paths: dict[str, int] = {}
    for path in (path for row in rows for path, _ in row.changes):
        paths[path] = paths.get(path, 0) + 1
    several = [(path, count) for path, count in paths.items() if 1 < count < len(rows)]
    return found + [Chip("path", path, path, count) for path, count in several[:PATHS]]
