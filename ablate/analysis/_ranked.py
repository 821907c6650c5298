"""The rows of a ranking: everything that is said about a variant in a context."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import polars as pl

from ablate.core import Goal, Status
from ablate.store.schema import PlanRecord

from ._words import value_text
from .effects import Effect
from .ranking import Place
from .types import Ranked, SeedScore
from .verdicts import Judgement, judge


def ranked(
    plan: PlanRecord,
    base: str,
    scored: pl.DataFrame,
    runs: pl.DataFrame,
    by_key: Mapping[tuple[str, str], Effect],
    places: tuple[Place, ...],
) -> tuple[Ranked, ...]:
    """One row per context and variant, contexts in the order of the plan, each context in the order of `places`.

    Args:
        plan: what was planned.
        base: label of the baseline.
        scored: schema `SCORES`.
        runs: schema ``RUNS``.
        by_key: (variant, context) -> the comparison with the baseline.
        places: the order of the variants.
    """
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
                flops=record.flops,
                q=None if effect is None else effect.q,
                shared=effect is not None and effect.shared,
                test=None if effect is None else effect.test,
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
