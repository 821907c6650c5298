"""`make_plan`: everything that a grid asks for, what of it is done, and how the rest is packed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ablate.core import Problem, run_id
from ablate.grid import Expansion, Grid, Variant, expand, load
from ablate.store import ConfirmationRecord, PlanRecord, Store

from .packs import MOST_LANES, Pack, PlannedRun, make_packs
from .plugins import import_plugins, plugin_versions
from .record import make_record
from .resolve import Resolved, resolve
from .tuning import Cell, Choice, choose


@dataclass(frozen=True)
class Plan:
    """A grid, resolved against a store."""

    grid: Grid
    expansion: Expansion
    resolved: tuple[Resolved, ...]
    """Every variant in every context, with every candidate if the grid tunes."""
    choice: Choice | None
    """How far the tuning is; None if the grid does not tune."""
    runs: tuple[PlannedRun, ...]
    """Each run id once, seed by seed; tuning runs first. Those that wait for a choice are not there yet."""
    ended: frozenset[str]
    """Ids of the runs that need no more training."""
    trained: Mapping[str, int]
    """Run id -> finished updates, for runs that have started."""
    warnings: tuple[Problem, ...]
    confirmation: ConfirmationRecord | None = None
    """What ``ablate confirm`` trains; then `runs` are its runs alone."""

    @cached_property
    def packs(self) -> tuple[Pack, ...]:
        """All runs, packed: what a first run would train."""
        return make_packs(self.runs, most_lanes=self.most_lanes)

    def remaining(
        self, only: Sequence[Variant] | None = None, *, skip: frozenset[str] = frozenset(), workers: int = 1
    ) -> tuple[Pack, ...]:
        """The runs that still need training, packed for so many workers.

        Without the runs in `skip`; `only` names the variants to keep.
        """
        wanted = self.ids(only) - self.ended - skip
        todo = [run for run in self.runs if run.run_id in wanted]
        return make_packs(todo, most_lanes=self.most_lanes, workers=workers)

    def ids(self, only: Sequence[Variant] | None = None) -> frozenset[str]:
        """Ids of the runs of some variants, or of all."""
        wanted = None if only is None else {variant.label for variant in only}
        return frozenset(run.run_id for run in self.runs if wanted is None or run.variant in wanted)

    @property
    def waiting(self) -> int:
        """Runs that are planned but not known yet: their nuisance setting is not chosen."""
        if self.choice is None or self.confirmation is not None:
            return 0
        cells = len(self.expansion.variants) * len(self.expansion.contexts)
        return (cells - len(self.choice.chosen)) * len(self.grid.seeds)

    @property
    def most_lanes(self) -> int:
        """Widest pack that the grid's `run.lanes` allows."""
        return 1 if self.grid.run.lanes in {"solo", "off"} else MOST_LANES

    @cached_property
    def settled(self) -> Mapping[Cell, Resolved]:
        """Each variant in each context as it is ranked; without those whose nuisance setting is not chosen."""
        return _settled(self.resolved, self.choice)

    @cached_property
    def record(self) -> PlanRecord:
        """What the reading side must know."""
        return make_record(self.grid, self.expansion, self.resolved, self.settled, self.choice)

    def refreshed(self, store: Store) -> "Plan":
        """The same plan against what the store has now: more may have ended, and more settings be chosen."""
        plan = _plan(self.grid, self.expansion, self.resolved, store)
        return plan if self.confirmation is None else plan.confirming(self.confirmation, store)

    def confirming(self, confirmation: ConfirmationRecord, store: Store) -> "Plan":
        """The plan that trains a confirmation, and nothing else."""
        wanted = {(run.context, run.variant, run.seed) for run in confirmation.runs}
        runs = [
            _planned(one, seed)
            for seed in confirmation.seeds
            for cell, one in self.settled.items()
            if (*cell, seed) in wanted
        ]
        return replace(_with_runs(self, runs, store), confirmation=confirmation)


def plugins_of(grid: Grid) -> tuple[str, ...]:
    """Module names and absolute files to import."""
    return tuple(
        str(grid.plugin_paths[plugin].resolve()) if plugin in grid.plugin_paths else plugin for plugin in grid.plugins
    )


def import_grid_plugins(path: Path) -> None:
    """Import the plug-ins that a grid file names.

    Raises:
        GridError: the grid cannot be read, or a plug-in fails.
    """
    import_plugins(plugins_of(load(path)))


