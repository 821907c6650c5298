"""`analyze`: the whole reading of a grid's results."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from ablate.store.schema import ConfirmationRecord, LookRecord, PackRecord, PlanRecord

from ._order import compare_with_reference
from ._ranked import ranked
from ._study import Curve, Study, base_of
from .across import read_across
from .claims import judge_claims
from .confirmation import read_confirmation
from .cost import read_cost
from .effects import effects
from .factors import read_factors
from .failures import failures
from .flags import flags
from .looks import earlier_looks, level_of_look
from .noise import pairing_gain, pooled_noise_sd, seed_correlation, smallest_detectable
from .prose import headline, methods, summary
from .ranking import rank
from .scores import curves, metric_curves, planned, scores_from
from .secondary import read_secondary
from .stability import read_stability
from .suggestions import suggestions
from .tuning import read_tuning
from .types import Analysis

Run = tuple[str, str, int]
"""Variant, context, seed."""


def analyze(
    plan: PlanRecord,
    runs: pl.DataFrame,
    series: pl.DataFrame,
    *,
    confirmation: ConfirmationRecord | None = None,
    packs: Sequence[PackRecord] = (),
    looks: Sequence[LookRecord] = (),
) -> Analysis:
    """Everything that the results of a grid say, however far they have come.

    Args:
        plan: What was planned.
        runs: How each run ended, schema ``RUNS``: the ranked runs, those that tune and those that confirm; a planned
            run without a row counts as not started.
        series: What the same runs recorded, schema ``SERIES``.
        confirmation: What ``ablate confirm`` planned, if it was called.
        packs: How the runs were trained: for what is said of commits, versions and hardware.
        looks: Earlier reports of the grid: where seeds were added after one, tests have a corrected level.
    """
    declared, earlier = plan, earlier_looks(plan, looks)
    level = level_of_look(plan.report.alpha, len(earlier) + 1)
    plan = plan.model_copy(update={"report": plan.report.model_copy(update={"alpha": level})})
    everything = runs
    keys = ["variant", "context", "seed"]
    runs = runs.join(planned(plan.runs).select(keys), on=keys, how="semi", maintain_order="left")
    primary = metric_curves(plan.runs, series, plan.metric.name)
    scored = scores_from(plan.runs, plan.metric, runs, primary)
    base, goal, alpha = base_of(plan), plan.metric.goal, plan.report.alpha
    found = effects(scored, base=base, goal=goal, alpha=alpha, margin=plan.margin, noise=plan.report.noise)
    by_key = {(effect.variant, effect.context): effect for effect in found}
    places = rank(scored, found, base=base, goal=goal, alpha=alpha)
    tests = scored.filter(pl.col("variant") != base)["variant"].n_unique()
    ranking = ranked(plan, base, scored, runs, by_key, places)
    study = Study(
        plan=plan,
        base=base,
        scores=scored,
        runs=runs,
        curves=_by_run(plan, primary),
        effects=by_key,
        ranking=ranking,
        tests=tests,
        noise_sd=pooled_noise_sd(found),
        seed_correlation=seed_correlation(scored, base=base),
        pairing_gain=pairing_gain(scored, base=base),
        smallest_detectable=smallest_detectable(found, tests, alpha),
        tuning=read_tuning(plan, everything, series, ranking),
        confirmation=read_confirmation(declared, confirmation, everything, series, ranking) if confirmation else None,
        looks=earlier,
        declared_alpha=declared.report.alpha,
        packs=tuple(pack for pack in packs if pack.pack_id in set(runs["pack_id"])),
    )
    recorded = curves(plan, series)
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
        curves=recorded,
        tuning=study.tuning,
        confirmation=study.confirmation,
        factors=read_factors(study),
        cost=read_cost(study, recorded),
        stability=read_stability(study),
        across=read_across(study),
        secondary=read_secondary(study, recorded),
        alpha=alpha,
        looks=earlier,
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
