"""Words shared by training and analysis: metrics, goals, scores, run status."""

from dataclasses import dataclass
from typing import Literal

Goal = Literal["minimize", "maximize"]

Status = Literal["done", "diverged", "oom", "error", "lost", "timeout", "skipped"]
"""How a run ended. A run without one has not ended."""

RESULT_STATUSES: frozenset[Status] = frozenset({"done", "diverged"})
"""Statuses that are results; the others are failures and may be retried."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A named scalar series that a program records."""

    name: str
    goal: Goal = "minimize"
    unit: str = "dimensionless"
    description: str = ""
