"""Dunnett's test: every variant against a baseline that shares no seeds with them, by one noise for all."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats

from ablate.core import Goal

from ._table import Floats, ScoreTable
from .compare import MIN_SEEDS, Comparison, compare
from .shared import FEWEST, GATE
from .types import Interval

SEED_GATE = 0.05
"""Below this p value of the F test for seeds, the variants' scores of one seed count as dependent."""

MOST = 20
"""Above this many variants the integral over all of them takes too long, and Welch's test stays."""

_TRIES = 3
"""Generators with which the search for the critical value is tried."""


@dataclass(frozen=True, slots=True)
class UnpairedNoise:
    """The scatter of the scores of each variant about its own mean, in a context without pairs."""

    variants: tuple[str, ...]
    """The baseline first, then those with two scores or more and no diverged run."""
    sd: float
    """Pooled standard deviation of a score, metric units."""
    df: int
    ratio: float
    """The noisiest variant's sum of squares over the median one; each by the median of its chi squared."""
    bound: float
    """The largest that is taken for chance."""
    noisiest: str
    seeds_p: float | None
    """F test that the variants' scores move together over the seeds that they have in common; None without such."""
    count: int
    """All variants but the baseline, tested or not."""

    @property
    def problem(self) -> Literal["", "noise", "seeds", "many"]:
        """Why Dunnett's test may not be used; empty if it may."""
        if not (self.sd > 0 and self.ratio <= self.bound):
            return "noise"
        if self.seeds_p is not None and self.seeds_p < SEED_GATE:
            return "seeds"
        return "many" if self.count > MOST else ""


@dataclass(frozen=True, slots=True)
class Joint:
    """What Dunnett's test adds to a comparison."""

    comparison: Comparison
    """With the noise of all variants: its interval is simultaneous, its p value that of the one contrast."""
    p: float
    """Of Dunnett's test: it allows for all variants of the context."""
    level: float
    """The level of a single contrast at the critical value of the family."""


def unpaired_noise(scores: pl.DataFrame, *, base: str) -> dict[str, UnpairedNoise]:
    """The noise of each context in which no variant has two seeds in common with the baseline.

    A context where some variant has is none of these, nor one with fewer than `FEWEST` variants to share the noise.

    Args:
        scores: As for `effects`.
        base: The label of the baseline.
    """
    table = ScoreTable.of(scores)
    if base not in table.variants:
        return {}
    fitted = {context: _fit(table, index, table.variants.index(base)) for index, context in enumerate(table.contexts)}
    return {context: noise for context, noise in fitted.items() if noise is not None}


def dunnett(
    table: ScoreTable,
    context: str,
    found: Mapping[str, Comparison],
    noise: UnpairedNoise,
    *,
    goal: Goal,
    alpha: float,
    margin: float | None,
) -> dict[str, Joint]:
    """``scipy.stats.dunnett`` with its simultaneous intervals, for the variants of `noise`.

    A variant that cannot be tested takes part with a single score, the baseline's mean: that adds a comparison and no
    noise, as p = 1 does in Holm's procedure. The generator is seeded, and the order of the variants is that of their
    scores, so that neither time nor order changes a digit. The p value is kept between those without a correction and
    with Šidák's, which bound it exactly where the random integration is too coarse.

    Args:
        table: All scores.
        context: Which of them.
        found: Variant -> its comparison by its own noise.
        noise: That of the context; it passes.
        goal: Whether a small or a large score is better.
        alpha: One minus the joint level of the intervals.
        margin: Smallest difference that matters, in metric units.

    References:
        Dunnett (1955), A multiple comparison procedure for comparing several treatments with a control.
    """
    base, *tested = noise.variants
    scale = noise.sd if goal == "maximize" else -noise.sd
    rows = {variant: _known(table.row(context, variant)) for variant in noise.variants}
    center = rows[base].mean()
    groups = {variant: tuple(np.sort((row - center) / scale).tolist()) for variant, row in rows.items()}
    samples = sorted(groups[variant] for variant in tested)
    family = [*samples, *[(0.0,)] * (noise.count - len(tested))]
    joint = stats.dunnett(*family, control=groups[base], rng=np.random.default_rng(0)).pvalue
    p_of = dict(zip(reversed(samples), reversed(joint[: len(samples)].tolist()), strict=True))
    critical = _critical_value(family, groups[base], noise.df, alpha)
    made = {}
    for variant in tested:
        item, n = found[variant], len(groups[variant])
        error = noise.sd * np.sqrt(1 / n + 1 / len(groups[base]))
        mean = item.improvement or 0.0
        alone = float(2 * stats.t.sf(abs(mean) / error, noise.df))
        sidak = float(-np.expm1(noise.count * np.log1p(-alone))) if alone < 1 else 1.0
        inside = None
        if margin is not None and item.n >= MIN_SEEDS:
            inside = float(stats.t.sf((margin - abs(mean)) / error, noise.df))
        reach = critical * error
        made[variant] = Joint(
            replace(
                item,
                interval=Interval(float(mean - reach), float(mean + reach), 1 - alpha, simultaneous=True),
                p=alone,
                equivalence_p=inside,
            ),
            p=min(max(p_of[groups[variant]], alone), sidak),
            level=float(2 * stats.t.sf(critical, noise.df)),
        )
    return made


