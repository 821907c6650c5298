"""What is taken from statsmodels (which loads pandas, so it stays in this module)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from ._table import Floats

POWER = 0.8
"""The power at which seeds are counted and differences called detectable."""

MOST_SEEDS = 1000
"""Beyond this many seeds nobody is told how many would do."""


def equivalence_p(first: Floats, second: Floats, margin: float, *, paired: bool) -> float:
    """Two one-sided t tests that the mean difference lies inside ``-margin .. margin``."""
    if paired:
        return float(ttost_paired(first, second, -margin, margin)[0])
    return float(ttost_ind(first, second, -margin, margin, usevar="unequal")[0])


def seeds_needed(effect: Floats, level: Floats) -> NDArray[np.int64]:
    """Smallest number of paired seeds with 80 % power; 0 where it is above `MOST_SEEDS` or cannot be said.

    Args:
        effect: abs(mean) / standard deviation of the paired differences.
        level: Two-sided level of the test.
    """
    effect = np.clip(np.nan_to_num(effect, nan=0.0, posinf=8.0), 0.0, 8.0)
    low = np.full(effect.shape, 1)
    high = np.full(effect.shape, MOST_SEEDS)
    if effect.size == 0:
        return low
    possible = _power(effect, high, level) >= POWER
    while np.any(high - low > 1):
        middle = (low + high) // 2
        enough = _power(effect, np.maximum(middle, 2), level) >= POWER
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
    return np.where(possible, high, 0)


def detectable_effect(n: int, level: float) -> float | None:
    """Smallest mean / standard deviation that a paired t test of `n` seeds finds with 80 % power."""
    if n < 2:
        return None

    def shortfall(effect: float) -> float:
        return float(_power(np.array([effect]), np.array([n]), np.array([level]))[0]) - POWER

    highest = 1.0
    while shortfall(highest) < 0:
        highest *= 2
        if highest > 1e6:
            return None
    return float(brentq(shortfall, 0.0, highest, xtol=1e-12))


def _power(effect: Floats, n: NDArray[np.int64], level: Floats) -> Floats:
    power: Floats = TTestPower().power(effect, n, level)
    return np.nan_to_num(power, nan=1.0)
