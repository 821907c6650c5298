"""What the sections on factors, cost and seeds say, as plain frozen values. None of it decides a verdict."""

from dataclasses import dataclass
from typing import Literal

from ._interval import Interval, Verdict

Design = Literal["full grid", "one at a time", "other"]
"""Every combination of some factors; one change from the baseline in each variant; anything else."""

CostKey = Literal["seconds", "flops", "parameters"]


# --- factors -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a factor, averaged over all others."""

    value: str
    """In words."""
    number: float | None
    """None unless all values of the factor are numbers."""
    of_baseline: bool
    mean: float
    """Mean score over the cells with this value, in metric units."""
    improvement: float
    """Over the reference of the factor, positive is better; 0 for the reference itself."""
    interval: Interval | None
    """t interval over the seeds, not adjusted; None for the reference, with one seed, and without noise."""


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """One factor of a full grid; numbers ascending, other values in the order of the grid."""

    name: str
    """Its dotted path, or several that change together."""
    reference: Literal["baseline", "mean"]
    """What improvements are over: the baseline's value, or the mean of all values where the baseline's is not one."""
    levels: tuple[Level, ...]
    best: int
    """Index of the level with the best mean."""
    edge: Literal["smallest", "largest", ""]
    """Which end of three or more numbers the best one is."""
    beyond: str
    """A value to try next, where there is an edge."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """How far the cells of two factors are from the sum of their effects, averaged over all other factors."""

    names: tuple[str, str]
    rows: tuple[str, ...]
    """Values of the first factor."""
    columns: tuple[str, ...]
    """Values of the second factor."""
    cells: tuple[tuple[float, ...], ...]
    """Metric units, positive is better than the sum."""


@dataclass(frozen=True, slots=True)
class Term:
    """One row of the analysis of variance."""

    name: str
    kind: Literal["factor", "interaction", "higher", "seed", "residual"]
    df: int
    sum_sq: float
    share: float | None
    """Of the variance: omega squared, which may be negative; with one seed, eta squared. None if nothing varies."""
    f: float | None
    p: float | None
    """Of the F test against the residual, not adjusted; None without a residual, and for the seed."""


@dataclass(frozen=True, slots=True)
class FullGrid:
    """A full grid in one context."""

    context: str
    words: str
    cells: int
    n: int
    """Seeds that every cell finished: only these count."""
    left_out: int
    """Seeds that at least one cell lacks."""
    measure: Literal["omega squared", "eta squared", ""]
    factors: tuple[FactorEffect, ...]
    interactions: tuple[Interaction, ...]
    """All pairs of factors, the largest share first."""
    terms: tuple[Term, ...]
    """Factors, interactions of two (the largest share first in each), those of three and more, seed, residual."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change from the baseline and its effect, as in the ranking."""

    context: str
    variant: str
    words: str
    """``path: before → after``."""
    improvement: float
    interval: Interval | None
    n: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Importance:
    """What a model says of the paths in one context."""

    context: str
    runs: int
    """That the model was fitted to."""
    shares: tuple[tuple[str, float], ...]
    """(path, its share of all importance), the largest first."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What the changes do, apart and together."""

    design: Design
    words: str
    """What the design is, and what can be said of it."""
    grids: tuple[FullGrid, ...]
    """One per context of a full grid."""
    changes: tuple[Change, ...]
    """Of a one-at-a-time design: contexts in the grid's order, the largest effect first in each."""
    importance: tuple[Importance, ...] = ()
    """Of any other design, from a model, where optuna is installed."""


# --- cost --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CostAxis:
    """A cost by which the variants of a context differ."""

    key: CostKey
    label: str
    unit: str
    comparable: bool
    """False for times that were measured on different hardware; then there is no front."""
    front: tuple[str, ...]
    """Variants that no other beats in both mean score and cost, the cheapest first."""


@dataclass(frozen=True, slots=True)
class CostRow:
    """What one variant costs."""

    variant: str
    verdict: Verdict
    mean: float | None
    n: int
    """Runs with a score."""
    parameters: int | None
    flops: float | None
    """Floating-point operations of one run up to its budget; None unless the grid asks for the column."""
    step_ms: float | None
    """Median milliseconds per update and lane."""
    seconds: float | None
    """Median over the runs of a run's share of training time up to its budget, compilation excluded."""
    hardware: tuple[str, ...]
    """What its runs were trained on, if it is known."""
    target_steps: float | None
    """Median over the seeds of the first recorded step at the target; infinite if most never reach it."""
    target_seconds: float | None
    """The same as training time."""
    reached: int
    """Seeds that reach the target."""
    tried: int
    """Seeds of which it is known whether they reach it: a run that has not ended is not among them unless it has."""
    speed_up: float | None
    """Median over the seeds of the baseline's steps to the target over ours; 0 if most never reach it."""
    speed_up_seconds: float | None
    """The same in training time, only of pairs of runs on the same hardware."""
    overfit: float | None
    """Median over the finished runs of last / best validation loss; 1 means that it was best at the end."""
    overfit_n: int