def _critical_value(family: Sequence[Sequence[float]], control: Sequence[float], df: int, alpha: float) -> float:
    """What the simultaneous intervals multiply the standard errors with.

    SciPy looks for it with a noisy integral and warns where it did not find it; then other generators are tried, and
    at last Šidák's bound is taken, which is a little larger. The scores are in units of their noise.
    """
    bound = float(stats.t.isf(-np.expm1(np.log1p(-alpha) / len(family)) / 2, df))
    for seed in range(_TRIES):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                test = stats.dunnett(*family, control=control, rng=np.random.default_rng(seed))
                interval = test.confidence_interval(1 - alpha)
            except UserWarning:
                continue
        width = np.asarray(interval.high - interval.low)[0]
        return min(float(width / 2 / np.sqrt(1 / len(family[0]) + 1 / len(control))), bound)
    return bound


def _fit(table: ScoreTable, index: int, base: int) -> UnpairedNoise | None:
    values = table.values[index]
    baseline = values[base]
    others = np.array([row for row in range(len(values)) if row != base], dtype=np.int64)
    common = (np.isfinite(values[others]) & np.isfinite(baseline)).sum(axis=1)
    if table.diverged[index, base] or np.isfinite(baseline).sum() < 2 or (common >= 2).any():
        return None
    found = compare(values[others], np.broadcast_to(baseline, values[others].shape))
    tested = [
        row
        for row, item in zip(others.tolist(), found, strict=True)
        if item.n >= 2 and item.shape == "varied" and not table.diverged[index, row]
    ]
    rows = [base, *tested]
    if len(rows) < FEWEST:
        return None
    each = [_known(values[row]) for row in rows]
    freedom = np.array([len(row) - 1 for row in each])
    squares = np.array([float(((row - row.mean()) ** 2).sum()) for row in each])
    typical = squares / stats.chi2.ppf(0.5, freedom)
    middle = float(np.median(typical))
    ratios = typical / middle if middle > 0 else np.full(len(rows), np.inf)
    bounds: Floats = np.asarray(stats.chi2.ppf(GATE, freedom) / stats.chi2.ppf(0.5, freedom))
    worst = int((ratios / bounds).argmax())
    sd = float(np.sqrt(squares.sum() / freedom.sum()))
    return UnpairedNoise(
        variants=tuple(table.variants[row] for row in rows),
        sd=sd,
        df=int(freedom.sum()),
        ratio=float(ratios[worst]),
        bound=float(bounds[worst]),
        noisiest=table.variants[rows[worst]],
        seeds_p=_seeds_p(values[rows] / sd) if sd > 0 else None,
        count=len(others),
    )


def _seeds_p(values: Floats) -> float | None:
    """F test of the seeds in the additive model variant + seed, which need not be complete; None if it has no room."""
    variant, seed = np.nonzero(np.isfinite(values))
    means = np.array([float(_known(row).mean()) for row in values])
    scores = values[variant, seed] - means[variant]
    columns = np.hstack([np.eye(len(values))[variant], np.eye(values.shape[1])[seed]])
    coefficients, _, rank, _ = np.linalg.lstsq(columns, scores)
    extra, left = int(rank) - len(values), len(scores) - int(rank)
    if extra < 1 or left < 1:
        return None
    residual = float(((scores - columns @ coefficients) ** 2).sum())
    explained = max(float((scores**2).sum()) - residual, 0.0)
    if residual <= np.finfo(np.float64).eps:
        return 0.0
    return float(stats.f.sf(explained / extra / (residual / left), extra, left))


def _known(row: Floats) -> Floats:
    return row[np.isfinite(row)]
