"""What an analysis says as typed frames: a row per variant, per effect, per run."""

from collections.abc import Iterable

import polars as pl

from .effects import Effect
from .types import Analysis, Ranked

RANKING = pl.Schema(
    {
        "context": pl.String,
        "variant": pl.String,
        "rank": pl.Int64,
        "rank_low": pl.Int64,
        "rank_high": pl.Int64,
        "could_be_best": pl.Boolean,
        "verdict": pl.String,
        "words": pl.String,
        "mean": pl.Float64,
        "sd": pl.Float64,
        "n": pl.Int64,
        "improvement": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "level": pl.Float64,
        "p": pl.Float64,
        "p_adjusted": pl.Float64,
        "q": pl.Float64,
        "shared": pl.Boolean,
        "test": pl.String,
        "wins": pl.Int64,
        "paired": pl.Boolean,
        "more_seeds": pl.Int64,
        "done": pl.Int64,
        "diverged": pl.Int64,
        "failed": pl.Int64,
        "missing": pl.Int64,
        "parameters": pl.Int64,
        "flops": pl.Float64,
        "step_ms": pl.Float64,
        "published": pl.Float64,
        "fresh_verdict": pl.String,
        "fresh_n": pl.Int64,
        "fresh_improvement": pl.Float64,
        "fresh_low": pl.Float64,
        "fresh_high": pl.Float64,
        "fresh_p_adjusted": pl.Float64,
    }
)
"""One row per variant and context, in the order of `Analysis.ranking`; see `Ranked`. ``low`` and ``high`` are the ends
of the interval of the improvement, ``level`` its coverage; the ``fresh_`` columns are those of the confirmation."""

SEED_SCORES = pl.Schema(
    {
        "context": pl.String,
        "variant": pl.String,
        "seed": pl.Int64,
        "status": pl.String,
        "score": pl.Float64,
        "improvement": pl.Float64,
    }
)
"""One row per planned run that ranks; see `SeedScore`."""

EFFECTS = pl.Schema(
    {
        "context": pl.String,
        "variant": pl.String,
        "n": pl.Int64,
        "paired": pl.Boolean,
        "improvement": pl.Float64,
        "sd": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "p_adjusted": pl.Float64,
        "alpha": pl.Float64,
        "equivalence_p": pl.Float64,
        "flip_p": pl.Float64,
        "rank_p": pl.Float64,
        "q": pl.Float64,
        "shared": pl.Boolean,
        "test": pl.String,
        "bootstrap_low": pl.Float64,
        "bootstrap_high": pl.Float64,
        "needed": pl.Int64,
        "diverged": pl.Int64,
    }
)
"""One row per context and variant other than the baseline; see `Effect`. ``sd`` is that of the paired differences,
``alpha`` the level that Holm's procedure, or Dunnett's test, demands of this p value."""


def ranking_frame(analysis: Analysis) -> pl.DataFrame:
    """The ranking, schema `RANKING`."""
    found = analysis.confirmation
    fresh = {(row.fresh.variant, row.fresh.context): row.fresh for row in (found.rows if found else ())}
    rows = [_ranked(row, fresh.get((row.variant, row.context))) for row in analysis.ranking]
    return pl.DataFrame(rows, schema=RANKING, orient="row")


def seed_frame(rows: Iterable[Ranked]) -> pl.DataFrame:
    """The scores behind some rows of a ranking, schema `SEED_SCORES`."""
    data = [
        (row.context, row.variant, seed.seed, seed.status, seed.score, seed.improvement)
        for row in rows
        for seed in row.seeds
    ]
    return pl.DataFrame(data, schema=SEED_SCORES, orient="row")


def effects_frame(effects: Iterable[Effect]) -> pl.DataFrame:
    """The comparisons with the baseline, schema `EFFECTS`."""
    rows = []
    for effect in effects:
        item, bootstrap = effect.comparison, effect.bootstrap
        rows.append(
            {
                "context": effect.context,
                "variant": effect.variant,
                "n": item.n,
                "paired": item.paired,
                "improvement": item.improvement,
                "sd": item.sd,
                "low": item.interval.low if item.interval else None,
                "high": item.interval.high if item.interval else None,
                "p": effect.p,
                "p_adjusted": effect.p_adjusted,
                "alpha": effect.level,
                "equivalence_p": item.equivalence_p,
                "flip_p": effect.flip_p,
                "rank_p": effect.rank_p,
                "q": effect.q,
                "shared": effect.shared,
                "test": effect.test,
                "bootstrap_low": bootstrap.low if bootstrap else None,
                "bootstrap_high": bootstrap.high if bootstrap else None,
                "needed": effect.needed,
                "diverged": effect.diverged,
            }
        )
    return pl.DataFrame(rows, schema=EFFECTS, orient="row")


def _ranked(row: Ranked, fresh: Ranked | None) -> dict[str, object]:
    interval, again = row.interval, fresh.interval if fresh else None
    return {name: getattr(row, name) for name in RANKING.names() if hasattr(row, name)} | {
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "level": interval.level if interval else None,
        "published": row.reference,
        "fresh_verdict": fresh.verdict if fresh else None,
        "fresh_n": fresh.n if fresh else None,
        "fresh_improvement": fresh.improvement if fresh else None,
        "fresh_low": again.low if again else None,
        "fresh_high": again.high if again else None,
        "fresh_p_adjusted": fresh.p_adjusted if fresh else None,
    }
