"""How noisy the seeds are, and what can be seen through the noise."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from ._statsmodels import detectable_effect
from ._table import Floats, ScoreTable
from .compare import MIN_SEEDS
from .effects import Effect


def pooled_noise_sd(effects: Sequence[Effect]) -> float | None:
    """Standard deviation of the paired differences about their own means, pooled over variants; metric units."""
    known = [(effect.comparison.sd, effect.comparison.n - 1) for effect in effects if effect.comparison.sd is not None]
    freedom = sum(df for _, df in known)
    if not freedom:
        return None
    return float(np.sqrt(sum(sd**2 * df for sd, df in known) / freedom))


def smallest_detectable(effects: Sequence[Effect], tests: int, alpha: float = 0.05) -> float | None:
    """Improvement that a paired t test finds with 80 % power, at the median number of seeds, in metric units.

    Args:
        effects: The comparisons; their pooled noise is taken as known.
        tests: Size of the family; the level is that of Holm's first step, ``alpha / tests``.
        alpha: Family-wise level.
    """
    paired = [effect.comparison.n for effect in effects if effect.comparison.paired and effect.comparison.n >= 2]
    noise = pooled_noise_sd(effects)
    if noise is None or not paired or not tests:
        return None
    n = int(np.median(paired))
    size = detectable_effect(n, alpha / tests) if n >= MIN_SEEDS else None
    return None if size is None else size * noise


def seed_correlation(scores: pl.DataFrame, *, base: str) -> float | None:
    """Median over variants and contexts of the correlation with the baseline over (three or more) common seeds."""
    found = [
        float(np.corrcoef(ours, theirs)[0, 1])
        for ours, theirs in _common(ScoreTable.of(scores), base)
        if _spread(ours) and _spread(theirs)
    ]
    return float(np.median(found)) if found else None


def pairing_gain(scores: pl.DataFrame, *, base: str) -> float | None:
    """How many times as many seeds an unpaired comparison would need: median of (var a + var b) / var(a - b)."""
    found = [
        float((ours.var(ddof=1) + theirs.var(ddof=1)) / (ours - theirs).var(ddof=1))
        for ours, theirs in _common(ScoreTable.of(scores), base)
        if _spread(ours) and _spread(theirs) and np.ptp(ours - theirs) > _rounding(ours)
    ]
    return float(np.median(found)) if found else None


def _common(table: ScoreTable, base: str) -> list[tuple[Floats, Floats]]:
    """The scores of each variant and of its baseline, over their common seeds."""
    if base not in table.variants:
        return []
    index = table.variants.index(base)
    found = []
    for context in table.values:
        for row, scores in enumerate(context):
            both = np.isfinite(scores) & np.isfinite(context[index])
            if row != index and both.sum() >= MIN_SEEDS:
                found.append((scores[both], context[index][both]))
    return found


def _rounding(values: Floats) -> float:
    return float(64 * np.finfo(np.float64).eps * np.abs(values).max())


def _spread(values: Floats) -> bool:
    return bool(np.ptp(values) > _rounding(values))
