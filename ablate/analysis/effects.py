"""Every variant against the baseline of its context: effects, Holm's correction, cross-checks."""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from ablate.core import Goal

from ._dunnett import Joint, dunnett, unpaired_noise
from ._holm import holm
from ._statsmodels import seeds_needed
from ._table import Floats, ScoreTable
from .compare import Comparison, compare
from .shared import shared_noise, with_shared_noise
from .types import Interval, Test

Noise = Literal["own", "shared"]

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
    """Of Holm's procedure, or of Dunnett's test."""
    level: float
    """The level that Holm's procedure demands of `p`, given the others; that Dunnett's test does, where it is made."""
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
    rank_p: float | None = None
    """Wilcoxon's signed-rank test of the paired differences, from ten seeds on."""
    q: float | None = None
    """Smallest false discovery rate at which it would be found (Benjamini and Hochberg over the same family)."""
    shared: bool = False
    """Whether interval and p value rest on a noise that several variants share; see `ablate.analysis.shared`."""
    test: Test | None = None
    """Where the p values come from; None without any."""


def effects(
    scores: pl.DataFrame,
    *,
    base: str,
    goal: Goal = "minimize",
    alpha: float = 0.05,
    margin: float | None = None,
    noise: Noise = "own",
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
        noise: ``own``: each variant is tested by its own noise; ``shared``: by that of all variants together, where
            they look alike enough (`shared_noise`), and by its own elsewhere. In a context in which no variant has
            two seeds in common with the baseline this is Dunnett's test (`unpaired_noise`), whose p values allow for
            all variants by themselves; else Welch's test and Holm's correction stay.

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

    sharing: set[int] = set()
    joint: dict[int, Joint] = {}
    if noise == "shared":
        joint = _jointly(found, table, others, scores, base, goal, alpha, margin)
        sharing = _share(found, table, others, scores, base, alpha, margin) | set(joint)
    diverged = table.diverged[:, others].reshape(-1)
    p = np.array([np.nan if item.p is None else item.p for item in found])
    p[diverged > 0] = np.nan
    by_context = p.reshape(contexts, count)
    adjusted = holm(by_context)
    rejected = (adjusted < alpha).sum(axis=1, keepdims=True)
    level = np.broadcast_to(alpha / np.maximum(1, count - rejected), by_context.shape).reshape(-1)
    adjusted, level = adjusted.reshape(-1), level.copy()
    for row, test in joint.items():
        adjusted[row], level[row] = test.p, test.level

    needed = seeds_needed(_standardized(found, contexts), level)
    beyond = _noise_floor(values, baseline, alpha / max(1, count)).reshape(-1)
    rates = _discovery_rates(by_context).reshape(-1)
    flips, bootstraps, ranks = _cross_checks(found, alpha)
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
            rank_p=ranks.get(row),
            q=None if np.isnan(rates[row]) else float(rates[row]),
            shared=row in sharing,
            test=None if np.isnan(p[row]) else _test_of(found[row], row in sharing),
        )
        for row in range(len(found))
    )


def _share(
    found: list[Comparison],
    table: ScoreTable,
    others: list[int],
    scores: pl.DataFrame,
    base: str,
    alpha: float,
    margin: float | None,
) -> set[int]:
    """Give the comparisons of each context the noise that its variants share; the rows that have it now."""
    sharing: set[int] = set()
    for context, noise in shared_noise(scores, base=base).items():
        start = table.contexts.index(context) * len(others)
        rows = [start + at for at, other in enumerate(others) if table.variants[other] in noise.variants]
        rows = [row for row in rows if found[row].shape == "varied"]
        if noise.passes:
            new = with_shared_noise([found[row] for row in rows], noise, alpha=alpha, margin=margin)
            for row, item in zip(rows, new, strict=True):
                found[row] = item
            sharing |= set(rows)
    return sharing


def _jointly(
    found: list[Comparison],
    table: ScoreTable,
    others: list[int],
    scores: pl.DataFrame,
    base: str,
    goal: Goal,
    alpha: float,
    margin: float | None,
) -> dict[int, Joint]:
    """Test the contexts without pairs jointly, where the scores allow it: row -> what Dunnett's test says of it."""
    joint: dict[int, Joint] = {}
    for context, noise in unpaired_noise(scores, base=base).items():
        if noise.problem:
            continue
        start = table.contexts.index(context) * len(others)
        rows = {table.variants[other]: start + at for at, other in enumerate(others)}
        items = {variant: found[row] for variant, row in rows.items()}
        made = dunnett(table, context, items, noise, goal=goal, alpha=alpha, margin=margin)
        for variant, test in made.items():
            found[rows[variant]] = test.comparison
            joint[rows[variant]] = test
    return joint


def _test_of(item: Comparison, shared: bool) -> Test:
    if item.shape != "varied":
        return "sign-flip"
    if item.paired:
        return "shared noise" if shared else "paired t"
    return "Dunnett" if shared else "Welch"


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


def _discovery_rates(p: Floats) -> Floats:
    """Benjamini and Hochberg's adjusted p values along the last axis; one that could not be tested counts as 1."""
    if not p.size:
        return p
    return np.where(np.isnan(p), np.nan, stats.false_discovery_control(np.nan_to_num(p, nan=1.0), axis=-1))


def _cross_checks(
    found: list[Comparison], alpha: float
) -> tuple[dict[int, float], dict[int, Interval], dict[int, float]]:
    """Sign-flip p values, BCa intervals and signed-rank p values by row, for rows of equal length together."""
    flips: dict[int, float] = {}
    bootstraps: dict[int, Interval] = {}
    ranks: dict[int, float] = {}
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
                ranks.update(zip(block, _signed_rank_p(differences).tolist(), strict=True))
                low, high = _bca(differences, 1 - alpha)
                for row, lower, upper in zip(block, low.tolist(), high.tolist(), strict=True):
                    if np.isfinite(lower) and np.isfinite(upper):
                        bootstraps[row] = Interval(lower, upper, 1 - alpha)
    return flips, bootstraps, ranks


def _signed_rank_p(differences: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ties and zeros: the normal approximation is taken
        return np.asarray(stats.wilcoxon(differences, axis=-1).pvalue, dtype=np.float64)


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
