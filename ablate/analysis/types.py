"""What an analysis says, as plain frozen values. `report` draws exactly these and computes nothing."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from ablate.core import Status

Verdict = Literal["baseline", "better", "worse", "equivalent", "undecided", "leaning", "unstable", "not tested"]
"""The named conclusion about a variant; ``equivalent`` only when the grid declares a margin."""

ClaimVerdict = Literal["supported", "refuted", "undecided"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; ``level`` is its nominal coverage, 0.95 for 95 %."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class SeedScore:
    """The score of one run, and its improvement over the baseline's run with the same seed."""

    seed: int
    score: float | None
    """None where the run diverged, failed, or is missing."""
    improvement: float | None
    """Positive is better, whatever the goal; None without a partner."""
    status: Status | None
    """None where the run has not ended."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of the ranking: a variant inside a context, compared with that context's baseline."""

    variant: str
    context: str
    changes: tuple[tuple[str, str], ...]
    """(dotted path, value in words), where it differs from the base."""
    verdict: Verdict
    words: str
    """The verdict in words: "better by more than the margin", "undecided (about 6 more seeds)", ..."""
    mean: float | None
    """Mean score, in metric units, over the seeds that have one."""
    sd: float | None
    """Sample standard deviation of the scores; None below two."""
    n: int
    """Seeds that stand behind the comparison (paired with the baseline's); for the baseline, its scores."""
    improvement: float | None
    """Mean paired difference, positive is better; 0 for the baseline."""
    interval: Interval | None
    """t interval of the improvement, not adjusted for the number of variants."""
    p: float | None
    p_adjusted: float | None
    """Holm-adjusted over the variants of this context."""
    wins: int
    """Seeds in which this variant beat the baseline."""
    seeds: tuple[SeedScore, ...]
    done: int
    diverged: int
    failed: int
    missing: int
    rank: int | None
    """1 is the best mean; None without a score."""
    rank_low: int | None
    rank_high: int | None
    could_be_best: bool
    more_seeds: int | None
    """For an undecided variant: about how many more seeds would decide it at 80 % power; None if it cannot be said."""
    paired: bool
    parameters: int | None
    step_ms: float | None
    """Median milliseconds per optimiser update and lane."""
    reference: float | None
    """The published value of this variant, if the grid gives one."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a careful reader must know before trusting the ranking."""

    level: Literal["good", "note", "warning"]
    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim of the grid file, judged."""

    text: str
    verdict: ClaimVerdict
    evidence: str


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """How our order of the variants compares with a published one."""

    source: str
    metric: str
    rows: tuple[tuple[str, float, float | None], ...]
    """(variant, published value, our mean score)."""
    rank_correlation: float | None
    """Spearman's rho between published values and our means, same direction; None below three pairs."""
    p: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that diverged or failed."""

    variant: str
    context: str
    seed: int
    status: Status
    step: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """Everything the report says about one grid."""

    headline: str
    """One generated sentence: the verdict, or what would decide it."""
    summary: tuple[str, ...]
    """Further sentences for the first screen."""
    ranking: tuple[Ranked, ...]
    """Contexts in the grid's order; inside each the best mean first, variants without a score last."""
    flags: tuple[Flag, ...]
    claims: tuple[ClaimResult, ...]
    reference: ReferenceResult | None
    failures: tuple[Failure, ...]
    suggestions: tuple[tuple[str, str], ...]
    """(why, command to copy)."""
    methods: str
    """A paragraph that says which tests were made and why."""
    planned: int
    done: int
    diverged: int
    failed: int
    missing: int
    noise_sd: float | None
    """Pooled standard deviation of the paired differences (about their own means)."""
    seed_correlation: float | None
    """Median correlation, over variants, of a variant's scores with the baseline's over seeds."""
    smallest_detectable: float | None
    """Improvement that a paired t-test at this n and adjusted level would find with 80 % power."""
    tests: int
    """How many tests the p values are adjusted for, in the largest context."""
    curves: pl.DataFrame
    """Columns variant, context, seed, metric, step, value: every recorded series up to the grid's budget."""
