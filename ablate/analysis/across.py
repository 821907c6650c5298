"""All contexts of a grid together: interquartile means, performance profiles, and a matrix of variants.

Nothing of it decides a verdict: verdicts are given inside a context, and seeds of different contexts are never pooled
as if they were draws of one thing.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from ._holm import holm
from ._interval import Interval
from ._study import Study
from ._table import Floats, ScoreTable
from ._words import number, plural
from .evidence import Across, AcrossRow, Duel

CONTEXTS = 3
"""From so many contexts on they are summed up together."""

MATRIX = 6
"""From so many on, variants are tested against each other over the contexts."""

ROWS = 30
"""So many variants are kept: the best interquartile means."""

DUELS = 6
"""So many of them are compared with each other and the baseline."""

LEVEL = 3.0
"""So many of its standard deviations the mean score of a baseline must be from zero, or percentages mean nothing."""

DRAWS = 2000
"""How often the seeds are drawn again."""

THRESHOLDS = 61
"""At so many gains the profile is read."""


def read_across(study: Study) -> Across | None:
    """The contexts together; None with fewer than `CONTEXTS`, or where a baseline is too near zero for percentages.

    Every gain is an improvement over the baseline's run of the same context and seed, in percent of the size of the
    baseline's mean score there, so that contexts of different levels can be put together.
    """
    plan = study.plan
    if len(plan.contexts) < CONTEXTS or len(plan.variants) < 2:
        return None
    table = ScoreTable.of(study.scores)
    gains = _gains(table, study.base, 1.0 if plan.metric.goal == "maximize" else -1.0)
    if gains is None:
        return None
    whole: dict[str, list[Floats]] = {}
    for place, label in enumerate(table.variants):
        strata = [row[np.isfinite(row)] for row in gains[:, place]]
        if label != study.base and not table.diverged[:, place].any() and all(some.size for some in strata):
            whole[label] = strata
    if not whole:
        return None
    alpha = plan.report.alpha
    order = sorted(whole, key=lambda label: -iqm(np.concatenate(whole[label])))
    kept = order[:ROWS]
    every = np.concatenate([np.concatenate(whole[label]) for label in kept])
    ends = min(float(every.min()), 0.0), max(float(every.max()), 0.0)
    thresholds = np.linspace(*ends, THRESHOLDS) if ends[0] < ends[1] else np.zeros(1)
    rows = tuple(_row(study, label, whole[label], thresholds, alpha) for label in kept)
    left_out = len(table.variants) - 1 - len(whole)
    return Across(
        words=_words(rows, len(table.contexts), left_out),
        contexts=len(table.contexts),
        thresholds=tuple(thresholds.tolist()),
        rows=rows,
        variants=len(whole),
        left_out=left_out,
        draws=DRAWS,
        duels=_duels(kept[:DUELS], study.base, whole, alpha) if len(table.contexts) >= MATRIX else (),
    )


def _gains(table: ScoreTable, base: str, sign: float) -> Floats | None:
    """Contexts x variants x seeds, percent; NaN without a partner."""
    if base not in table.variants:
        return None
    theirs = table.values[:, [table.variants.index(base)]]
    known = np.isfinite(theirs)
    if not known.any(axis=2).all():
        return None
    levels = [scores[there] for scores, there in zip(theirs[:, 0], known[:, 0], strict=True)]
    if any(abs(some.mean()) <= LEVEL * some.std() for some in levels):
        return None
    level = np.array([abs(some.mean()) for some in levels])[:, None, None]
    found: Floats = 100.0 * sign * (table.values - theirs) / level
    return found


def iqm(values: Floats) -> float:
    """The interquartile mean: without the lowest and the highest quarter (``scipy.stats.trim_mean``)."""
    return float(stats.trim_mean(values, 0.25))


def resampled_iqm(strata: Sequence[Floats]) -> Floats:
    """The interquartile mean over draws of the seeds inside each context, with replacement, from a fixed seed.

    References:
        Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice.
    """
    rng = np.random.default_rng(0)
    drawn = np.concatenate([some[rng.integers(some.size, size=(DRAWS, some.size))] for some in strata], axis=1)
    return np.asarray(stats.trim_mean(drawn, 0.25, axis=1), dtype=np.float64)


def _row(study: Study, label: str, strata: Sequence[Floats], thresholds: Floats, alpha: float) -> AcrossRow:
    every = np.concatenate(strata)
    interval = None
    if min(some.size for some in strata) > 1:
        low, high = np.quantile(resampled_iqm(strata), [alpha / 2, 1 - alpha / 2])
        interval = Interval(float(low), float(high), 1 - alpha)
    verdicts = [row.verdict for row in study.ranking if row.variant == label]
    return AcrossRow(
        variant=label,
        iqm=iqm(every),
        interval=interval,
        runs=every.size,
        better=verdicts.count("better"),
        worse=verdicts.count("worse"),
        worst=float(min(some.mean() for some in strata)),
        profile=tuple((every[:, None] >= thresholds).mean(axis=0).tolist()),
    )


def _duels(labels: Sequence[str], base: str, whole: dict[str, list[Floats]], alpha: float) -> tuple[Duel, ...]:
    """Every pair: the signed-rank test of their mean gains over the contexts, Holm-adjusted over the pairs."""
    means = {label: np.array([some.mean() for some in whole[label]]) for label in labels}
    means[base] = np.zeros(len(next(iter(means.values()))))
    pairs = list(combinations(means, 2))
    p = np.array([_signed_rank(means[one] - means[two]) for one, two in pairs])
    return tuple(
        Duel(
            pair,
            float((means[pair[0]] - means[pair[1]]).mean()),
            int((means[pair[0]] > means[pair[1]]).sum()),
            int((means[pair[0]] < means[pair[1]]).sum()),
            float(raw),
            float(adjusted),
            bool(adjusted < alpha),
        )
        for pair, raw, adjusted in zip(pairs, p, holm(p), strict=True)
    )


def _signed_rank(differences: Floats) -> float:
    """Wilcoxon's test, two-sided; 1 where nothing differs."""
    return float(stats.wilcoxon(differences).pvalue) if np.any(differences != 0) else 1.0


def _words(rows: Sequence[AcrossRow], contexts: int, left_out: int) -> str:
    best = rows[0]
    text = (
        f"Over {contexts} contexts, {best.variant} has the best interquartile mean gain, {number(best.iqm)} % of the "
        f"baseline's score; it is better in {best.better} and worse in {best.worse} of them."
    )
    if left_out:
        text += f" {plural(left_out, 'variant')} left out: a run diverged, or a context has no score."
    return text
