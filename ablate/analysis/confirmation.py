"""The best variants once more, on seeds that no selection has seen."""

from collections.abc import Sequence

import polars as pl

from ablate.store.schema import ConfirmationRecord, PlanRecord, RunRecord, VariantRecord

from ._ranked import ranked
from ._study import base_of
from .compare import MIN_SEEDS
from .effects import effects
from .ranking import rank
from .scores import metric_curves, scores_from
from .types import Confirmation, Confirmed, Ranked


def read_confirmation(
    plan: PlanRecord,
    record: ConfirmationRecord,
    runs: pl.DataFrame,
    series: pl.DataFrame,
    ranking: Sequence[Ranked],
) -> Confirmation:
    """What a confirmation says, by the same statistics as the ranking; the chosen variants are a family of their own.

    Args:
        plan: What was planned.
        record: The confirmation; it may be of an earlier plan, and then is no evidence.
        runs: How each run ended, those that confirm among them, schema ``RUNS``.
        series: What the runs recorded, those that confirm among them, schema ``SERIES``.
        ranking: The screening.
    """
    used_before = reused_seeds(plan, record)
    screening = {(row.context, row.variant): row for row in ranking}
    contexts = [context for context in (*plan.contexts, *record.chosen) if context in record.chosen]
    rows: list[Confirmed] = []
    baselines: list[Ranked] = []
    for context in () if used_before else dict.fromkeys(contexts):
        fresh = {row.variant: row for row in _fresh(plan, record, runs, series, context)}
        baselines += [row for row in fresh.values() if row.verdict == "baseline"]
        rows += [
            Confirmed(screening.get((context, label)), fresh[label])
            for label in record.chosen[context]
            if label in fresh
        ]
    everything = [*baselines, *(row.fresh for row in rows)]
    open_ = sum(row.missing + row.failed for row in everything)
    outdated = _outdated(plan, record)
    complete = bool(rows) and not open_
    common = {context: [row.fresh.n for row in rows if row.fresh.context == context] for context in contexts}
    return Confirmation(
        state="rejected" if used_before else "outdated" if outdated else "complete" if complete else "incomplete",
        reason=used_before or outdated,
        seeds=record.seeds,
        rows=tuple(rows),
        baselines=tuple(baselines),
        used=()
        if used_before or outdated
        else tuple(context for context, n in common.items() if n and (complete or min(n) >= MIN_SEEDS)),
        planned=len(record.runs),
        ended=0 if used_before else len(record.runs) - open_,
        top=max(map(len, record.chosen.values()), default=1),
    )


def reused_seeds(plan: PlanRecord, record: ConfirmationRecord) -> str:
    """Which seeds of a confirmation were used to choose what it confirms; empty if none was."""
    sources = [("screening", {*plan.seeds, *(run.seed for run in plan.runs)})]
    if plan.tuning is not None:
        sources.append(("tuning", {*plan.tuning.seeds, *(run.seed for run in plan.tuning.runs)}))
    seeds = {*record.seeds, *(run.seed for run in record.runs)}
    found = [
        f"seed{'s' if len(both) > 1 else ''} {', '.join(map(str, sorted(both)[:5]))} of the {name}"
        for name, used in sources
        if (both := seeds & used)
    ]
    return " and ".join(found)


def _outdated(plan: PlanRecord, record: ConfirmationRecord) -> str:
    """What has changed since the variants were chosen; empty if nothing has."""
    if not set(record.screened) <= {run.run_id for run in plan.runs if run.run_id}:
        return "the runs that the variants were chosen from are no longer those of the grid"
    if record.metric != plan.metric:
        was, now = record.metric, plan.metric
        return f"the variants were chosen by {was.name} at {was.at}, and the grid now ranks by {now.name} at {now.at}"
    planned = {(run.context, run.variant): run.steps for run in plan.runs}
    if any(planned.get((run.context, run.variant)) != run.steps for run in record.runs):
        return "the confirmation has another budget, or other variants, than the grid"
    return ""


def _fresh(
    plan: PlanRecord, record: ConfirmationRecord, runs: pl.DataFrame, series: pl.DataFrame, context: str
) -> tuple[Ranked, ...]:
    """The baseline and the chosen variants of one context on the confirmation seeds: a small ranking of their own."""
    mine = tuple(run for run in record.runs if run.context == context)
    part = plan.model_copy(
        update={
            "metric": record.metric,
            "seeds": record.seeds,
            "contexts": (context,),
            "variants": _variants(plan, mine),
            "runs": mine,
            "reference": None,
        }
    )
    base = _base(plan, record, context, mine)
    own = runs.filter(pl.col("run_id").is_in([run.run_id for run in mine]))
    scored = scores_from(mine, part.metric, own, metric_curves(mine, series, part.metric.name))
    goal, alpha = part.metric.goal, plan.report.alpha
    found = effects(scored, base=base, goal=goal, alpha=alpha, margin=plan.margin)
    by_key = {(effect.variant, effect.context): effect for effect in found}
    places = rank(scored, found, base=base, goal=goal, alpha=alpha)
    return ranked(part, base, scored, own, by_key, places)


def _variants(plan: PlanRecord, runs: Sequence[RunRecord]) -> tuple[VariantRecord, ...]:
    """The variants of some runs; a label that the plan does not know any more gets an empty record."""
    known = {variant.label: variant for variant in plan.variants}
    return tuple(
        known.get(label) or VariantRecord(label=label, changes={}, is_base=False, contexts={})
        for label in dict.fromkeys(run.variant for run in runs)
    )


def _base(plan: PlanRecord, record: ConfirmationRecord, context: str, runs: Sequence[RunRecord]) -> str:
    """The variant that came along without being chosen."""
    chosen = record.chosen[context]
    return next((run.variant for run in runs if run.variant not in chosen), base_of(plan))
