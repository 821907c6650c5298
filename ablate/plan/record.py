"""From a plan to the record that the reading side gets."""

from collections.abc import Mapping, Sequence

from ablate.core import Once, run_id, to_plain
from ablate.grid import Expansion, Grid
from ablate.store import (
    MetricRecord,
    PlanRecord,
    ReferenceRecord,
    ReportRecord,
    RunRecord,
    VariantRecord,
    provenance,
)
from ablate.systems import Signature, citations, count_flops

from .resolve import Resolved
from .tuning import Cell, Choice, tuning_record


def make_record(
    grid: Grid,
    expansion: Expansion,
    resolved: Sequence[Resolved],
    settled: Mapping[Cell, Resolved],
    choice: Choice | None,
) -> PlanRecord:
    """What ``ablate run`` writes into the store.

    Args:
        grid: the grid.
        expansion: its variants and contexts.
        resolved: all of them validated, with every candidate.
        settled: each variant in each context as it is ranked; without those whose candidate is not chosen.
        choice: how far the tuning is, if the grid tunes.
    """
    units = {metric.name: metric.unit for metric in resolved[0].config.recorded}
    reference = expansion.reference
    first = {(one.context.label, one.variant.label): one for one in reversed(resolved)}
    cells = [(context.label, variant.label) for variant in expansion.variants for context in expansion.contexts]
    return PlanRecord(
        name=grid.name,
        path=grid.path,
        question=grid.question,
        text=grid.text,
        metric=MetricRecord(
            name=grid.metric.name, goal=grid.metric.goal, at=grid.metric.at, unit=units[grid.metric.name]
        ),
        margin=grid.margin,
        seeds=grid.seeds,
        contexts=tuple(context.label for context in expansion.contexts),
        variants=tuple(_variants(expansion, settled, first)),
        runs=tuple(_run(cell, settled.get(cell), first[cell], seed) for cell in cells for seed in grid.seeds),
        claims=tuple(expansion.claims),
        reference=None if reference is None else ReferenceRecord.model_validate(reference),
        report=ReportRecord.model_validate(grid.report.model_dump()),
        tuning=None
        if choice is None or grid.tuning is None
        else tuning_record(grid, resolved, choice, units[grid.tuning.select.name]),
        provenance=provenance(),
    )


def _run(cell: Cell, settled: Resolved | None, first: Resolved, seed: int) -> RunRecord:
    context, variant = cell
    return RunRecord(
        run_id=run_id(settled.identity, seed) if settled else "",
        variant=variant,
        context=context,
        seed=seed,
        steps=(settled or first).config.train.steps,
    )


def _variants(
    expansion: Expansion, settled: Mapping[Cell, Resolved], first: Mapping[Cell, Resolved]
) -> list[VariantRecord]:
    contexts = [context.label for context in expansion.contexts]
    base = next(variant for variant in expansion.variants if variant.is_base)
    known = citations(first[contexts[0], base.label].config)
    plain, sources = Once(to_plain), Once(citations)
    records = []
    updates = _Updates()
    for variant in expansion.variants:
        mine = {context: settled[context, variant.label] for context in contexts if (context, variant.label) in settled}
        one = next(iter(mine.values()), first[contexts[0], variant.label])
        cited = citations(one.config, sources)
        own = {kind: source for kind, source in cited.items() if variant.is_base or kind not in known}
        records.append(
            VariantRecord(
                label=variant.label,
                changes=variant.changes,
                is_base=variant.is_base,
                contexts={context: to_plain(this.config, plain) for context, this in mine.items()},
                signatures={context: this.signature.id for context, this in mine.items()},
                parameters=one.parameters,
                amounts={context: amounts for context, this in mine.items() if (amounts := this.config.consumes())},
                flops=updates.of(one.signature) if "flops" in expansion.grid.report.columns else None,
                citations=tuple(f"{kind}: {source}" for kind, source in own.items()),
            )
        )
    return records


class _Updates:
    """Operations of one update, counted once per program."""

    def __init__(self) -> None:
        self._known: dict[Signature, float | None] = {}

    def of(self, shared: Signature) -> float | None:
        if shared not in self._known:
            self._known[shared] = count_flops(shared).update
        return self._known[shared]
