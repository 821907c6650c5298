"""Claims about an order of variants, and the comparison with published numbers."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from ablate.core import Goal
from ablate.store.schema import PlanRecord

from ._holm import holm
from ._table import Floats
from ._words import listed, p_value, plural
from .compare import MIN_SEEDS, compare
from .types import ClaimVerdict, ReferenceResult


def judge_order(
    labels: Sequence[str], scores: Floats, threshold: float, *, goal: Goal, alpha: float
) -> tuple[ClaimVerdict, str]:
    """Judge "best to worst: a, b, c" by Spearman's rho of the claimed order with our means.

    Supported if rho reaches the threshold and Page's trend test over the seeds (the claimed order as alternative)
    rejects at `alpha`, so that an order of equal variants that came out by chance is not support. Refuted if rho stays
    below the threshold and some pair is significantly in the opposite order (paired t, Holm over the pairs). Only
    seeds that every variant finished count.

    Args:
        labels: The claimed order, best first.
        scores: One row per label, one column per seed; NaN where there is none.
        threshold: Smallest rho that the claim accepts.
        goal: Whether a small or a large score is better.
        alpha: Level of the tests.

    Returns:
        Verdict and evidence.
    """
    if len(labels) < 3:
        return "undecided", f"{plural(len(labels), 'variant')}; an order needs 3"
    common = np.isfinite(scores).all(axis=0)
    n = int(common.sum())
    if n < MIN_SEEDS:
        return "undecided", f"{plural(n, 'seed')} common to all {len(labels)} variants; {MIN_SEEDS} are needed"
    cost = scores[:, common] * (1.0 if goal == "minimize" else -1.0)
    rho = spearman(np.arange(len(labels), dtype=np.float64), cost.mean(axis=1))
    if rho is None:
        return "undecided", f"all {len(labels)} variants have the same mean"
    trend = float(stats.page_trend_test(cost.T).pvalue)
    evidence = (
        f"Spearman's rho {rho:.2f} over {len(labels)} variants, {n} common seeds; "
        f"Page's trend test {p_value(trend)}, not adjusted for other claims"
    )
    if rho >= threshold - 1e-12:
        return ("supported" if trend < alpha else "undecided"), evidence
    reversed_pairs = _reversed(cost, labels, alpha)
    if reversed_pairs:
        return "refuted", f"{evidence}; significantly the other way: {listed(reversed_pairs)}"
    return "undecided", f"{evidence}; no pair is significantly the other way"


def _reversed(cost: Floats, labels: Sequence[str], alpha: float) -> list[str]:
    """Pairs whose later variant is significantly better."""
    pairs = [(one, two) for one in range(len(labels)) for two in range(one + 1, len(labels))]
    found = compare(cost[[two for _, two in pairs]], cost[[one for one, _ in pairs]], alpha=alpha)
    adjusted = holm(np.array([np.nan if item.p is None else item.p for item in found]))
    return [
        f"{labels[two]} better than {labels[one]}"
        for (one, two), item, p in zip(pairs, found, adjusted, strict=True)
        if p < alpha and (item.improvement or 0.0) > 0
    ]


def spearman(first: Floats, second: Floats) -> float | None:
    """Spearman's rho; None where one side does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)


def compare_with_reference(plan: PlanRecord, means: dict[str, float | None]) -> ReferenceResult | None:
    """Our order of the variants beside a published one.

    The p value is that of the permutation test of rho (exact up to 7 pairs, then 9,999 random permutations), because
    the usual approximation does not hold for a handful of pairs.

    Args:
        plan: With the published values.
        means: Our mean score by label, in the first context.
    """
    reference = plan.reference
    if reference is None:
        return None
    rows = []
    for name, published in reference.values.items():
        rows.append((name, published, means.get(name)))
    pairs = np.array([(published, mean) for _, published, mean in rows if mean is not None]).reshape(-1, 2)
    rho: float | None = None
    p: float | None = None
    if len(pairs) >= 3:
        rho = spearman(pairs[:, 0], pairs[:, 1])
    if rho is not None:
        p = _permutation_p(stats.rankdata(pairs[:, 0]), stats.rankdata(pairs[:, 1]))
    return ReferenceResult(reference.source, reference.metric, tuple(rows), rho, p)


def _permutation_p(first: Floats, second: Floats) -> float:
    centred = second - second.mean()

    def covariance(ranks: Floats, axis: int) -> Floats:
        return np.asarray((ranks * centred).sum(axis=axis))

    result = stats.permutation_test(
        (first,),
        covariance,
        permutation_type="pairings",
        vectorized=True,
        axis=-1,
        n_resamples=9999,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)
