"""`Interval`, `Verdict` and `Test`: apart from the other types, which need those that need them."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["baseline", "better", "worse", "equivalent", "undecided", "leaning", "unstable", "not tested"]
"""The named conclusion about a variant; ``equivalent`` only when the grid declares a margin."""

Test = Literal["paired t", "shared noise", "Welch", "Dunnett", "sign-flip"]
"""Where a p value comes from; that of Dunnett allows for all variants by itself, the others need Holm's correction."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``level`` is its nominal coverage, 0.95 for 95 %."""

    low: float
    high: float
    level: float
    simultaneous: bool = False
    """Whether all intervals of the context together have that coverage."""
