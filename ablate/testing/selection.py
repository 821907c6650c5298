"""Tuning and confirmation for the invented results of `synthetic_results`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from ablate.core import Status, best_candidate, digest
from ablate.store.schema import (
    CandidateRecord,
    ConfirmationRecord,
    PlanRecord,
    RunRecord,
    TuningRecord,
    TuningRunRecord,
    VariantRecord,
)
from ablate.store.score import score_of

from .synthetic import SyntheticResults, record_runs, seed_noise

TUNING_SEED = 1_000_000
CONFIRMATION_SEED = 2_000_000

Cell = tuple[str, str]
"""Context and variant."""


def with_tuning(
    made: SyntheticResults,
    rng_seed: int,
    axes: Mapping[str, Sequence[Any]],
    *,
    optima: Mapping[str, int] | int = 0,
    penalty: float = 0.05,
    seeds: int = 3,
    at: str = "last",
    noise: float = 0.01,
    wiggle: float = 0.005,
    points: int = 40,
    statuses: Mapping[tuple[str, int], Status | None] | None = None,
    finished: float = 1.0,
) -> SyntheticResults:
    """The same results as those of a grid that tunes: its runs are taken for those of the chosen settings.

    The true score of a variant with a candidate is its mean score in `made`, worse by
    ``penalty * (index - optimum) ** 2`` for each nuisance axis.

    Args:
        made: Results of the ranking.
        rng_seed: Seed of every random number here.
        axes: Dotted path of each nuisance axis -> its values.
        optima: Index of the best value on each axis: one for all variants, or by label (others 0).
        penalty: What a step away from the optimum costs, in metric units.
        seeds: Tuning seeds.
        at: How a series becomes the score that selects.
        noise: Standard deviation over seeds of a score, in metric units.
        wiggle: Standard deviation of the metric from one recorded step to the next.
        points: Recorded steps per run and metric.
        statuses: (variant, candidate) -> how all its tuning runs ended; None if they never started.
        finished: Share of the tuning runs that have ended, all candidates at the first seed first.
    """
    plan, rng = made.plan, np.random.default_rng(rng_seed)
    candidates = tuple(
        CandidateRecord(label=", ".join(map(str, values)), changes=dict(zip(axes, values, strict=True)))
        for values in product(*axes.values())
    )
    places = np.array(list(product(*(range(len(values)) for values in axes.values()))))
    means = _means(made)
    cells = [(context, variant.label) for context in plan.contexts for variant in plan.variants]
    sign = 1.0 if plan.metric.goal == "minimize" else -1.0
    targets = np.zeros((len(cells), len(candidates), seeds))
    for place, (context, label) in enumerate(cells):
        optimum = optima if isinstance(optima, int) else optima.get(label, 0)
        cost = penalty * ((places - optimum) ** 2).sum(axis=1)
        targets[place] = means[context, label] + sign * cost[:, None]
    targets += seed_noise(rng, (len(cells), len(candidates), seeds), noise, 0.5)
    steps = {(run.context, run.variant): run.steps for run in plan.runs}
    planned = tuple(
        TuningRunRecord(
            run_id=digest(["tuning", label, context, index, seed]),
            variant=label,
            context=context,
            seed=TUNING_SEED + seed,
            steps=steps[context, label],
            candidate=index,
        )
        for context, label in cells
        for index in range(len(candidates))
        for seed in range(seeds)
    )
    ended = {
        (run.run_id, run.seed): statuses[run.variant, run.candidate]
        for run in planned
        if statuses and (run.variant, run.candidate) in statuses
    }
    by_id = [run.model_copy(update={"variant": run.run_id}) for run in planned]
    runs, series = record_runs(
        by_id,
        targets.reshape(-1),
        rng,
        goal=plan.metric.goal,
        points=points,
        wiggle=wiggle,
        statuses=ended,
        finished=finished,
    )
    labels = pl.DataFrame({"run_id": [run.run_id for run in planned], "variant": [run.variant for run in planned]})
    runs = runs.drop("variant").join(labels, on="run_id", maintain_order="left").select(made.runs.columns)
    select = plan.metric.model_copy(update={"at": at})
    record = TuningRecord(
        candidates=candidates,
        seeds=tuple(TUNING_SEED + seed for seed in range(seeds)),
        select=select,
        runs=planned,
        chosen={},
    )
    record = record.model_copy(update={"chosen": _choose(record, runs, series)})
    return _settled(made, record, runs, series)


def _means(made: SyntheticResults) -> dict[Cell, float]:
    """The mean last value of the ranking metric of each variant."""
    last = made.series.filter(metric=made.plan.metric.name).sort("step").group_by("run_id").agg(pl.col("value").last())
    scores = dict(last.rows())
    found: dict[Cell, list[float]] = {}
    for run in made.plan.runs:
        score = scores.get(run.run_id)
        found.setdefault((run.context, run.variant), []).extend([score] if score is not None and score == score else [])
    return {cell: float(np.mean(some)) if some else 1.0 for cell, some in found.items()}


def _choose(record: TuningRecord, runs: pl.DataFrame, series: pl.DataFrame) -> dict[str, dict[str, int]]:
    done = runs.filter(status="done")["run_id"].to_list()
    read = (
        series.filter(pl.col("run_id").is_in(done), metric=record.select.name)
        .sort("run_id", "step")
        .group_by("run_id", maintain_order=True)
        .agg(score_of(record.select).alias("score"))
    )
    scores: dict[str, float] = dict(read.rows())
    ended = set(runs.filter(pl.col("status").is_not_null())["run_id"])
    cells: dict[Cell, list[list[TuningRunRecord]]] = {}
    for run in record.runs:
        tried = cells.setdefault((run.context, run.variant), [[] for _ in record.candidates])
        tried[run.candidate].append(run)
    chosen: dict[str, dict[str, int]] = {}
    for (context, label), tried in cells.items():
        if all(run.run_id in ended for some in tried for run in some):
            table = [[scores.get(run.run_id) for run in some] for some in tried]
            chosen.setdefault(context, {})[label] = best_candidate(table, record.select.goal)
    return chosen


def _settled(
    made: SyntheticResults, record: TuningRecord, runs: pl.DataFrame, series: pl.DataFrame
) -> SyntheticResults:
    """The results with the tuning; runs whose setting is not chosen yet are only planned."""

    def waits(context: str, label: str) -> bool:
        return label not in record.chosen.get(context, {})

    def stripped(variant: VariantRecord) -> VariantRecord:
        kept = {name: config for name, config in variant.contexts.items() if not waits(name, variant.label)}
        return variant.model_copy(update={"contexts": kept})

    plan: PlanRecord = made.plan
    waiting = [run.run_id for run in plan.runs if waits(run.context, run.variant)]
    return replace(
        made,
        plan=plan.model_copy(
            update={
                "tuning": record,
                "variants": tuple(stripped(variant) for variant in plan.variants),
                "runs": tuple(
                    run.model_copy(update={"run_id": ""}) if waits(run.context, run.variant) else run
                    for run in plan.runs
                ),
            }
        ),
        runs=pl.concat([made.runs.filter(~pl.col("run_id").is_in(waiting)), runs]),
        series=pl.concat([made.series.filter(~pl.col("run_id").is_in(waiting)), series]),
    )


def with_confirmation(
    made: SyntheticResults,
    rng_seed: int,
    chosen: Sequence[str] | Mapping[str, Sequence[str]],
    *,
    effects: Mapping[str, float] | None = None,
    seeds: int | Sequence[int] = 8,
    noise: float = 0.01,
    correlation: float = 0.5,
    wiggle: float = 0.005,
    points: int = 40,
    level: float = 1.5,
    statuses: Mapping[tuple[str, int], Status | None] | None = None,
    finished: float = 1.0,
) -> SyntheticResults:
    """The same results after a confirmation.

    Args:
        made: Results of the ranking, and of the tuning if there is one.
        rng_seed: Seed of every random number here.
        chosen: Labels of the confirmed variants, best first: the same in every context, or by context.
        effects: True improvement of each of them, positive is better; 0 if not given.
        seeds: How many fresh seeds, or the seeds.
        noise: As in `synthetic_results`.
        correlation: As in `synthetic_results`.
        wiggle: As in `synthetic_results`.
        points: As in `synthetic_results`.
        level: True score of the baseline.
        statuses: (variant, seed) -> how that run ended; None for one that never started.
        finished: Share of the runs that have ended, all variants at the first seed first.
    """
    plan, rng = made.plan, np.random.default_rng(rng_seed)
    base = next(variant.label for variant in plan.variants if variant.is_base)
    by_context = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(plan.contexts, chosen)
    seed_list = tuple(CONFIRMATION_SEED + k for k in range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    sign = 1.0 if plan.metric.goal == "maximize" else -1.0
    steps = {(run.context, run.variant): run.steps for run in plan.runs}
    cells = [(context, label) for context, labels in by_context.items() for label in (base, *labels)]
    targets = []
    for context, labels in by_context.items():
        gains = np.array([0.0, *((effects or {}).get(label, 0.0) for label in labels)])
        extra = seed_noise(rng, (1, len(gains), len(seed_list)), noise, correlation)[0]
        targets.append((level * (1 + 0.1 * plan.contexts.index(context)) + sign * gains[:, None] + extra).reshape(-1))
    planned = tuple(
        RunRecord(
            run_id=digest(["confirmation", label, context, seed]),
            variant=label,
            context=context,
            seed=seed,
            steps=steps[context, label],
        )
        for context, label in cells
        for seed in seed_list
    )
    runs, series = record_runs(
        planned,
        np.concatenate(targets),
        rng,
        goal=plan.metric.goal,
        points=points,
        wiggle=wiggle,
        statuses=statuses or {},
        finished=finished,
    )
    record = ConfirmationRecord(
        created="2024-06-02T12:00:00Z",
        metric=plan.metric,
        screened=tuple(run.run_id for run in plan.runs if (run.context, run.variant) in cells),
        chosen={context: tuple(labels) for context, labels in by_context.items()},
        seeds=seed_list,
        runs=planned,
    )
    return replace(
        made,
        runs=pl.concat([made.runs, runs]),
        series=pl.concat([made.series, series]),
        confirmation=record,
    )
