"""What differs between two configurations, and between two planned grids. Pure functions of recorded data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ablate.core import canonical_json, join_path

from .schema import PlanRecord, VariantRecord


class Absent(Enum):
    """Stands for a field that one side does not have."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_BUDGET = "train.steps"

Place = tuple[str, int]
"""Context and seed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same on both sides; `ABSENT` where a side has none."""

    path: str
    a: Any
    b: Any

    def to_plain(self) -> dict[str, Any]:
        """As JSON data; a side without the field has no key."""
        sides = {"a": self.a, "b": self.b}
        return {"path": self.path, **{side: value for side, value in sides.items() if value is not ABSENT}}


@dataclass(frozen=True, slots=True)
class SharedVariant:
    """A variant that two grids have."""

    a: str
    """Its label in A."""
    b: str
    """Its label in B; another one only if its runs are the same."""
    same: bool | None
    """Whether it is one configuration, budget aside, or only the label is shared; None before a setting is chosen."""


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """Two grids, compared as they were planned."""

    settings: tuple[Difference, ...]
    """Metric, margin, seeds, contexts, budget and tuning."""
    base: tuple[Difference, ...] | None
    """Fields of the resolved base but its budget, in the first context that both have, or else in the first of each;
    None before the setting that a base is to have is chosen."""
    axes: tuple[Difference, ...]
    """Dotted path to the values that variants have there, as written; the base's own value is not among them."""
    shared: tuple[SharedVariant, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    """Labels of variants that only one grid has."""
    shared_runs: tuple[str, ...]
    """Ids of the runs of both, which are trained once, if both use one store."""
    runs_a: int
    runs_b: int
    """Runs of each, shared ones included; those whose nuisance setting is not chosen do not count."""


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field that differs between two nested mappings, by dotted path, in the order of A, then of B.

    Values are compared by their canonical JSON, so ``1`` is ``1.0`` and ``True`` is not ``1``; lists as a whole.
    """
    return tuple(_walk(a, b, ""))


def _walk(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str) -> Iterator[Difference]:
    for name in dict.fromkeys((*a, *b)):
        ours, theirs = a.get(name, ABSENT), b.get(name, ABSENT)
        path = join_path(prefix, name)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            yield from _walk(ours, theirs, path)
        elif isinstance(ours, Mapping) and theirs is ABSENT and ours:
            yield from _walk(ours, {}, path)
        elif isinstance(theirs, Mapping) and ours is ABSENT and theirs:
            yield from _walk({}, theirs, path)
        elif not _equal(ours, theirs):
            yield Difference(path, ours, theirs)


def _equal(a: Any, b: Any) -> bool:
    if a is ABSENT or b is ABSENT:
        return a is b
    return canonical_json(a) == canonical_json(b)


def plan_difference(a: PlanRecord, b: PlanRecord) -> PlanDifference:
    """Compare two grids: settings, base, axes, variants and runs.

    A variant is shared if both grids have its label, or, under two labels, the same runs.
    """
    ids_a, ids_b = _ids(a), _ids(b)
    shared = tuple(_shared(a, b, ids_a, ids_b))
    known_a, known_b = {one.a for one in shared}, {one.b for one in shared}
    runs_a, runs_b = _all_ids(a), _all_ids(b)
    return PlanDifference(
        settings=differences(_settings(a), _settings(b)),
        base=_config_differences(_base(a), _base(b)),
        axes=differences(_axes(a), _axes(b)),
        shared=shared,
        only_a=tuple(one.label for one in a.variants if one.label not in known_a),
        only_b=tuple(one.label for one in b.variants if one.label not in known_b),
        shared_runs=tuple(run_id for run_id in runs_a if run_id in runs_b),
        runs_a=len(runs_a),
        runs_b=len(runs_b),
    )


def _ids(plan: PlanRecord) -> dict[str, dict[Place, str]]:
    """Label -> context and seed -> run id."""
    found: dict[str, dict[Place, str]] = {variant.label: {} for variant in plan.variants}
    for run in plan.runs:
        if run.run_id:
            found[run.variant][run.context, run.seed] = run.run_id
    return found


def _all_ids(plan: PlanRecord) -> dict[str, None]:
    runs = (*plan.runs, *(plan.tuning.runs if plan.tuning else ()))
    return {run.run_id: None for run in runs if run.run_id}


def _shared(
    a: PlanRecord, b: PlanRecord, ids_a: dict[str, dict[Place, str]], ids_b: dict[str, dict[Place, str]]
) -> Iterator[SharedVariant]:
    in_a, in_b = ({one.label: one for one in plan.variants} for plan in (a, b))
    owner = {run_id: label for label in in_b if label not in in_a for run_id in ids_b[label].values()}
    for label, one in in_a.items():
        if label in in_b:
            yield SharedVariant(label, label, _is_same(one, in_b[label], ids_a[label], ids_b[label]))
            continue
        other = next((owner[run_id] for run_id in ids_a[label].values() if run_id in owner), None)
        if other is not None:
            yield SharedVariant(label, other, same=True)


def _is_same(one: VariantRecord, two: VariantRecord, ids_a: dict[Place, str], ids_b: dict[Place, str]) -> bool | None:
    common = ids_a.keys() & ids_b.keys()
    if common:
        return all(ids_a[place] == ids_b[place] for place in common)
    found = _config_differences(one, two)
    return None if found is None else not found


def _config_differences(one: VariantRecord, two: VariantRecord) -> tuple[Difference, ...] | None:
    """Of two variants, budget aside, in the first common context, or in the first of each."""
    if not one.contexts or not two.contexts:
        return None
    common = next((context for context in one.contexts if context in two.contexts), None)
    first, second = next(iter(one.contexts)), next(iter(two.contexts))
    found = differences(one.contexts[common or first], two.contexts[common or second])
    return tuple(difference for difference in found if difference.path != _BUDGET)


def _base(plan: PlanRecord) -> VariantRecord:
    return next(variant for variant in plan.variants if variant.is_base)


def _settings(plan: PlanRecord) -> dict[str, Any]:
    budgets = sorted({run.steps for run in plan.runs})
    settings: dict[str, Any] = {
        "metric": {"name": plan.metric.name, "goal": plan.metric.goal, "at": plan.metric.at},
        "margin": plan.margin,
        "seeds": list(plan.seeds),
        "contexts": list(plan.contexts),
        _BUDGET: budgets[0] if len(budgets) == 1 else budgets,
    }
    if plan.tuning:
        settings["tune"] = {
            "settings": [candidate.label for candidate in plan.tuning.candidates],
            "seeds": list(plan.tuning.seeds),
        }
    return settings


def _axes(plan: PlanRecord) -> dict[str, list[Any]]:
    """Dotted path -> every value that a variant has there, once."""
    axes: dict[str, dict[str, Any]] = {}
    for variant in plan.variants:
        for path, value in variant.changes.items():
            short = value["kind"] if isinstance(value, Mapping) and set(value) == {"kind"} else value
            axes.setdefault(path, {})[canonical_json(short)] = short
    return {path: list(values.values()) for path, values in axes.items()}
