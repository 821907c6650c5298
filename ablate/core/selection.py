"""Choosing among candidates by their scores over the same seeds."""

import math
from collections.abc import Sequence

from .metric import Goal


def best_candidate(scores: Sequence[Sequence[float | None]], goal: Goal) -> int:
    """The index of the best candidate: the fewest seeds without a score, then the best mean, then the first.

    A candidate that fails or diverges in some seeds so loses to every one that does not, however good its mean.

    Args:
        scores: one row per candidate, one score per seed; None where a run has none.
        goal: whether a small or a large score is better.
    """
    sign = 1.0 if goal == "minimize" else -1.0

    def order(index: int) -> tuple[int, float, int]:
        known = [score for score in scores[index] if score is not None]
        mean = sign * math.fsum(known) / len(known) if known else math.inf
        return len(scores[index]) - len(known), mean, index

    return min(range(len(scores)), key=order)
