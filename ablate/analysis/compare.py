"""Two variants over seeds: the one place where a mean difference, its interval and its p value are computed."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ablate.core import Goal

from ._statsmodels import equivalence_p
from ._table import Floats
from .types import Interval

Shape = Literal["varied", "constant", "identical"]

MIN_SEEDS = 3
"""Below this many seeds there is no test and no verdict."""

_SQUARABLE = 1e-140
"""Differences below this count as none: their squares, and so their variance, underflow in float64."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One row of scores against another."""

    n: int
    """Seeds behind it: common seeds, or the smaller group if unpaired."""
    paired: bool
    differences: tuple[float, ...]
    """One improvement per common seed, in the order of the seeds; empty if unpaired."""
    improvement: float | None
    """Mean; positive is better. None if either side has no score."""
    sd: float | None
    """Sample standard deviation of the differences; None if unpaired or below two seeds."""
    interval: Interval | None
    """t interval of the improvement from two seeds on; None where the differences do not vary."""
    p: float | None
    """Two-sided, from three seeds on. Where the differences do not vary see `compare`."""
    equivalence_p: float | None
    """Of the two one-sided tests against the margin, from three seeds on."""
    shape: Shape
    """Whether the differences vary, are one constant, or are all zero (to rounding)."""


def compare(
    ours: Floats, theirs: Floats, *, goal: Goal = "minimize", alpha: float = 0.05, margin: float | None = None
) -> list[Comparison]:
    """Compare rows of scores seed by seed; an improvement is positive where `ours` is better.

    Paired t (``scipy.stats.ttest_rel``) over the seeds that both rows have; with fewer than two of them, Welch's t
    (``ttest_ind(equal_var=False)``). A difference that is the same in every seed has no variance to test against, and
    its t statistic is infinite or 0/0. Its p value is then that of the exact sign-flip test, ``2 ** (1 - n)``, or 1 if
    the scores are identical, and it has no interval: p is never 0 only because nothing varied.

    Args:
        ours: Rows x seeds; NaN or infinite where there is no score.
        theirs: The same shape.
        goal: Whether a small or a large score is better.
        alpha: One minus the level of the intervals.
        margin: Smallest difference that matters; without it equivalence is not tested.
    """
    ours, theirs = (np.where(np.isfinite(side), side, np.nan) for side in map(np.atleast_2d, (ours, theirs)))
    first, second = (theirs, ours) if goal == "minimize" else (ours, theirs)
    common = np.isfinite(first) & np.isfinite(second)
    results: list[Comparison | None] = [None] * len(ours)
    patterns, which = np.unique(common, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.reshape(-1) == index)
        if pattern.sum() >= 2:
            found = _paired(first[np.ix_(rows, pattern)], second[np.ix_(rows, pattern)], alpha, margin)
        else:
            found = [_unpaired(first[row], second[row], alpha, margin) for row in rows]
        for row, comparison in zip(rows, found, strict=True):
            results[row] = comparison
    return [result for result in results if result is not None]


def _paired(first: Floats, second: Floats, alpha: float, margin: float | None) -> list[Comparison]:
    """Rows x common seeds, no NaN, two seeds at least."""
    n = first.shape[1]
    differences = first - second
    varied = _varies(differences, first, second)
    zero = np.abs(differences).max(axis=1) <= _rounding(first, second)
    tested = np.flatnonzero(varied)
    low, high = np.full(len(first), np.nan), np.full(len(first), np.nan)
    p = np.where(zero, 1.0, 2.0 ** (1 - n))
    if tested.size:
        result = stats.ttest_rel(first[tested], second[tested], axis=1)
        bounds = result.confidence_interval(1 - alpha)
        low[tested], high[tested], p[tested] = bounds.low, bounds.high, result.pvalue
    means, sds = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    found = []
    for row in range(len(first)):
        shape: Shape = "varied" if varied[row] else "identical" if zero[row] else "constant"
        inside: float | None = None
        if margin is not None and n >= MIN_SEEDS and shape == "varied":
            inside = equivalence_p(first[row], second[row], margin, paired=True)
        found.append(
            Comparison(
                n=n,
                paired=True,
                differences=tuple(differences[row].tolist()),
                improvement=0.0 if shape == "identical" else float(means[row]),
                sd=float(sds[row]) if shape == "varied" else 0.0,
                interval=Interval(float(low[row]), float(high[row]), 1 - alpha) if shape == "varied" else None,
                p=float(p[row]) if n >= MIN_SEEDS else None,
                equivalence_p=inside,
                shape=shape,
            )
        )
    return found


def _unpaired(first: Floats, second: Floats, alpha: float, margin: float | None) -> Comparison:
    """One row each, with at most one common seed."""
    one, two = first[np.isfinite(first)], second[np.isfinite(second)]
    n = min(len(one), len(two))
    if n < 2:
        common = first - second
        common = common[np.isfinite(common)]
        mean = common.mean() if common.size else one.mean() - two.mean() if n else None
        improvement = None if mean is None else float(mean)
        return Comparison(n, bool(common.size), tuple(common.tolist()), improvement, None, None, None, None, "varied")
    shape: Shape = "varied"
    if not (_varies(one[None], one[None], one[None])[0] or _varies(two[None], two[None], two[None])[0]):
        shape = "constant"
        return Comparison(n, False, (), float(one.mean() - two.mean()), None, None, None, None, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one side may be constant; Welch's formula still holds
        result = stats.ttest_ind(one, two, equal_var=False)
        bounds = result.confidence_interval(1 - alpha)
    inside = equivalence_p(one, two, margin, paired=False) if margin is not None and n >= MIN_SEEDS else None
    return Comparison(
        n=n,
        paired=False,
        differences=(),
        improvement=float(one.mean() - two.mean()),
        sd=None,
        interval=Interval(float(bounds.low), float(bounds.high), 1 - alpha),
        p=float(result.pvalue) if n >= MIN_SEEDS else None,
        equivalence_p=inside,
        shape=shape,
    )


def _rounding(first: Floats, second: Floats) -> Floats:
    """What rounding alone may do to a difference of these rows."""
    size: Floats = np.maximum(np.abs(first).max(axis=1), np.abs(second).max(axis=1))
    return np.maximum(64 * np.finfo(np.float64).eps * size, _SQUARABLE)


def _varies(values: Floats, first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Whether values of a row differ by more than rounding."""
    return np.asarray(np.ptp(values, axis=1) > _rounding(first, second))
