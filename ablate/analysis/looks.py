"""Looking, and then adding seeds: how often it was done, and the level that keeps the error rate."""

from collections.abc import Sequence

from ablate.store.schema import LookRecord, PlanRecord

from ._study import base_of
from .compare import MIN_SEEDS


def earlier_looks(plan: PlanRecord, looks: Sequence[LookRecord]) -> tuple[int, ...]:
    """For each earlier report that showed tests of the same baseline on fewer seeds, how many it had; ascending.

    Reports while a plan is being trained are one look, since its number of seeds was fixed before. Training longer,
    more variants and another metric are no new seeds.
    """
    base = base_of(plan)
    now = {run.run_id for run in plan.runs if run.variant == base}
    sets = {frozenset(look.seeds) for look in looks if look.metric == plan.metric and set(look.runs) <= now}
    return tuple(sorted(len(seeds) for seeds in sets if seeds < set(plan.seeds)))


def level_of_look(alpha: float, look: int) -> float:
    """The level of the tests: ``alpha`` at the first look, ``alpha / (k (k + 1))`` at look k after it.

    Somebody who adds seeds until a report finds something errs at one of the looks with a probability below
    ``alpha * (1 + 1/2)``, whatever the looks have in common, and by a sixth more than ``alpha`` at most in the
    schedules that were simulated.
    """
    return alpha if look < 2 else alpha / (look * (look + 1))


def look_of(plan: PlanRecord, scored_seeds: int, created: str) -> LookRecord | None:
    """What a report is as a look; None below the seeds that a test needs.

    Args:
        plan: The grid.
        scored_seeds: The largest number of seeds behind a comparison.
        created: UTC, ISO 8601.
    """
    base = base_of(plan)
    runs = tuple(sorted(run.run_id for run in plan.runs if run.variant == base and run.run_id))
    if scored_seeds < MIN_SEEDS or not runs:
        return None
    return LookRecord(created=created, metric=plan.metric, seeds=plan.seeds, runs=runs)
