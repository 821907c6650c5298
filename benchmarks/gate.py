"""The gate: a run of a peer has a time only if its losses are those of the reference."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .grids import Grid, Trial
from .task import Curve

TOLERANCE = 1e-4
"""Largest relative difference of the final validation loss. Float32 sums in another order differ, and 1,000 steps
enlarge that."""
SEEDS = 3
"""Of every variant, at least so many seeds must agree."""
EARLY = 1e-6
"""Largest relative difference at the first evaluation after the start, for variants that rounding parts later."""
EARLY_SHARE = 0.75
"""Of such a variant, at least this share of the seeds must agree there."""
MEANS = 0.01
"""And the means of their final losses over the seeds may differ by so much."""
KINKED = "relu"
"""The activation whose slope jumps. Sooner or later a last bit decides on which side of the jump a number is, and from
then on two trainings differ by more than rounding: on R-M, two forms of the reference itself (`vmap` and `map` of one
function) have a variant of which fewer than three seeds agree after 1,000 steps. After 100, six of eight or more agree
within 1e-7, of every variant."""


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
    early: int
    """Variants that were compared at the first evaluation, because rounding parts their seeds later."""
    loss: float
    """Median final validation loss, of the trials that have one."""


def compare(grid: Grid, reference: Mapping[int, Curve], found: Mapping[int, Curve]) -> Agreement:
    """Compare final losses; two trials that diverged agree."""
    missing = [trial.index for trial in grid.trials if trial.index not in found]
    if missing:
        return Agreement(False, f"{len(missing)} of {len(grid.trials)} trials left no curve", math.inf, 0, 0, math.nan)
    differences = {
        trial.index: _difference(reference[trial.index].final(grid), found[trial.index].final(grid))
        for trial in grid.trials
    }
    needed = min(SEEDS, grid.seeds)
    worst, failing, early = 0.0, 0, 0
    for variant in range(len(grid.variants)):
        trials = [trial for trial in grid.trials if trial.variant == variant]
        difference = sorted(differences[trial.index] for trial in trials)[needed - 1]
        if difference > TOLERANCE and _parts_by_rounding(grid, trials, reference, found):
            early += 1
        else:
            worst = max(worst, difference)
            failing += difference > TOLERANCE
    finals = [final for curve in found.values() if math.isfinite(final := curve.final(grid))]
    return Agreement(
        accepted=failing == 0,
        reason=f"{failing} of {len(grid.variants)} variants have fewer than {needed} seeds within {TOLERANCE:g} of the "
        f"reference; largest difference {worst:.2g}"
        if failing
        else "",
        worst=worst,
        agreeing=sum(difference <= TOLERANCE for difference in differences.values()),
        early=early,
        loss=statistics.median(finals) if finals else math.nan,
    )


def _parts_by_rounding(
    grid: Grid, trials: Sequence[Trial], reference: Mapping[int, Curve], found: Mapping[int, Curve]
) -> bool:
    """Whether a variant with a kinked activation was trained alike, but for what rounding makes of it."""
    finals = [(reference[trial.index].final(grid), found[trial.index].final(grid)) for trial in trials]
    if trials[0].shape[-1] != KINKED or not all(math.isfinite(loss) for pair in finals for loss in pair):
        return False
    early = [_difference(*(curves[trial.index].val_loss[1] for curves in (reference, found))) for trial in trials]
    agreeing = sum(difference <= EARLY for difference in early)
    expected, got = (statistics.mean(losses) for losses in zip(*finals, strict=True))
    return agreeing >= max(min(SEEDS, len(trials)), EARLY_SHARE * len(trials)) and _difference(expected, got) <= MEANS


def _difference(expected: float, got: float) -> float:
    if math.isnan(expected) or math.isnan(got):
        return 0.0 if math.isnan(expected) and math.isnan(got) else math.inf
    return abs(got - expected) / max(abs(expected), 1e-30)
