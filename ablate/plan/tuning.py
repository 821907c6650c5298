"""The nuisance axes: which runs tune, and which candidate each variant gets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablate.core import best_candidate, run_id
from ablate.grid import Grid
from ablate.store import CandidateRecord, MetricRecord, Store, TuningRecord, TuningRunRecord, read_scores

from .resolve import Resolved

Cell = tuple[str, str]
"""Context and variant."""


@dataclass(frozen=True)
class Choice:
    """How far the tuning of a grid is."""

    runs: tuple[TuningRunRecord, ...]
    chosen: Mapping[Cell, int]
    """Index of the chosen candidate, for the variants whose tuning runs have all ended."""


def choose(grid: Grid, resolved: Sequence[Resolved], store: Store) -> Choice:
    """Choose the candidate of each variant in each context, as far as the store allows.

    A run that failed for good counts as one without a score; one whose worker was lost has not ended.
    """
    assert grid.tuning is not None
    cells: dict[Cell, list[list[TuningRunRecord]]] = {}
    for one in resolved:
        cells.setdefault((one.context.label, one.variant.label), []).append(
            [_run(one, seed) for seed in grid.tuning.seeds]
        )
    complete = {
        cell: candidates
        for cell, candidates in cells.items()
        if all(_has_ended(store, run) for runs in candidates for run in runs)
    }
    metric = MetricRecord(name=grid.tuning.select.name, goal=grid.tuning.select.goal, at=grid.tuning.select.at)
    scores = read_scores(store, _flat(complete), metric) if complete else {}
    chosen = {
        cell: best_candidate([[scores.get(run.run_id) for run in runs] for runs in candidates], metric.goal)
        for cell, candidates in complete.items()
    }
    return Choice(tuple(_flat(cells)), chosen)


def tuning_record(grid: Grid, resolved: Sequence[Resolved], choice: Choice, unit: str) -> TuningRecord:
    """What the reading side must know of the tuning."""
    assert grid.tuning is not None
    candidates = {one.index: one.candidate for one in resolved if one.candidate is not None}
    chosen: dict[str, dict[str, int]] = {}
    for (context, variant), index in choice.chosen.items():
        chosen.setdefault(context, {})[variant] = index
    select = grid.tuning.select
    return TuningRecord(
        candidates=tuple(CandidateRecord(label=one.label, changes=one.changes) for one in candidates.values()),
        seeds=grid.tuning.seeds,
        select=MetricRecord(name=select.name, goal=select.goal, at=select.at, unit=unit),
        runs=choice.runs,
        chosen=chosen,
    )


def _run(one: Resolved, seed: int) -> TuningRunRecord:
    return TuningRunRecord(
        run_id=run_id(one.identity, seed),
        variant=one.variant.label,
        context=one.context.label,
        seed=seed,
        steps=one.config.train.steps,
        candidate=one.index,
    )


def _flat(cells: Mapping[Cell, list[list[TuningRunRecord]]]) -> list[TuningRunRecord]:
    return [run for candidates in cells.values() for runs in candidates for run in runs]


def _has_ended(store: Store, run: TuningRunRecord) -> bool:
    status = store.status(run.run_id, run.steps)
    return status is not None and status != "lost"
