"""Finding runs by the beginning of their id, through the plans in a store."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ablate.core import NoResultsError

from .schema import CandidateRecord, PlanRecord, RunRecord
from .store import Store


@dataclass(frozen=True, slots=True)
class PlannedPlace:
    """A run as one grid of the store plans it."""

    run_id: str
    grid: str
    variant: str
    context: str
    seed: int
    steps: int
    """The budget in this grid."""
    purpose: str
    """``rank``, ``tune`` or ``confirm``."""
    setting: str
    """Label of the nuisance setting that it tries, if it tunes."""
    config: dict[str, Any] | None
    """The whole configuration; None where the plan does not have it, as before a setting is chosen."""


def plans(store: Store) -> Iterator[PlanRecord]:
    """Every plan in the store; one that cannot be read is passed over, see `Store.damaged`."""
    for name in store.grids():
        try:
            yield store.plan(name)
        except NoResultsError:
            continue


def find_runs(store: Store, beginning: str) -> Mapping[str, tuple[PlannedPlace, ...]]:
    """Run id -> where it is planned, for each id that begins so; case does not matter."""
    found: dict[str, list[PlannedPlace]] = {}
    for plan in plans(store):
        for place in _places(store, plan, beginning.lower()):
            found.setdefault(place.run_id, []).append(place)
    return {run_id: tuple(places) for run_id, places in found.items()}


def _places(store: Store, plan: PlanRecord, beginning: str) -> Iterator[PlannedPlace]:
    variants = {variant.label: variant for variant in plan.variants}

    def place(run: RunRecord, purpose: str, tried: CandidateRecord | None = None) -> PlannedPlace:
        variant = variants.get(run.variant)
        config = variant.contexts.get(run.context) if variant else None
        if config is not None and tried is not None:
            config = _with_changes(config, tried.changes)
        setting = tried.label if tried else ""
        return PlannedPlace(
            run.run_id, plan.name, run.variant, run.context, run.seed, run.steps, purpose, setting, config
        )

    for run in plan.runs:
        if run.run_id and run.run_id.startswith(beginning):
            yield place(run, "rank")
    if plan.tuning:
        for tuned in plan.tuning.runs:
            if tuned.run_id.startswith(beginning):
                yield place(tuned, "tune", plan.tuning.candidates[tuned.candidate])
    confirmation = store.confirmation(plan.name)
    for run in confirmation.runs if confirmation else ():
        if run.run_id.startswith(beginning):
            yield place(run, "confirm")


def _with_changes(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """A configuration with other values of some fields; None if one may be a component."""
    if not all(isinstance(value, int | float | None) for value in changes.values()):
        return None
    copy = deepcopy(dict(config))
    for path, value in changes.items():
        *parents, name = path.split(".")
        part = copy
        for parent in parents:
            part = part.setdefault(parent, {})
        part[name] = value
    return copy
