"""`analyze`: the whole reading of a grid's results."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import polars as pl

from ablate.core import Goal, Status
from ablate.store.schema import PlanRecord

from ._order import compare_with_reference
from ._study import Curve, Study, base_of
from ._words import value_text
from .claims import judge_claims
from .effects import Effect, effects
from .failures import failures
from .flags import flags
from .noise import pairing_gain, pooled_noise_sd, seed_correlation, smallest_detectable
from .prose import headline, methods, summary
from .ranking import Place, rank
from .scores import curves, metric_curves, scores_from
from .suggestions import suggestions
from .types import Analysis, Ranked, SeedScore
from .verdicts import Judgement, judge

Run = tuple[str, str, int]
"""Variant, context, seed."""


def analyze(plan: PlanRecord, runs: pl.DataFrame, series: pl.DataFrame) -> Analysis:
    """Everything that the results of a grid say, however far they have come.

    Args:
        plan: What was planned.
        runs: How each run ended, schema ``RUNS``; a planned run without a row counts as not started.
        series: What the runs recorded, schema ``SERIES``.
    """
    primary = metric_curves(plan, series, plan.metric.name)
    scored = scores_from(plan, runs, primary)
    base, goal, alpha = base_of(plan), plan.metric.goal, plan.report.alpha
    found = effects(scored, base=base, goal=goal, alpha=alpha, margin=plan.margin)
    by_key = {(effect.variant, effect.context): effect for effect in found}
    places = rank(scored, found, base=base, goal=goal, alpha=alpha)
    tests = scored.filter(pl.col("variant") != base)["variant"].n_unique()
    study = Study(
        plan=plan,
        base=base,
        scores=scored,
        runs=runs,
        curves=_by_run(plan, primary),
        effects=by_key,
        ranking=_ranking(plan, base, scored, runs, by_key, places),
        tests=tests,
        noise_sd=pooled_noise_sd(found),
        seed_correlation=seed_correlation(scored, base=base),
        pairing_gain=pairing_gain(scored, base=base),
        smallest_detectable=smallest_detectable(found, tests, alpha),
    )
    claims = judge_claims(plan, scored)
    first = plan.contexts[0] if plan.contexts else ""
    means = {row.variant: row.mean for row in study.ranking if row.context == first}
    counts = scored["outcome"].value_counts()
    outcomes: Mapping[str, int] = dict(zip(counts["outcome"], counts["count"], strict=True))
    return Analysis(
        headline=headline(study),
        summary=summary(study, claims),
        ranking=study.ranking,
        flags=flags(study),
        claims=claims,
        reference=compare_with_reference(plan, means),
        failures=failures(plan, scored, runs, study.curves),
        suggestions=suggestions(study),
        methods=methods(study),
        planned=len(plan.runs),
        done=outcomes.get("done", 0),
        diverged=outcomes.get("diverged", 0),
        failed=outcomes.get("failed", 0),
        missing=outcomes.get("missing", 0),
        noise_sd=study.noise_sd,
        seed_correlation=study.seed_correlation,
        smallest_detectable=study.smallest_detectable,
        tests=tests,
        curves=curves(plan, series),
    )


def _by_run(plan: PlanRecord, primary: pl.DataFrame) -> dict[Run, Curve]:
    """The ranking metric of each run that recorded it."""
    runs = primary["run"].to_numpy()
    steps, values = primary["step"].cast(pl.Float64).to_numpy(), primary["value"].to_numpy()
    present, starts = np.unique(runs, return_index=True)
    ends = [*starts[1:], len(runs)] if len(starts) else []
    found = {}
    for index, start, end in zip(present.tolist(), starts, ends, strict=True):
        run = plan.runs[index]
        found[run.variant, run.context, run.seed] = Curve(steps[start:end], values[start:end], run.steps)
    return found


def _ranking(
    plan: PlanRecord,
    base: str,
    scored: pl.DataFrame,
    runs: pl.DataFrame,
    by_key: Mapping[tuple[str, str], Effect],
    places: tuple[Place, ...],
) -> tuple[Ranked, ...]:
    published = {} if plan.reference is None else plan.reference.values
    records = {variant.label: variant for variant in plan.variants}
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in scored.sort("seed", maintain_order=True).iter_rows(named=True):
        rows.setdefault((row["variant"], row["context"]), []).append(row)
    pace = _step_ms(runs)
    order = {context: index for index, context in enumerate(plan.contexts)}
    ranking = []
    for place in sorted(places, key=lambda place: order.get(place.context, len(order))):
        key, record = (place.variant, place.context), records[place.variant]
        if key not in rows:
            continue
        mine, theirs = rows[key], rows.get((base, place.context), [])
        seeds = _seed_scores(mine, {row["seed"]: row["score"] for row in theirs}, plan.metric.goal)
        count = {
            word: sum(row["outcome"] == word for row in mine) for word in ("done", "diverged", "failed", "missing")
        }
        known = np.array([seed.score for seed in seeds if seed.score is not None])
        effect = by_key.get(key)
        judgement = _judge(effect, plan, count["diverged"], len(mine))
        item = None if effect is None else effect.comparison
        ranking.append(
            Ranked(
                variant=place.variant,
                context=place.context,
                changes=tuple((path, value_text(value)) for path, value in record.changes.items()),
                verdict=judgement.verdict,
                words=judgement.words,
                mean=place.mean,
                sd=float(known.std(ddof=1)) if len(known) > 1 else None,
                n=len(known) if item is None else item.n,
                improvement=(0.0 if len(known) else None) if item is None else item.improvement,
                interval=None if item is None else item.interval,
                p=None if effect is None else effect.p,
                p_adjusted=None if effect is None else effect.p_adjusted,
                wins=0 if item is None else sum((seed.improvement or 0.0) > 0 for seed in seeds),
                seeds=seeds,
                done=count["done"],
                diverged=count["diverged"],
                failed=count["failed"],
                missing=count["missing"],
                rank=place.rank,
                rank_low=place.low,
                rank_high=place.high,
                could_be_best=place.could_be_best,
                more_seeds=judgement.more_seeds,
                paired=True if item is None else item.paired or item.n == 0,
                parameters=record.parameters,
                step_ms=pace.get(key),
                reference=published.get(place.variant),
            )
        )
    return tuple(ranking)


def _judge(effect: Effect | None, plan: PlanRecord, diverged: int, runs: int) -> Judgement:
    if effect is None:
        return Judgement("baseline", f"baseline ({diverged} of {runs} runs diverged)" if diverged else "baseline")
    return judge(effect, alpha=plan.report.alpha, margin=plan.margin, runs=runs)


def _seed_scores(mine: list[dict[str, Any]], theirs: Mapping[int, float | None], goal: Goal) -> tuple[SeedScore, ...]:
    found = []
    for row in mine:
        score, partner = row["score"], theirs.get(row["seed"])
        improvement = None
        if score is not None and partner is not None:
            improvement = partner - score if goal == "minimize" else score - partner
        status = "diverged" if row["outcome"] == "diverged" else row["status"]
        found.append(SeedScore(row["seed"], score, improvement, cast("Status | None", status)))
    return tuple(found)


def _step_ms(runs: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Median milliseconds per update and lane, by (variant, context)."""
    pace = (
        runs.filter((pl.col("step") > 0) & (pl.col("seconds") > 0))
        .group_by("variant", "context")
        .agg((1000 * pl.col("seconds") / pl.col("step")).median().alias("ms"))
    )
    return {(row["variant"], row["context"]): row["ms"] for row in pace.iter_rows(named=True)}