def make_plan(path: Path, store: Store, overrides: Sequence[str] = ()) -> Plan:
    """Read a grid file, import its plug-ins, validate all of it, and look up what the store already has.

    Writes nothing.

    Raises:
        GridError: with every problem.
    """
    grid = load(path, overrides)
    import_plugins(plugins_of(grid))
    expansion = expand(grid)
    return _plan(grid, expansion, resolve(grid, expansion), store)


def _plan(grid: Grid, expansion: Expansion, resolved: tuple[Resolved, ...], store: Store) -> Plan:
    choice = choose(grid, resolved, store) if grid.tuning else None
    tuning = [_planned(one, seed, tunes=True) for seed in grid.tuning.seeds for one in resolved] if grid.tuning else []
    settled = _settled(resolved, choice).values()
    runs = [_planned(one, seed) for seed in grid.seeds for one in settled]
    warnings = (*expansion.warnings, *_same_runs(resolved))
    plan = Plan(grid, expansion, resolved, choice, (), frozenset(), {}, warnings)
    plan = _with_runs(plan, [*tuning, *runs], store)
    return replace(plan, warnings=(*warnings, *_changed_plugins(plan, store)))


def _changed_plugins(plan: Plan, store: Store) -> Iterator[Problem]:
    """Plug-ins whose source is not what some runs were trained with. Their results are kept, and used."""
    for name, version in plugin_versions(plugins_of(plan.grid)).items():
        others = {pack.pack_id for pack in store.packs() if pack.provenance.versions.get(name, version) != version}
        trained = sum(one.pack_id in others for run in plan.runs if (one := store.attempt(run.run_id)))
        if trained:
            message = (
                f"{name} has changed since {trained} of the runs were trained; their results are used as they are. "
                "If the change matters: raise the `version` of its components, or ablate run --fresh"
            )
            yield Problem(message, "plugin-changed", "plugins")


def _settled(resolved: Sequence[Resolved], choice: Choice | None) -> dict[Cell, Resolved]:
    cells = (((one.context.label, one.variant.label), one) for one in resolved)
    return {cell: one for cell, one in cells if choice is None or choice.chosen.get(cell) == one.index}


def _planned(one: Resolved, seed: int, *, tunes: bool = False) -> PlannedRun:
    return PlannedRun(
        run_id=run_id(one.identity, seed),
        variant=one.variant.label,
        context=one.context.label,
        seed=seed,
        config=one.config,
        signature=one.signature,
        parameters=one.parameters,
        candidate=one.candidate.label if tunes and one.candidate else "",
    )


def _with_runs(plan: Plan, runs: Sequence[PlannedRun], store: Store) -> Plan:
    """The plan with these runs, each id once with its largest budget, and how far they are."""
    unique: dict[str, PlannedRun] = {}
    for run in runs:
        known = unique.get(run.run_id)
        if known is None or known.steps < run.steps:
            unique[run.run_id] = run
    return replace(
        plan,
        runs=_ordered(tuple(unique.values()), plan.grid.run.order),
        ended=frozenset(
            run.run_id for run in unique.values() if store.has_ended(run.run_id, run.steps, run.every, run.recordings)
        ),
        trained={
            run.run_id: store.reached(run.run_id, run.steps, run.every, run.recordings)
            for run in unique.values()
            if run.run_id in store.attempts
        },
    )


def _same_runs(resolved: Sequence[Resolved]) -> Iterator[Problem]:
    """Variants that differ in the file but not in what they are: a default written out, say."""
    first: dict[tuple[str, str], Resolved] = {}
    for one in resolved:
        if one.index:
            continue  # the other candidates say the same
        other = first.setdefault((one.context.label, one.identity), one)
        if other is not one and one.config.train.steps == other.config.train.steps:
            place = next(iter(one.variant.origins.values()), None)
            message = f"{one.variant.label} has the same runs as {other.variant.label}: it writes out a default"
            yield Problem(message, "duplicate-variant", location=place)


def _ordered(runs: tuple[PlannedRun, ...], order: str) -> tuple[PlannedRun, ...]:
    """Runs, which come seed by seed, in the order that the grid asks for."""
    if order == "file":
        place = {key: index for index, key in enumerate(dict.fromkeys((run.context, run.label) for run in runs))}
        return tuple(sorted(runs, key=lambda run: (place[run.context, run.label], run.seed)))
    if order == "shuffled":
        return tuple(sorted(runs, key=lambda run: run.run_id))
    return runs
