"""How the nuisance axes were tuned: what was tried, what was chosen, and how much the choice flattered itself."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import polars as pl

from ablate.core import best_candidate
from ablate.store.schema import PlanRecord, TuningRecord

from ._study import is_number
from ._words import value_text
from .scores import metric_curves, scores_from
from .types import CandidateScore, Edge, NuisanceAxis, Ranked, Tuned, Tuning

SELECTORS = ("last", "best", "mean_last:10", "auc")
"""Other ways to read a score, to see whether they would have chosen the same setting."""

LEVELS = 3
"""An axis with fewer values has no inside."""

_BY_ID = ("run_id", "steps")
"""A run with one id may be planned at two budgets, if the budget itself is tuned."""

Cell = tuple[str, str]
"""Context and variant."""
Row = list[float | None]
"""Scores of one candidate, one per seed."""


def read_tuning(plan: PlanRecord, runs: pl.DataFrame, series: pl.DataFrame, ranking: Sequence[Ranked]) -> Tuning | None:
    """What the tuning of a grid says; None if it does not tune.

    Args:
        plan: What was planned.
        runs: How each run ended, those that tune among them, schema ``RUNS``.
        series: What the runs recorded, those that tune among them, schema ``SERIES``.
        ranking: The variants, in the order in which they are wanted.
    """
    record = plan.tuning
    if record is None:
        return None
    ended = runs.rename({"budget": "steps", "step": "reached"})
    recorded = metric_curves(record.runs, series, record.select.name)
    metrics = {at: record.select.model_copy(update={"at": at}) for at in dict.fromkeys((record.select.at, *SELECTORS))}
    scored = {at: scores_from(record.runs, metric, ended, recorded, keys=_BY_ID) for at, metric in metrics.items()}
    tables = {at: _table(record, frame["score"].to_list()) for at, frame in scored.items()}
    own = scored[record.select.at]
    outcomes: dict[Cell, list[str]] = {}
    for run, outcome in zip(record.runs, own["outcome"], strict=True):
        outcomes.setdefault((run.context, run.variant), []).append(outcome)
    failures = own.filter(outcome="failed")["status"].unique().sort().to_list()
    not_ended = own.filter(pl.col("status").is_null() | (pl.col("status") == "lost")).height
    fresh = _fresh(plan, record, ended, series)
    axes = _axes(record)
    return Tuning(
        axes=axes,
        seeds=record.seeds,
        metric=record.select.name,
        goal=record.select.goal,
        at=record.select.at,
        rows=tuple(
            _tuned(row, record, axes, tables, fresh, outcomes[row.context, row.variant])
            for row in ranking
            if (row.context, row.variant) in outcomes
        ),
        planned=len(record.runs),
        ended=len(record.runs) - not_ended,
        failures=tuple(failures),
    )


def _table(record: TuningRecord, scores: Sequence[float | None]) -> dict[Cell, list[Row]]:
    """(context, variant) -> candidates x seeds."""
    place = {seed: index for index, seed in enumerate(record.seeds)}
    table: dict[Cell, list[Row]] = {}
    for run, score in zip(record.runs, scores, strict=True):
        rows = table.setdefault((run.context, run.variant), [[None] * len(place) for _ in record.candidates])
        rows[run.candidate][place[run.seed]] = score
    return table


def _fresh(
    plan: PlanRecord, record: TuningRecord, ended: pl.DataFrame, series: pl.DataFrame
) -> dict[Cell, list[float]]:
    """The scores that select, but of the runs that are ranked."""
    recorded = metric_curves(plan.runs, series, record.select.name)
    scored = scores_from(plan.runs, record.select, ended, recorded, keys=_BY_ID).drop_nulls("score")
    found: dict[Cell, list[float]] = {}
    for context, variant, score in scored.select("context", "variant", "score").rows():
        found.setdefault((context, variant), []).append(score)
    return found


def _tuned(
    row: Ranked,
    record: TuningRecord,
    axes: Sequence[NuisanceAxis],
    tables: Mapping[str, Mapping[Cell, list[Row]]],
    fresh: Mapping[Cell, list[float]],
    outcomes: Sequence[str],
) -> Tuned:
    cell = (row.context, row.variant)
    chosen = record.chosen.get(row.context, {}).get(row.variant)
    own = tables[record.select.at][cell]
    settings = zip(*(axis.tried for axis in axes), strict=True)
    candidates = tuple(
        CandidateScore(values, mean=_mean(scores), n=sum(score is not None for score in scores))
        for values, scores in zip(settings, own, strict=True)
    )
    tuning_score = None if chosen is None else candidates[chosen].mean
    fresh_score = _mean(fresh.get(cell, []))
    optimism = None
    if tuning_score is not None and fresh_score is not None:
        sign = 1.0 if record.select.goal == "minimize" else -1.0
        optimism = sign * (fresh_score - tuning_score)
    return Tuned(
        variant=row.variant,
        context=row.context,
        candidates=candidates,
        chosen=chosen,
        edges=() if chosen is None else tuple(_edges(record, axes, chosen)),
        alternatives=tuple(
            (at, None if chosen is None else best_candidate(table[cell], record.select.goal))
            for at, table in tables.items()
        ),
        tuning_score=tuning_score,
        fresh_score=fresh_score,
        fresh_n=len(fresh.get(cell, [])),
        optimism=optimism,
        done=outcomes.count("done"),
        diverged=outcomes.count("diverged"),
        failed=outcomes.count("failed"),
        missing=outcomes.count("missing"),
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return math.fsum(known) / len(known) if known else None


def _axes(record: TuningRecord) -> tuple[NuisanceAxis, ...]:
    axes = []
    for path in record.candidates[0].changes if record.candidates else ():
        values = [candidate.changes[path] for candidate in record.candidates]
        numeric = all(is_number(value) for value in values)
        numbers = tuple(map(float, values)) if numeric else ()
        levels = tuple(sorted(set(numbers)))
        tried = tuple(f"{value:.4g}" if numeric else value_text(value) for value in values)
        if len(set(tried)) < len(levels):
            tried = tuple(map(value_text, values))
        axes.append(NuisanceAxis(path, levels, tried, numbers))
    return tuple(axes)


def _edges(record: TuningRecord, axes: Sequence[NuisanceAxis], chosen: int) -> list[Edge]:
    """The numeric axes of which the chosen value is the first or last, where there is a value beyond it."""
    found = []
    for axis in axes:
        if len(axis.levels) < LEVELS:
            continue
        value = float(record.candidates[chosen].changes[axis.path])
        whole = all(isinstance(candidate.changes[axis.path], int) for candidate in record.candidates)
        side: Literal["smallest", "largest"] = "largest" if value == axis.levels[-1] else "smallest"
        levels = axis.levels if side == "largest" else axis.levels[::-1]
        beyond = next_level(levels, whole=whole) if value == levels[-1] else None
        if beyond is not None:
            found.append(Edge(axis.path, axis.tried[chosen], side, beyond))
    return found


def next_level(levels: Sequence[float], *, whole: bool = False) -> str | None:
    """The value after the last of some levels, spaced as they are; None where there is none.

    A range of positive numbers never goes on to zero or below it, and zero is taken for a natural end.

    Args:
        levels: Two or more, ascending or descending.
        whole: Whether only whole numbers make sense.
    """
    before, last = levels[-2:]
    if last == 0:
        return None
    ratios = [two / one for one, two in pairwise(levels) if one]
    geometric = min(levels) > 0 and max(ratios) <= 1.2 * min(ratios)
    following = last * (last / before) if geometric else last + (last - before)
    if min(levels) > 0 and following <= 0:
        following = last / 2
    if whole:
        following = float(round(following))
        if following in (0.0, last):
            return None
    return f"{following:.3g}"
