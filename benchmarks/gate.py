"""The gate: a run of a peer has a time only if its losses are those of the reference."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from .grids import Grid
from .task import Curve

TOLERANCE = 1e-4
"""Largest relative difference of the final validation loss. Float32 sums in another order differ, and 1,000 steps
enlarge that."""
SEEDS = 3
"""Of every variant, at least so many seeds must agree."""


@dataclass(frozen=True)
class Agreement:
    """How the losses of a run compare with those of the reference."""

    accepted: bool
    reason: str
    """Why not; empty if accepted."""
    worst: float
    """Largest relative difference among the seeds that count: the best `SEEDS` of each variant."""
    agreeing: int
    """Trials within the tolerance."""
    loss: float
    """Median final validation loss, of the trials that have one."""


def compare(grid: Grid, reference: Mapping[int, Curve], found: Mapping[int, Curve]) -> Agreement:
    """Compare final losses; two trials that diverged agree."""
    missing = [trial.index for trial in grid.trials if trial.index not in found]
    if missing:
        return Agreement(False, f"{len(missing)} of {len(grid.trials)} trials left no curve", math.inf, 0, math.nan)
    differences = {
        trial.index: _difference(reference[trial.index].final(grid), found[trial.index].final(grid))
        for trial in grid.trials
    }
    needed = min(SEEDS, grid.seeds)
    worst, failing = 0.0, 0
    for variant in range(len(grid.variants)):
        ordered = sorted(differences[trial.index] for trial in grid.trials if trial.variant == variant)
        worst = max(worst, ordered[needed - 1])
        failing += ordered[needed - 1] > TOLERANCE
    finals = [final for curve in found.values() if math.isfinite(final := curve.final(grid))]
    return Agreement(
        accepted=failing == 0,
        reason=f"{failing} of {len(grid.variants)} variants have fewer than {needed} seeds within {TOLERANCE:g} of the "
        f"reference; largest difference {worst:.2g}"
        if failing
        else "",
        worst=worst,
        agreeing=sum(difference <= TOLERANCE for difference in differences.values()),
        loss=statistics.median(finals) if finals else math.nan,
    )


def _difference(expected: float, got: float) -> float:
    if math.isnan(expected) or math.isnan(got):
        return 0.0 if math.isnan(expected) and math.isnan(got) else math.inf
    return abs(got - expected) / max(abs(expected), 1e-30)
