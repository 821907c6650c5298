"""Every variant against the baseline of its context: effects, Holm's correction, cross-checks."""

import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from ablate.core import Goal

from ._holm import holm
from ._statsmodels import seeds_needed
from ._table import Floats, ScoreTable
from .compare import Comparison, compare
from .types import Interval

PERMUTATION_SEEDS = 6
"""From here on the exact sign-flip test can be significant at 5 %, and cross-checks the t test."""

BOOTSTRAP_SEEDS = 10
"""From here on the BCa bootstrap interval covers well enough to cross-check the t interval."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A variant against the baseline of its context."""

    variant: str
    context: str
    comparison: Comparison
    p: float | None
    """Unadjusted; None below three seeds, and for a variant with a diverged run."""
    p_adjusted: float | None
    level: float
    """The level that Holm's procedure demands of this p value, given the others."""
    diverged: int
    """Runs of this variant that diverged."""
    needed: int | None
    """Seeds in total for 80 % power at `level`, if the true effect is the one seen, and the noise is this variant's
    own or the median one of the context, whichever is larger: a small own one may be luck."""
    beyond_noise: bool | None
    """For a single seed, where the baseline has three or more: whether the score leaves the baseline's noise floor."""
    flip_p: float | None
    """Exact sign-flip test of the paired differences, from six seeds on."""
    bootstrap: Interval | None
    """BCa interval of the improvement, from ten seeds on."""


def effects(
    scores: pl.DataFrame, *, base: str, goal: Goal = "minimize", alpha: float = 0.05, margin: float | None = None
) -> tuple[Effect, ...]:
    """Compare every variant with `base`, inside each context.

    p values are Holm-adjusted over all non-baseline variants of the context: one that could not be tested counts as
    p = 1, so that the number of tests is fixed by the plan and not by what happened to finish.

    Args:
        scores: Rows with variant, context, seed and score (null or NaN where there is none), and if known
            ``outcome``; see `SCORES`.
        base: The label of the baseline.
        goal: Whether a small or a large score is better.
        alpha: Family-wise level of the tests, and one minus the level of the intervals.
        margin: Smallest difference that matters, in metric units.

    Returns:
        One effect per context and non-baseline variant, in the order of their first rows.
    """
    table = ScoreTable.of(scores)
    others = [index for index, variant in enumerate(table.variants) if variant != base]
    values = table.values[:, others]
    contexts, count, seeds = values.shape
    baseline = np.full((contexts, 1, seeds), np.nan)
    if base in table.variants:
        baseline = table.values[:, [table.variants.index(base)]]
    theirs = np.broadcast_to(baseline, values.shape).reshape(-1, seeds)
    found = compare(values.reshape(-1, seeds), theirs, goal=goal, alpha=alpha, margin=margin)

    diverged = table.diverged[:, others].reshape(-1)
    p = np.array([np.nan if item.p is None else item.p for item in found])
    p[diverged > 0] = np.nan
    by_context = p.reshape(contexts, count)
    adjusted = holm(by_context)
    rejected = (adjusted < alpha).sum(axis=1, keepdims=True)
    level = np.broadcast_to(alpha / np.maximum(1, count - rejected), by_context.shape).reshape(-1)
    adjusted = adjusted.reshape(-1)

    needed = seeds_needed(_standardized(found, contexts), level)
    beyond = _noise_floor(values, baseline, alpha / max(1, count)).reshape(-1)
    flips, bootstraps = _cross_checks(found, alpha)
    return tuple(
        Effect(
            variant=table.variants[others[row % count]],
            context=table.contexts[row // count],
            comparison=found[row],
            p=None if np.isnan(p[row]) else float(p[row]),
            p_adjusted=None if np.isnan(adjusted[row]) else float(adjusted[row]),
            level=float(level[row]),
            diverged=int(diverged[row]),
            needed=int(needed[row]) or None,
            beyond_noise=None if np.isnan(beyond[row]) or found[row].n != 1 else bool(beyond[row]),
            flip_p=flips.get(row),
            bootstrap=bootstraps.get(row),
        )
        for row in range(len(found))
    )


def _standardized(found: list[Comparison], contexts: int) -> Floats:
    """Mean over noise of the paired differences; 0 if it cannot be said."""
    means = np.array([abs(item.improvement) if item.improvement and item.sd else 0.0 for item in found])
    noise = np.array([item.sd or np.nan for item in found], dtype=np.float64).reshape(contexts, -1)
    sizes = np.zeros(noise.shape)
    for size, mean, sd in zip(sizes, means.reshape(noise.shape), noise, strict=True):
        known = np.isfinite(sd)
        if known.any():
            size[known] = mean[known] / np.maximum(sd[known], np.median(sd[known]))
    return sizes.reshape(-1)


def _noise_floor(values: Floats, baseline: Floats, level: float) -> Floats:
    """1 where a variant's mean leaves the prediction interval of one more baseline run, 0 inside, NaN if unknown.

    The interval is that of one new observation from a normal sample, ``t(n-1) s sqrt(1 + 1/n)``.
    """
    result = np.full(values.shape[:2], np.nan)
    for context in range(len(values)):
        known = baseline[context, 0][np.isfinite(baseline[context, 0])]
        n = len(known)
        if n < 3:
            continue
        reach = stats.t.ppf(1 - level / 2, n - 1) * known.std(ddof=1) * np.sqrt(1 + 1 / n)
        for row, scores in enumerate(values[context]):
            single = scores[np.isfinite(scores)]
            if single.size == 1:
                result[context, row] = float(abs(single[0] - known.mean()) > reach)
    return result


def _cross_checks(found: list[Comparison], alpha: float) -> tuple[dict[int, float], dict[int, Interval]]:
    """Sign-flip p values and BCa intervals by row, computed for rows of equal length together."""
    flips: dict[int, float] = {}
    bootstraps: dict[int, Interval] = {}
    by_length: dict[int, list[int]] = {}
    for row, item in enumerate(found):
        if item.paired and item.n >= PERMUTATION_SEEDS and item.shape == "varied":
            by_length.setdefault(item.n, []).append(row)
    for n, rows in by_length.items():
        for start in range(0, len(rows), 256):
            block = rows[start : start + 256]
            differences = np.array([found[row].differences for row in block])
            flips.update(zip(block, sign_flip_p(differences).tolist(), strict=True))
            if n >= BOOTSTRAP_SEEDS:
                low, high = _bca(differences, 1 - alpha)
                for row, lower, upper in zip(block, low.tolist(), high.tolist(), strict=True):
                    if np.isfinite(lower) and np.isfinite(upper):
                        bootstraps[row] = Interval(lower, upper, 1 - alpha)
    return flips, bootstraps


def sign_flip_p(differences: Floats) -> Floats:
    """Two-sided sign-flip test of each row of paired differences; exact up to 13 seeds, then 9,999 random flips."""
    result = stats.permutation_test(
        (differences,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        axis=-1,
        batch=1000,
        rng=np.random.default_rng(0),
    )
    return np.asarray(result.pvalue, dtype=np.float64)


def _bca(differences: Floats, level: float) -> tuple[Floats, Floats]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a row of few distinct values has no BCa interval: NaN
        result = stats.bootstrap(
            (differences,),
            _mean,
            vectorized=True,
            axis=-1,
            confidence_level=level,
            method="BCa",
            batch=1000,
            rng=np.random.default_rng(0),
        )
    return np.asarray(result.confidence_interval.low), np.asarray(result.confidence_interval.high)


def _mean(values: Floats, axis: int) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=axis))
