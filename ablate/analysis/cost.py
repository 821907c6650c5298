"""What the variants cost, and how soon they get where the baseline ends."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ablate.core import Goal
from ablate.store.schema import PlanRecord

from ._hardware import by_pack
from ._study import Study
from ._target import Arrival, arrival, declared_target, last_value, middle, ratios
from ._words import listed, number, plural
from .evidence import ContextCost, Cost, CostAxis, CostKey, CostRow
from .types import Ranked

TOLD_APART = 1.02
"""Times that differ by less than this factor are taken for the same."""

_KEYS = ("variant", "context", "seed")

Key = tuple[str, str, int]
"""Variant, context, seed."""


@dataclass(frozen=True, slots=True)
class _Run:
    pace: float | None
    """Seconds per step."""
    hardware: str


def read_cost(study: Study, recorded: pl.DataFrame) -> Cost | None:
    """Costs and times to the target; None if no cost is known and nothing but the baseline was planned.

    Args:
        study: The grid.
        recorded: Every series up to the budget, as `ablate.analysis.curves` gives them.
    """
    plan = study.plan
    if len(plan.variants) < 2:
        return None
    runs = _runs(study)
    declared = declared_target(plan, study.base)
    series = _validation_loss(plan, recorded)
    overfit = _overfit(study, recorded, series) if series else {}
    contexts = tuple(
        _context(study, context, runs, declared, overfit) for context in plan.contexts if study.rows(context)
    )
    if not any(row.tried or row.seconds or row.parameters for one in contexts for row in one.rows):
        return None
    name = plan.metric.name
    target = (
        f"the last {name} of the baseline's run with the same seed"
        if declared is None
        else f"{name} {number(declared)}, as a claim of the grid sets it"
    )
    return Cost(_words(contexts, tuned=plan.tuning is not None), target, series, contexts)


def _runs(study: Study) -> dict[Key, _Run]:
    places = by_pack(study.packs)
    ended = study.runs.unique(_KEYS, keep="first", maintain_order=True)
    found = {}
    for row in ended.select(*_KEYS, "step", "seconds", "pack_id").iter_rows(named=True):
        timed = row["step"] and row["seconds"] and row["seconds"] > 0
        pace = row["seconds"] / row["step"] if timed else None
        found[row["variant"], row["context"], row["seed"]] = _Run(pace, places.get(row["pack_id"], ""))
    return found


def _context(
    study: Study,
    context: str,
    runs: Mapping[Key, _Run],
    declared: float | None,
    overfit: Mapping[tuple[str, str], list[float]],
) -> ContextCost:
    ranking = study.rows(context)
    budgets = {run.variant: run.steps for run in study.plan.runs if run.context == context}
    targets = _targets(study, ranking, declared)
    arrivals = {row.variant: _arrivals(study, row, runs, targets) for row in ranking}
    theirs = arrivals.get(study.base, {})
    rows = []
    for row in ranking:
        ours = arrivals[row.variant]
        mine = {seed.seed: runs.get((row.variant, context, seed.seed)) for seed in row.seeds}
        known = [run for run in mine.values() if run is not None and run.pace is not None]
        budget = budgets.get(row.variant, 0)
        steps = [one.steps for one in ours.values() if one.steps is not None]
        times = [one.seconds for one in ours.values() if one.seconds is not None]
        paired = [seed for seed in ours if seed in theirs]
        same = [seed for seed in paired if _on_the_same(runs, (row.variant, study.base), context, seed)]
        ratio = overfit.get((row.variant, context), [])
        rows.append(
            CostRow(
                variant=row.variant,
                verdict=row.verdict,
                mean=row.mean,
                n=row.done,
                parameters=row.parameters,
                flops=None if row.flops is None else row.flops * budget,
                step_ms=row.step_ms,
                seconds=middle([run.pace * budget for run in known if run.pace is not None]),
                hardware=tuple(sorted({run.hardware for run in mine.values() if run is not None and run.hardware})),
                target_steps=middle(steps),
                target_seconds=middle(times),
                reached=sum(map(math.isfinite, steps)),
                tried=len(steps),
                speed_up=middle(ratios([theirs[s].steps for s in paired], [ours[s].steps for s in paired])),
                speed_up_seconds=middle(ratios([theirs[s].seconds for s in same], [ours[s].seconds for s in same])),
                overfit=middle(ratio),
                overfit_n=len(ratio),
            )
        )
    machines = tuple(sorted({name for row in rows for name in row.hardware}))
    return ContextCost(context, _axes(rows, study.plan.metric.goal, len(machines) < 2), tuple(rows), declared, machines)


def _on_the_same(runs: Mapping[Key, _Run], variants: Sequence[str], context: str, seed: int) -> bool:
    """Whether the runs of some variants with one seed took place on one kind of hardware."""
    found = [runs.get((variant, context, seed)) for variant in variants]
    return len({run.hardware for run in found if run is not None}) == 1


def _targets(study: Study, ranking: Sequence[Ranked], declared: float | None) -> dict[int, float | None]:
    """Seed -> the target of its runs; without a declared one, only where the baseline finished."""
    base = next((row for row in ranking if row.variant == study.base), None)
    if declared is not None:
        return {seed.seed: declared for row in ranking for seed in row.seeds}
    return {
        seed.seed: last_value(study.curves.get((study.base, base.context, seed.seed)))
        for seed in (base.seeds if base else ())
        if base is not None and seed.score is not None
    }


def _arrivals(
    study: Study, row: Ranked, runs: Mapping[Key, _Run], targets: Mapping[int, float | None]
) -> dict[int, Arrival]:
    """Seed -> when the run reached its target."""
    found = {}
    for seed in row.seeds:
        key = (row.variant, row.context, seed.seed)
        run, curve = runs.get(key), study.curves.get(key)
        pace = None if run is None else run.pace
        found[seed.seed] = arrival(curve, targets.get(seed.seed), seed.status, study.plan.metric.goal, pace)
    return found


# --- the front ---------------------------------------------------------------------------------------------------


def _axes(rows: Sequence[CostRow], goal: Goal, comparable: bool) -> tuple[CostAxis, ...]:
    """The costs by which the variants differ."""
    readers: tuple[tuple[CostKey, str, str, Callable[[CostRow], float | None]], ...] = (
        ("seconds", "training time of a run", "s", lambda row: row.seconds),
        ("flops", "floating-point operations of a run", "FLOP", lambda row: row.flops),
        ("parameters", "parameters", "", lambda row: row.parameters),
    )
    found = []
    for key, label, unit, read in readers:
        known = [cost for row in rows if row.mean is not None and (cost := read(row))]
        least = TOLD_APART if key == "seconds" else 1.0
        if len(known) < 2 or max(known) <= least * min(known):
            continue
        is_comparable = comparable or key != "seconds"
        found.append(CostAxis(key, label, unit, is_comparable, pareto(rows, read, goal) if is_comparable else ()))
    return tuple(found)


def pareto(rows: Sequence[CostRow], read: Callable[[CostRow], float | None], goal: Goal) -> tuple[str, ...]:
    """The variants that no other one matches in cost and mean score while it beats them in one; the cheapest first.

    Unstable variants do not take part: their means are those of surviving runs.
    """
    sign = 1.0 if goal == "minimize" else -1.0
    points = [
        (cost, sign * row.mean, row.variant)
        for row in rows
        if row.mean is not None and row.verdict != "unstable" and (cost := read(row)) is not None
    ]
    front: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda item: item[:2]):
        if not front or point[1] < front[-1][1] or point[:2] == front[-1][:2]:
            front.append(point)
    return tuple(label for _, _, label in front)


# --- overfitting -------------------------------------------------------------------------------------------------


def _validation_loss(plan: PlanRecord, recorded: pl.DataFrame) -> str:
    """The series of the validation loss: the ranking metric if it is one, else ``val_loss``; empty if there is none."""
    if plan.metric.goal == "minimize" and plan.metric.name.startswith("val"):
        return plan.metric.name
    return "val_loss" if (recorded["metric"] == "val_loss").any() else ""


def _overfit(study: Study, recorded: pl.DataFrame, series: str) -> dict[tuple[str, str], list[float]]:
    """(variant, context) -> last / best of each finished run; of positive losses only, others have no ratio."""
    done = study.scores.filter(outcome="done").select(*_KEYS)
    value = pl.col("value")
    each = (
        recorded.filter(pl.col("metric") == series)
        .join(done, on=_KEYS, how="semi", maintain_order="left")
        .group_by(_KEYS, maintain_order=True)
        .agg(last=value.last(), best=value.filter(value.is_finite()).min())
        .filter((pl.col("best") > 0) & pl.col("last").is_finite())
    )
    found: dict[tuple[str, str], list[float]] = {}
    for variant, context, _, last, best in each.iter_rows():
        found.setdefault((variant, context), []).append(last / best)
    return found


def _words(contexts: Sequence[ContextCost], *, tuned: bool) -> str:
    """How the costs were measured, and what may be compared."""
    text = (
        "Training time is a run's share of the time of its pack, compilation excluded, up to the budget; lanes of one "
        "pack share it evenly."
    )
    text += " What the tuning took is not counted." if tuned else ""
    machines = sorted({name for one in contexts for name in one.hardware})
    if len(machines) > 1:
        text += (
            f" The runs took place on {plural(len(machines), 'kind')} of hardware ({listed(machines)}): times are "
            "shown with theirs, and are compared only between runs on the same."
        )
    elif machines:
        text += f" Hardware: {machines[0]}."
    return text