@dataclass(frozen=True, slots=True)
class ContextCost:
    """The costs of one context."""

    context: str
    axes: tuple[CostAxis, ...]
    rows: tuple[CostRow, ...]
    """In the order of the ranking."""
    target: float | None
    """The declared target; None if it is the baseline's last value of the same seed."""
    hardware: tuple[str, ...]
    """Every kind of hardware that took part."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the variants cost, and how soon they reach the target."""

    words: str
    target: str
    """What the target is."""
    overfit: str
    """The series of the overfit ratio; empty if there is none."""
    contexts: tuple[ContextCost, ...]


# --- seeds -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResidualRow:
    """One variant: each seed's score minus what the variant and the seed explain; positive is better."""

    variant: str
    values: tuple[float | None, ...]
    """None where there is no score."""


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """One seed over all variants."""

    seed: int
    shift: float
    """How much better its scores are than those of the others, metric units."""
    sd: float | None
    """Root mean square of its residuals."""


@dataclass(frozen=True, slots=True)
class RankRow:
    """Where one variant lands when the seeds are drawn again."""

    variant: str
    shares: tuple[float, ...]
    """Share of the draws with rank 1, 2, ...; the last one is that of all further ranks where there are more."""
    low: int
    """5 % quantile of its rank."""
    high: int
    """95 % quantile."""


@dataclass(frozen=True, slots=True)
class ContextSeeds:
    """The seeds of one context."""

    context: str
    words: str
    seeds: tuple[SeedSpread, ...]
    residuals: tuple[ResidualRow, ...]
    """In the order of the ranking; at most `ablate.analysis.stability.ROWS`, then those that scatter most."""
    variants: int
    """How many variants have residuals."""
    typical: float | None
    """Robust standard deviation of the residuals, 1.4826 times the median size."""
    ranks: tuple[RankRow, ...]
    """The best means first; at most `ablate.analysis.stability.RANKS`."""
    ranked: int
    """How many variants were ranked in each draw."""
    rank_seeds: int
    """How many seeds were drawn from."""
    draws: int


@dataclass(frozen=True, slots=True)
class Stability:
    """What the seeds do to the scores and to the ranks."""

    contexts: tuple[ContextSeeds, ...]


# --- all contexts together -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AcrossRow:
    """One variant over all contexts; gains are in percent of the baseline's mean score of the same context."""

    variant: str
    iqm: float
    """Interquartile mean of the gains of its runs."""
    interval: Interval | None
    """Of draws of the seeds inside each context; None if a context has one seed."""
    runs: int
    better: int
    """Contexts in which its verdict is better."""
    worse: int
    worst: float
    """Mean gain in the context that is worst for it."""
    profile: tuple[float, ...]
    """Share of its runs that gain so much or more, for each threshold."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Two variants over the contexts."""

    names: tuple[str, str]
    gain: float
    """Mean gain of the first over the second, percentage points."""
    wins: int
    """Contexts in which the first has the larger mean gain."""
    losses: int
    p: float
    """Wilcoxon's signed-rank test over the contexts, two-sided."""
    p_adjusted: float
    """Holm-adjusted over all pairs."""
    decided: bool


@dataclass(frozen=True, slots=True)
class Across:
    """All contexts together."""

    words: str
    contexts: int
    thresholds: tuple[float, ...]
    """Gains at which the profiles are read, ascending."""
    rows: tuple[AcrossRow, ...]
    """The best interquartile mean first; at most `ablate.analysis.across.ROWS`."""
    variants: int
    """How many have a score in every context."""
    left_out: int
    draws: int
    duels: tuple[Duel, ...]
    """Every pair of the best and the baseline; none below `ablate.analysis.across.MATRIX` contexts."""


# --- other metrics -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecondaryRow:
    """One variant by a metric that does not rank."""

    variant: str
    mean: float | None
    """Of the last values of its finished runs."""
    difference: float | None
    """Mean paired difference from the baseline, as it is: larger is not always better. None for the baseline."""
    interval: Interval | None
    n: int
    """Seeds behind the difference; for the baseline, behind its mean."""


@dataclass(frozen=True, slots=True)
class Secondary:
    """A metric that does not rank, in one context; it has intervals and no verdict."""

    metric: str
    context: str
    rows: tuple[SecondaryRow, ...]
    """In the order of the ranking."""
