"""Analyses built by hand, for tests that do not want to depend on `ablate.analysis`."""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import mean, stdev
from typing import Any

import polars as pl

from ablate.analysis.types import (
    Analysis,
    ClaimResult,
    Failure,
    Flag,
    Interval,
    Ranked,
    ReferenceResult,
    SeedScore,
    Verdict,
)
from ablate.core import Status
from ablate.report.student import cdf, critical
from ablate.store.schema import MetricRecord, PackRecord, PlanRecord, Provenance, RunRecord, VariantRecord

GENERATED = datetime(2025, 5, 3, 14, 5, tzinfo=UTC)

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "quotes \" ' ` and \\ and | pipes",
    "line\u2028separator\u2029and\ttab",
    "emoji 🧪 and עברית and العربية",
    "{{ 7 * 7 }} <# comment #> {% raw %}",
    "long " + "x" * 295,
)

EFFECTS: Mapping[str, float] = {
    "base": 0.0,
    "activation=tanh": 0.034,
    "activation=soft_shrink": 0.026,
    "init=he_normal": 0.012,
    "activation=relu": 0.003,
    "layers=4": 0.001,
    "lr=0.0003": -0.002,
    "dropout=0.1": -0.009,
    "width=32": -0.028,
    "no_history": -0.31,
}

_CONFIG = {
    "model": {
        "kind": "gpt",
        "activation": {"kind": "gelu"},
        "layers": 2,
        "init": {"kind": "glorot_normal"},
        "width": 64,
    },
    "optimizer": {"kind": "adamw", "lr": 0.001},
}
_PROVENANCE = Provenance(
    created="2025-05-03T12:00:00Z",
    versions={"ablate": "0.1.0", "jax": "0.9.0", "python": "3.11.7"},
    git_commit="0123456789abcdef0123456789abcdef01234567",
    git_dirty=True,
    host="example",
    platform="Linux-6.1-x86_64",
    processor="x86_64, 2 cores",
    devices=("cpu", "cpu"),
)


def make_plan(
    variants: Sequence[str],
    *,
    seeds: int = 5,
    contexts: Sequence[str] = ("",),
    margin: float | None = 0.005,
    question: str = "Can gelu be replaced by something simpler, and by how much does the init matter?",
    text: str = "version: 1  # the language\nseeds: 5\nmetric: {name: val_loss}\n",
    metric: MetricRecord | None = None,
) -> PlanRecord:
    return PlanRecord(
        name="activations",
        path="grids/activations.yaml",
        question=question,
        text=text,
        metric=metric or MetricRecord(name="val_loss"),
        margin=margin,
        seeds=tuple(range(seeds)),
        contexts=tuple(contexts),
        variants=tuple(
            VariantRecord(
                label=label,
                changes={},
                is_base=index == 0,
                contexts=dict.fromkeys(contexts, _CONFIG),
            )
            for index, label in enumerate(variants)
        ),
        runs=tuple(
            RunRecord(run_id=f"{label}/{context}/{seed}", variant=label, context=context, seed=seed, steps=1000)
            for context in contexts
            for label in variants
            for seed in range(seeds)
        ),
        provenance=_PROVENANCE,
    )


def make_packs(count: int = 2) -> list[PackRecord]:
    return [
        PackRecord(
            pack_id=f"{index:016x}",
            signature="abc",
            run_ids=tuple(f"run{lane}" for lane in range(20)),
            width=20,
            strategy="vmap" if index else "map",
            devices=1,
            compile_seconds=3.7 + index,
            provenance=_PROVENANCE,
        )
        for index in range(count)
    ]


