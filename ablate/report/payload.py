"""The data that the page carries as JSON: the ranking, the curves, the charts' specifications."""

from typing import Any

from ablate.analysis.types import Analysis, Ranked
from ablate.store.schema import PlanRecord

from . import confirmation, plots, series, theme, tuning
from .export.latex import signs

Json = dict[str, Any]


def build(analysis: Analysis, plan: PlanRecord) -> Json:
    """All data of the page, in an order that depends on the input alone."""
    return {
        "grid": plan.name,
        "metric": plan.metric.model_dump(),
        "series": list(theme.SERIES),
        "config": theme.chart_config(),
        "latex": signs(),
        "ranking": [_ranked(row) for row in analysis.ranking],
        "forests": plots.forests(analysis, plan),
        "reference": plots.slopes(analysis, plan),
        "curves": series.curve_data(analysis, plan),
    }


def selection(analysis: Analysis, tuned: tuning.Section | None, confirmed: confirmation.Section | None) -> Json:
    """Charts and numbers of the sections on tuning and confirmation."""
    fresh = analysis.confirmation
    return {
        "tuned": [part.chart for part in (tuned.parts if tuned else ()) if part.chart],
        "both": [part.chart for part in (confirmed.parts if confirmed else ()) if part.chart],
        "tuning": tuning.payload(analysis.tuning) if analysis.tuning else None,
        "confirmation": [_ranked(row) for row in (*fresh.baselines, *(one.fresh for one in fresh.rows))]
        if fresh
        else [],
    }


def _ranked(row: Ranked) -> Json:
    return {
        "variant": row.variant,
        "context": row.context,
        "changes": dict(row.changes),
        "verdict": row.verdict,
        "words": row.words,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "could_be_best": row.could_be_best,
        "mean": _finite(row.mean),
        "sd": _finite(row.sd),
        "n": row.n,
        "improvement": _finite(row.improvement),
        "low": _finite(row.interval.low) if row.interval else None,
        "high": _finite(row.interval.high) if row.interval else None,
        "p": _finite(row.p),
        "p_adjusted": _finite(row.p_adjusted),
        "q": _finite(row.q),
        "test": row.test,
        "wins": row.wins,
        "paired": row.paired,
        "done": row.done,
        "diverged": row.diverged,
        "failed": row.failed,
        "missing": row.missing,
        "parameters": row.parameters,
        **({} if row.flops is None else {"flops": row.flops}),
        "step_ms": _finite(row.step_ms),
        "published": _finite(row.reference),
        "seeds": [[seed.seed, _finite(seed.score), _finite(seed.improvement), seed.status] for seed in row.seeds],
    }


def _finite(value: float | None) -> float | None:
    return value if value is None or abs(value) < float("inf") else None
