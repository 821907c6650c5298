"""Who could be first: ranks, rank intervals and the could-be-best set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ablate.core import Goal

from ._holm import holm
from ._table import Floats, ScoreTable
from .compare import MIN_SEEDS, compare
from .effects import Effect
from .types import Ranked

TOP = 30
"""All pairs are tested among this many variants at most: those with the best means."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a variant stands in its context."""

    variant: str
    context: str
    mean: float | None
    rank: int | None
    low: int | None
    high: int | None
    could_be_best: bool
    tested: bool
    """Whether this variant was among those of which all pairs were tested."""


def best_variants(ranking: Sequence[Ranked], count: int) -> dict[str, tuple[str, ...]]:
    """Context -> the `count` variants with the best means, best first; without the baseline and unstable ones."""
    best: dict[str, tuple[str, ...]] = {}
    for row in sorted((row for row in ranking if row.rank is not None), key=lambda row: row.rank or 0):
        if row.verdict not in {"baseline", "unstable"} and len(best.get(row.context, ())) < count:
            best[row.context] = (*best.get(row.context, ()), row.variant)
    return best


def rank(
    scores: pl.DataFrame,
    effects: Sequence[Effect] = (),
    *,
    base: str = "",
    goal: Goal = "minimize",
    alpha: float = 0.05,
) -> tuple[Place, ...]:
    """Rank the variants of each context by their mean score, and say how far each rank could be off.

    ``low = 1 + number significantly better``, ``high = k - number significantly worse``, where significance is the
    paired t test of every pair, Holm-adjusted over all pairs of the context; and, so that ranks never contradict
    verdicts, also the Holm-adjusted comparison with the baseline if `effects` are given. A variant could be best if
    nothing is significantly better. One with a diverged run, or a single score, is not tested, and is never called
    possibly best. Above 30 variants only the 30 best means are tested, and their ranks are ranks among these 30;
    the others have the interval ``31 .. k``.

    Args:
        scores: As for `effects`.
        effects: The comparisons with the baseline.
        base: The label of the baseline.
        goal: Whether a small or a large score is better.
        alpha: Family-wise level.

    Returns:
        One place per context and variant: the best mean first, those without a score last.
    """
    table = ScoreTable.of(scores)
    decided = {
        (effect.context, effect.variant): effect.comparison.improvement
        for effect in effects
        if effect.p_adjusted is not None and effect.p_adjusted < alpha and effect.comparison.n >= MIN_SEEDS
    }
    places = []
    for index, context in enumerate(table.contexts):
        against_base = {variant: gain for (where, variant), gain in decided.items() if where == context and gain}
        places += _rank_context(table, index, against_base, base, goal, alpha)
    return tuple(places)


def _rank_context(
    table: ScoreTable, index: int, against_base: dict[str, float], base: str, goal: Goal, alpha: float
) -> list[Place]:
    values, context = table.values[index], table.contexts[index]
    counts = np.isfinite(values).sum(axis=1)
    means = [float(row[np.isfinite(row)].mean()) if n else None for row, n in zip(values, counts, strict=True)]
    sign = 1.0 if goal == "minimize" else -1.0
    order = sorted(
        (row for row, mean in enumerate(means) if mean is not None), key=lambda row: sign * (means[row] or 0.0)
    )
    top = order[:TOP]
    stable = table.diverged[index] == 0
    better = _better(values, [row for row in top if stable[row] and counts[row] >= MIN_SEEDS], goal, alpha)
    if base in table.variants:
        baseline = table.variants.index(base)
        for variant, gain in against_base.items():
            pair = (table.variants.index(variant), baseline)
            better[pair if gain > 0 else pair[::-1]] = True
    better = better[np.ix_(top, top)]
    places = []
    for position, row in enumerate(order):
        first = next(k for k, other in enumerate(order, 1) if means[other] == means[row])
        low: int | None = None
        high: int | None = None
        if counts[row] >= 2 and position < len(top):
            low = min(first, 1 + int(better[:, position].sum()))
            high = max(first, len(top) - int(better[position].sum()))
        elif counts[row] >= 2:
            low, high = min(first, TOP + 1), len(order)
        possible = low == 1 and position < len(top) and bool(stable[row])
        possible = possible and not better[:, position].any()
        places.append(
            Place(table.variants[row], context, means[row], first, low, high, possible, tested=position < len(top))
        )
    rest = [row for row, mean in enumerate(means) if mean is None]
    places += [Place(table.variants[row], context, None, None, None, None, False, tested=False) for row in rest]
    return places


def _better(values: Floats, rows: list[int], goal: Goal, alpha: float) -> NDArray[np.bool_]:
    """Variants x variants: whether the first is significantly better than the second; all pairs of `rows`, Holm."""
    better = np.zeros((len(values), len(values)), dtype=np.bool_)
    pairs = [(one, two) for k, one in enumerate(rows) for two in rows[k + 1 :]]
    if not pairs:
        return better
    ours, theirs = (values[[pair[side] for pair in pairs]] for side in (0, 1))
    found = compare(ours, theirs, goal=goal, alpha=alpha)
    adjusted = holm(np.array([np.nan if item.p is None else item.p for item in found]))
    for (one, two), item, p in zip(pairs, found, adjusted, strict=True):
        if p < alpha and item.improvement:
            better[(one, two) if item.improvement > 0 else (two, one)] = True
    return better