def _ranked(
    label: str,
    context: str,
    scores: Sequence[float | None],
    base: Sequence[float | None],
    statuses: Sequence[Status | None],
    change: tuple[tuple[str, str], ...],
    *,
    baseline: bool,
    tests: int,
    margin: float | None,
) -> Ranked:
    seeds = tuple(
        SeedScore(seed, score, b - score if score is not None and b is not None else None, status)
        for seed, (score, b, status) in enumerate(zip(scores, base, statuses, strict=True))
    )
    known = [score for score in scores if score is not None]
    gains = [seed.improvement for seed in seeds if seed.improvement is not None]
    improvement = 0.0 if baseline and known else mean(gains) if gains else None
    interval = p = adjusted = None
    verdict: Verdict = "baseline" if baseline else "not tested"
    words = "baseline" if baseline else "not tested (needs 3 seeds)" if known else "not run yet"
    if not baseline and improvement is not None and len(gains) > 1:
        error = stdev(gains) / math.sqrt(len(gains))
        half = critical(len(gains) - 1, 0.95) * error
        interval = Interval(improvement - half, improvement + half, 0.95)
        p = 2 * (1 - cdf(abs(improvement) / error, len(gains) - 1))
        adjusted = min(1.0, p * tests)
        if adjusted < 0.05:
            verdict, words = ("better", "better") if improvement > 0 else ("worse", "worse")
            if margin and abs(improvement) - half > margin:
                words += " by more than the margin"
        elif margin and abs(improvement) + half < 2 * margin:
            verdict, words = "equivalent", "no material difference"
        else:
            verdict, words = "undecided", "undecided (about 6 more seeds)"
    if "diverged" in statuses:
        verdict, words = "unstable", "unstable: a seed diverged"
    return Ranked(
        variant=label,
        context=context,
        changes=change,
        verdict=verdict,
        words=words,
        mean=mean(known) if known else None,
        sd=stdev(known) if len(known) > 1 else None,
        n=len(known) if baseline else len(gains),
        improvement=improvement,
        interval=interval,
        p=p,
        p_adjusted=adjusted,
        wins=sum(gain > 0 for gain in gains),
        seeds=seeds,
        done=statuses.count("done"),
        diverged=statuses.count("diverged"),
        failed=statuses.count("error"),
        missing=statuses.count(None),
        rank=None,
        rank_low=None,
        rank_high=None,
        could_be_best=False,
        more_seeds=6 if verdict == "undecided" else None,
        paired=True,
        parameters=812_544,
        step_ms=4.1234 + len(label) / 10 if known else None,
        reference=None,
    )


