"""`Interval` and `Verdict`: apart from the other types, which need those that need them."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["baseline", "better", "worse", "equivalent", "undecided", "leaning", "unstable", "not tested"]
"""The named conclusion about a variant; ``equivalent`` only when the grid declares a margin."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``level`` is its nominal coverage, 0.95 for 95 %."""

    low: float
    high: float
    level: float
