"""How soon runs reach a target: first steps, censored where a run has not ended."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ablate.core import Goal, Status
from ablate.store.schema import PlanRecord

from ._study import Curve


@dataclass(frozen=True, slots=True)
class Arrival:
    """When one run reached its target."""

    steps: float | None
    """The first recorded step at it; infinite if the run ended without it; None if that is not known."""
    seconds: float | None
    """Of training until then."""


UNKNOWN = Arrival(None, None)


def declared_target(plan: PlanRecord, base: str) -> float | None:
    """The value that a claim sets: to be below it if small is good, else above it. One on the baseline goes first."""
    side = "below" if plan.metric.goal == "minimize" else "above"
    values = [(claim.get("that") != base, float(claim["value"])) for claim in plan.claims if claim.get("is") == side]
    return min(values, key=lambda item: item[0])[1] if values else None


def last_value(curve: Curve | None) -> float | None:
    """The last recorded value of a run, if it is finite."""
    if curve is None or not curve.values.size or not math.isfinite(curve.values[-1]):
        return None
    return float(curve.values[-1])


def arrival(
    curve: Curve | None, target: float | None, status: Status | None, goal: Goal, pace: float | None
) -> Arrival:
    """When a run reached a target.

    Args:
        curve: Its ranking metric.
        target: None if there is no target for this run.
        status: How it ended. One that is done or diverged without reaching the target never does; of one that failed
            or goes on it is not known.
        goal: Whether small or large values are good.
        pace: Seconds per step.
    """
    if target is None:
        return UNKNOWN
    if curve is not None:
        with np.errstate(invalid="ignore"):
            there = curve.values <= target if goal == "minimize" else curve.values >= target
        there = there & np.isfinite(curve.values) & (curve.steps > 0)
        if there.any():
            step = float(curve.steps[int(there.argmax())])
            return Arrival(step, None if pace is None else step * pace)
    return Arrival(math.inf, math.inf) if status in ("done", "diverged") else UNKNOWN


def middle(values: Sequence[float]) -> float | None:
    """The median, which may be infinite; None of nothing."""
    known = sorted(values)
    if not known:
        return None
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return low if low == high else low / 2 + high / 2


def ratios(theirs: Sequence[float | None], ours: Sequence[float | None]) -> list[float]:
    """Theirs over ours, pair by pair: 0 where ours is never, infinite where only theirs is; none where both are."""
    return [
        0.0 if math.isinf(mine) else other / mine
        for other, mine in zip(theirs, ours, strict=True)
        if other is not None and mine is not None and mine > 0 and not (math.isinf(mine) and math.isinf(other))
    ]