def make_analysis(
    plan: PlanRecord,
    effects: Mapping[str, float],
    *,
    points: int = 30,
    metrics: Sequence[str] = ("val_loss", "train_loss", "val_accuracy"),
    statuses: Mapping[tuple[str, int], Status | None] | None = None,
    changes: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
    noise: float = 0.006,
    headline: str = "activation=tanh beats base by 0.034 val_loss (95 % CI 0.028 to 0.041, n = 5 paired seeds, Holm "
    "p < 0.001); 2 of 10 variants could be best; 2 make no material difference (±0.005); 2 are undecided.",
    reference: bool = True,
    **more: Any,
) -> Analysis:
    rng = random.Random(7)
    ends = statuses or {}
    ranking: list[Ranked] = []
    curves: list[tuple[str, str, int, str, int, float]] = []
    count = len(plan.seeds)
    for place, context in enumerate(plan.contexts):
        shared = [rng.gauss(0, 0.012) for _ in range(count)]
        scores = {
            label: [1.52 + 0.1 * place - effect + shared[seed] + rng.gauss(0, noise) for seed in range(count)]
            for label, effect in effects.items()
        }
        status: dict[str, list[Status | None]] = {
            label: [ends.get((label, seed), "done") for seed in range(count)] for label in effects
        }
        final: dict[str, list[float | None]] = {
            label: [score if status[label][seed] == "done" else None for seed, score in enumerate(values)]
            for label, values in scores.items()
        }
        base = next(iter(effects))
        rows = [
            _ranked(
                label,
                context,
                final[label],
                final[base],
                status[label],
                (changes or {}).get(label, () if label == base else (("model.activation", label.split("=")[-1]),)),
                baseline=label == base,
                tests=len(effects) - 1,
                margin=plan.margin,
            )
            for label in effects
        ]
        rows.sort(key=lambda row: (row.mean is None, row.mean or 0.0))
        scored = [row for row in rows if row.mean is not None]
        for rank, row in enumerate(rows, start=1):
            values: dict[str, Any] = {name: getattr(row, name) for name in Ranked.__slots__}
            if row.mean is not None:
                values |= {
                    "rank": rank,
                    "rank_low": max(1, rank - 1),
                    "rank_high": min(len(scored), rank + 2),
                    "could_be_best": rank <= 2,
                    "reference": round(row.mean + 0.01 * math.sin(rank), 3) if reference and rank % 2 else None,
                }
            ranking.append(Ranked(**values))
        for label, values_of in scores.items():
            for seed, last in enumerate(values_of):
                if status[label][seed] is None:
                    continue
                for point in range(1, points + 1):
                    step = 1000 * point // points
                    share = point / points
                    loss = last + 1.6 * math.exp(-5 * share) + rng.gauss(0, 0.004) * (1 - share)
                    if status[label][seed] == "diverged" and share > 0.4:
                        loss = math.nan
                    series = {"val_loss": loss, "train_loss": loss - 0.1 * share, "val_accuracy": math.exp(-loss)}
                    curves += [(label, context, seed, name, step, series[name]) for name in metrics]
    schema = {
        "variant": pl.String,
        "context": pl.String,
        "seed": pl.Int64,
        "metric": pl.String,
        "step": pl.Int64,
        "value": pl.Float64,
    }
    published = tuple((row.variant, row.reference, row.mean) for row in ranking if row.reference is not None)
    total = len(effects) * count * len(plan.contexts)
    sums = {name: sum(getattr(row, name) for row in ranking) for name in ("done", "diverged", "failed", "missing")}
    fields: dict[str, Any] = {
        "headline": headline,
        "summary": (
            "The seeds that chose the winner are the ones that judge it: confirm activation=tanh on fresh seeds.",
        ),
        "ranking": tuple(ranking),
        "flags": (
            Flag("warning", "Winner chosen on these same seeds", "Its lead is probably smaller than it looks."),
            Flag(
                "note",
                "Still improving at the end",
                "8 of 10 variants gained more than 0.01 in the last 10 % of steps.",
            ),
            Flag("good", "Paired seeds", "Every variant saw the same batches in the same order."),
            Flag("good", "One commit, one machine", "All runs used the same code, versions and hardware."),
        ),
        "claims": (
            ClaimResult("relu is worse than base", "undecided", "Δ +0.003 [−0.004, +0.010], p = 0.31, n = 5"),
            ClaimResult("no_history is worse than base", "supported", "Δ −0.310 [−0.320, −0.300], p < 0.001, n = 5"),
            ClaimResult("init=he_normal is worse than base", "refuted", "Δ +0.012 [0.005, 0.019], p = 0.006, n = 5"),
        ),
        "reference": ReferenceResult("activation study, June 2024", "train loss", published, 0.9, 0.037)
        if published
        else None,
        "failures": tuple(
            Failure(label, context, seed, state, 400, "loss is not finite: nan")
            for context in plan.contexts
            for (label, seed), state in ends.items()
            if state not in (None, "done")
        ),
        "suggestions": (
            (
                "Confirm the winner on seeds that no selection has seen.",
                "ablate confirm grids/activations.yaml --top 1",
            ),
            ("6 more seeds would decide the undecided variants.", "ablate run grids/activations.yaml --seeds 0-10"),
        ),
        "methods": "Scores are the last val_loss of each run. Differences are paired by seed; intervals are t "
        "intervals; p values come from paired t-tests, Holm-adjusted over the variants.",
        "planned": total,
        **sums,
        "noise_sd": 0.0084,
        "seed_correlation": 0.81,
        "smallest_detectable": 0.0146,
        "tests": len(effects) - 1,
        "curves": pl.DataFrame(curves, schema=schema, orient="row"),
    }
    return Analysis(**(fields | more))
