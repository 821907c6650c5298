"""Variants side by side, two at a time, whether they are of one grid or of two."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ablate.store.schema import MetricRecord

from ._words import interval_text, number, p_value, plural
from .compare import Comparison
from .effects import effects
from .types import Verdict
from .verdicts import judge

_A, _B = "A", "B"


@dataclass(frozen=True, slots=True)
class Side:
    """The runs of one variant."""

    mean: float | None
    """Mean score over the seeds that have one."""
    sd: float | None
    """Sample standard deviation of the scores; None below two."""
    n: int
    """Runs with a score."""
    diverged: int
    failed: int
    missing: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Variant A against variant B."""

    a: Side
    b: Side
    comparison: Comparison
    """Its improvement is positive where A is better."""
    verdict: Verdict
    """On A, with B in the place of the baseline."""
    words: str
    """The verdict in words."""


def compare_pairs(
    pairs: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]],
    metric: MetricRecord,
    *,
    alpha: float = 0.05,
    margin: float | None = None,
) -> dict[str, Pair]:
    """Compare two variants per key, seed by seed. p values are not adjusted for the number of pairs.

    Args:
        pairs: A name -> the rows of A and of B, schema `SCORES`: one variant in one context each.
        metric: What was scored.
        alpha: Level of the tests, and one minus the level of the intervals.
        margin: Smallest difference that matters, in metric units.
    """
    columns = ("seed", "outcome", "score")
    parts = [
        rows.select(pl.lit(key).alias("context"), pl.lit(side).alias("variant"), *columns)
        for key, sides in pairs.items()
        for side, rows in zip((_A, _B), sides, strict=True)
    ]
    if not parts:
        return {}
    found = effects(pl.concat(parts), base=_B, goal=metric.goal, alpha=alpha, margin=margin)
    result = {}
    for effect in found:
        ours, theirs = pairs[effect.context]
        judgement = judge(effect, alpha=alpha, margin=margin, runs=len(ours))
        result[effect.context] = Pair(
            _side(ours),
            _side(theirs),
            effect.comparison,
            judgement.verdict,
            _about_a(judgement.verdict, judgement.words),
        )
    return result


def describe_pair(pair: Pair, metric: MetricRecord) -> str:
    """The difference with its interval, and which sign means what."""
    item = pair.comparison
    if item.improvement is None:
        return "no score on both sides, so there is no difference to show"
    unit = "" if metric.unit == "dimensionless" else f" {metric.unit}"
    facts = [interval_text(item.interval)] if item.interval else []
    facts += [p_value(item.p)] if item.p is not None else []
    facts += [f"{plural(item.n, 'paired seed')}" if item.paired else "unpaired"]
    better = "lower" if metric.goal == "minimize" else "higher"
    sign = "+" if item.improvement > 0 else ""
    return (
        f"A's lead is {sign}{number(item.improvement)}{unit} ({', '.join(facts)}); "
        f"positive means that A's {metric.name} is {better}, which is better"
    )


def _about_a(verdict: Verdict, words: str) -> str:
    """The words with a subject where they are about A."""
    return f"A is {words}" if verdict in {"better", "worse", "leaning", "unstable"} else words


def _side(rows: pl.DataFrame) -> Side:
    scores = rows["score"].drop_nulls()
    outcomes = rows["outcome"].to_list()
    return Side(
        mean=None if scores.is_empty() else float(scores.sum() / len(scores)),
        sd=float(sd) if len(scores) > 1 and isinstance(sd := scores.std(), float) else None,
        n=len(scores),
        diverged=outcomes.count("diverged"),
        failed=outcomes.count("failed"),
        missing=outcomes.count("missing"),
    )
