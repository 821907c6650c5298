"""What an analysis says, as plain frozen values. `report` draws exactly these and computes nothing."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from ablate.core import Goal, Status

from ._interval import Interval as Interval
from ._interval import Test as Test
from ._interval import Verdict as Verdict
from .evidence import Across, Cost, Factors, Secondary, Stability

ClaimVerdict = Literal["supported", "refuted", "undecided"]


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
    """t interval of the improvement, not adjusted for the number of variants unless it is simultaneous."""
    p: float | None
    p_adjusted: float | None
    """Holm-adjusted over the variants of this context, or of Dunnett's test, which allows for them."""
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
    flops: float | None = None
    """Floating-point operations of one update; None unless the grid asks for the column."""
    q: float | None = None
    """Benjamini and Hochberg's adjusted p value over the same variants: a false discovery rate. No verdict uses it."""
    shared: bool = False
    """Whether interval and p value rest on a noise that all variants share (``report.noise``)."""
    test: Test | None = None
    """Where the p values come from; None without any."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a careful reader must know before trusting the ranking."""

    level: Literal["good", "note", "warning"]
    title: str
    detail: str
    section: str = ""
    """The section of the report that shows the evidence: its id there, as ``failures``."""


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
    changes: tuple[tuple[str, str], ...] = ()
    """(dotted path, value in words) of its variant."""


@dataclass(frozen=True, slots=True)
class NuisanceAxis:
    """An axis that is tuned for each variant."""

    path: str
    levels: tuple[float, ...]
    """The values tried, ascending; empty unless all of them are numbers."""
    tried: tuple[str, ...]
    """The value of each candidate, in words."""
    numbers: tuple[float, ...]
    """The value of each candidate; empty unless all of them are numbers."""


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """One setting of the nuisance axes, as one variant did with it on the tuning seeds."""

    values: tuple[str, ...]
    """In words, one per nuisance axis."""
    mean: float | None
    """Mean score, in units of the metric that selects; None without a score."""
    n: int
    """Tuning seeds with a score."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A chosen value that is the first or the last one tried, so that the best one may lie beyond."""

    path: str
    value: str
    side: Literal["smallest", "largest"]
    beyond: str
    """A value to try next, spaced as the others are."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """How the setting of one variant in one context was chosen."""

    variant: str
    context: str
    candidates: tuple[CandidateScore, ...]
    """In the order of the grid."""
    chosen: int | None
    """Index into `candidates`; None while the tuning runs have not all ended."""
    edges: tuple[Edge, ...]
    alternatives: tuple[tuple[str, int | None], ...]
    """(way to read a score, candidate that it would choose); the grid's own way first. None if none was chosen yet."""
    tuning_score: float | None
    """Mean score of the chosen candidate on the tuning seeds."""
    fresh_score: float | None
    """Mean of the same score on the grid's seeds, which did not choose."""
    fresh_n: int
    optimism: float | None
    """How much better the tuning score looked than the fresh one; positive is the usual disappointment."""
    done: int
    diverged: int
    failed: int
    missing: int
    """Tuning runs, over all candidates."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the nuisance axes were tuned."""

    axes: tuple[NuisanceAxis, ...]
    seeds: tuple[int, ...]
    metric: str
    """Name of the series that selects."""
    goal: Goal
    at: str
    """How it becomes a score."""
    rows: tuple[Tuned, ...]
    """In the order of the ranking."""
    planned: int
    ended: int
    failures: tuple[Status, ...]
    """Each status of its failed runs once."""

    @property
    def chosen(self) -> tuple[Tuned, ...]:
        """The rows with a setting."""
        return tuple(row for row in self.rows if row.chosen is not None)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A chosen variant, as the screening saw it and as the fresh seeds do."""

    screening: Ranked | None
    """Its row of the ranking; None if the plan has no such variant any more."""
    fresh: Ranked
    """The comparison on the confirmation seeds; Holm-adjusted over the chosen variants of the context."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The best variants once more, on seeds that no selection has seen."""

    state: Literal["complete", "incomplete", "outdated", "rejected"]
    """``outdated``: made for another plan; ``rejected``: a seed was used before. Both are no evidence."""
    reason: str
    """Why it is outdated or rejected."""
    seeds: tuple[int, ...]
    rows: tuple[Confirmed, ...]
    """Contexts in the grid's order, each in the order of the choice; none if rejected."""
    baselines: tuple[Ranked, ...]
    """The baseline of each context, on the same seeds."""
    used: tuple[str, ...]
    """Contexts in which the headline rests on it."""
    planned: int
    ended: int
    top: int = 1
    """How many variants were chosen in a context, at most."""

    def inside(self, context: str) -> tuple[Confirmed, ...]:
        """The chosen variants of one context."""
        return tuple(row for row in self.rows if row.fresh.context == context)


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
    tuning: Tuning | None = None
    """None for a grid without nuisance axes."""
    confirmation: Confirmation | None = None
    """None before ``ablate confirm``."""
    factors: Factors | None = None
    """None if nothing but the baseline was planned."""
    cost: Cost | None = None
    """None if no cost is known."""
    stability: Stability | None = None
    """None with fewer than two variants or two seeds."""
    across: Across | None = None
    """None with fewer than three contexts."""
    secondary: tuple[Secondary, ...] = ()
    """The metrics that do not rank."""
    alpha: float = 0.05
    """Level of the tests; below that of the grid where seeds were added after a look."""
    looks: tuple[int, ...] = ()
    """How many seeds each earlier report had that showed tests on fewer seeds than there are now."""
