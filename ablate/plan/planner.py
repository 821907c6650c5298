"""`make_plan`: everything that a grid asks for, what of it is done, and how the rest is packed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ablate.core import Problem, run_id, to_plain
from ablate.grid import Expansion, Grid, Variant, expand, load
from ablate.store import (
    MetricRecord,
    PlanRecord,
    ReferenceRecord,
    ReportRecord,
    RunRecord,
    Store,
    VariantRecord,
    provenance,
)
from ablate.systems import citations

from .packs import MOST_LANES, Pack, PlannedRun, make_packs
from .plugins import import_plugins
from .resolve import Resolved, resolve


@dataclass(frozen=True)
class Plan:
    """A grid, resolved against a store."""

    grid: Grid
    expansion: Expansion
    runs: tuple[PlannedRun, ...]
    """Each run id once, seed by seed."""
    ended: frozenset[str]
    """Ids of the runs that need no more training."""
    trained: Mapping[str, int]
    """Run id -> finished updates, for runs that have started."""
    resolved: tuple[Resolved, ...]
    warnings: tuple[Problem, ...]

    @cached_property
    def packs(self) -> tuple[Pack, ...]:
        """All runs, packed: what a first run would train."""
        return make_packs(self.runs, most_lanes=self.most_lanes)

    def remaining(
        self, only: Sequence[Variant] | None = None, *, skip: frozenset[str] = frozenset()
    ) -> tuple[Pack, ...]:
        """The runs that still need training, packed, without those in `skip`; `only` names the variants to keep."""
        wanted = None if only is None else {variant.label for variant in only}
        done = self.ended | skip
        todo = [run for run in self.runs if run.run_id not in done and (wanted is None or run.variant in wanted)]
        return make_packs(todo, most_lanes=self.most_lanes)

    @property
    def most_lanes(self) -> int:
        """Widest pack that the grid's `run.lanes` allows."""
        return 1 if self.grid.run.lanes in {"solo", "off"} else MOST_LANES

    @cached_property
    def record(self) -> PlanRecord:
        """What the reading side must know."""
        grid, expansion = self.grid, self.expansion
        metrics = {metric.name: metric for metric in self.resolved[0].config.recorded}
        reference = expansion.reference
        return PlanRecord(
            name=grid.name,
            path=grid.path,
            question=grid.question,
            text=grid.text,
            metric=MetricRecord(
                name=grid.metric.name,
                goal=grid.metric.goal,
                at=grid.metric.at,
                unit=metrics[grid.metric.name].unit,
            ),
            margin=grid.margin,
            seeds=grid.seeds,
            contexts=tuple(context.label for context in expansion.contexts),
            variants=tuple(self._variant_record(variant) for variant in expansion.variants),
            runs=tuple(
                RunRecord(
                    run_id=run_id(one.identity, seed),
                    variant=one.variant.label,
                    context=one.context.label,
                    seed=seed,
                    steps=one.config.train.steps,
                )
                for one in self.resolved
                for seed in grid.seeds
            ),
            claims=tuple(expansion.claims),
            reference=None if reference is None else ReferenceRecord.model_validate(reference),
            report=ReportRecord.model_validate(grid.report.model_dump()),
            provenance=provenance(),
        )

    def _variant_record(self, variant: Variant) -> VariantRecord:
        mine = [one for one in self.resolved if one.variant.label == variant.label]
        base = next(one for one in self.resolved if one.variant.is_base)
        known = citations(base.config)
        cited = citations(mine[0].config)
        own = {kind: source for kind, source in cited.items() if variant.is_base or kind not in known}
        parameters = {run.parameters for run in self.runs if run.variant == variant.label}
        return VariantRecord(
            label=variant.label,
            changes=variant.changes,
            is_base=variant.is_base,
            contexts={one.context.label: to_plain(one.config) for one in mine},
            parameters=next(iter(parameters), None),
            citations=tuple(f"{kind}: {source}" for kind, source in own.items()),
        )


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
    resolved = resolve(grid, expansion)
    runs: dict[str, PlannedRun] = {}
    for seed in grid.seeds:
        for one in resolved:
            run = PlannedRun(
                run_id=run_id(one.identity, seed),
                variant=one.variant.label,
                context=one.context.label,
                seed=seed,
                config=one.config,
                parameters=one.parameters,
            )
            known = runs.get(run.run_id)
            if known is None or known.steps < run.steps:
                runs[run.run_id] = run
    ended = frozenset(run.run_id for run in runs.values() if store.has_ended(run.run_id, run.steps))
    trained = {run_id: attempt.state.step for run_id in runs if (attempt := store.attempt(run_id))}
    ordered = _ordered(tuple(runs.values()), grid.run.order)
    warnings = (*expansion.warnings, *_same_runs(resolved))
    return Plan(grid, expansion, ordered, ended, trained, resolved, warnings)


def _same_runs(resolved: Sequence[Resolved]) -> Iterator[Problem]:
    """Variants that differ in the file but not in what they are: a default written out, say."""
    first: dict[tuple[str, str], Resolved] = {}
    for one in resolved:
        other = first.setdefault((one.context.label, one.identity), one)
        if other is not one and one.config.train.steps == other.config.train.steps:
            place = next(iter(one.variant.origins.values()), None)
            message = f"{one.variant.label} has the same runs as {other.variant.label}: it writes out a default"
            yield Problem(message, "duplicate-variant", location=place)


def _ordered(runs: tuple[PlannedRun, ...], order: str) -> tuple[PlannedRun, ...]:
    """Runs, which come seed by seed, in the order that the grid asks for."""
    if order == "file":
        place = {key: index for index, key in enumerate(dict.fromkeys((run.context, run.variant) for run in runs))}
        return tuple(sorted(runs, key=lambda run: (place[run.context, run.variant], run.seed)))
    if order == "shuffled":
        return tuple(sorted(runs, key=lambda run: run.run_id))
    return runs
