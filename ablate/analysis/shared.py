"""One noise for all variants: the blocked two-way model, and the gate that says whether it may be used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy import stats

from ._table import Floats, ScoreTable
from .compare import MIN_SEEDS, Comparison
from .types import Interval

GATE = 0.99
"""The quantile of chi squared that no variant's residual sum of squares may exceed, measured by the median one."""

FEWEST = 3
"""So many variants, the baseline included, must share the noise."""


@dataclass(frozen=True, slots=True)
class SharedNoise:
    """The residuals of the additive model variant + seed in one context."""

    variants: tuple[str, ...]
    """Those of the model, the baseline among them: without a diverged run, and with every seed of the baseline."""
    seeds: tuple[bool, ...]
    """Which seeds of the table it is made of."""
    sd: float
    """Residual standard deviation, metric units; a difference of two scores of one seed has √2 times as much."""
    df: int
    ratio: float
    """The largest residual sum of squares of a variant over the median one."""
    bound: float
    """The largest that is taken for chance."""
    noisiest: str
    """The variant with it."""

    @property
    def passes(self) -> bool:
        """Whether the variants look alike enough."""
        return self.sd > 0 and self.ratio <= self.bound


def shared_noise(scores: pl.DataFrame, *, base: str) -> dict[str, SharedNoise]:
    """The common noise of each context that has at least two seeds and `FEWEST` variants to share it.

    The gate: the residual sum of squares of one variant is about chi squared with n - 1 degrees of freedom, so none may
    be above the median one by more than the 99 % quantile is above the median of that distribution.

    Args:
        scores: As for `effects`.
        base: The label of the baseline.
    """
    table = ScoreTable.of(scores)
    found = {}
    for index, context in enumerate(table.contexts):
        fitted = _fit(table, index, base)
        if fitted is not None:
            found[context] = fitted
    return found


def _fit(table: ScoreTable, index: int, base: str) -> SharedNoise | None:
    if base not in table.variants:
        return None
    values = table.values[index]
    seeds = np.isfinite(values[table.variants.index(base)])
    n = int(seeds.sum())
    rows = np.flatnonzero(np.isfinite(values[:, seeds]).all(axis=1) & (table.diverged[index] == 0))
    if n < 2 or len(rows) < FEWEST or table.variants.index(base) not in rows:
        return None
    residuals, df = residuals_of(values[np.ix_(rows, seeds)])
    squares = (residuals**2).sum(axis=1)
    middle = float(np.median(squares))
    worst = int(squares.argmax())
    return SharedNoise(
        variants=tuple(table.variants[row] for row in rows),
        seeds=tuple(seeds.tolist()),
        sd=float(np.sqrt(squares.sum() / df)),
        df=df,
        ratio=float(squares[worst]) / middle if middle > 0 else float("inf"),
        bound=float(stats.chi2.ppf(GATE, n - 1) / stats.chi2.ppf(0.5, n - 1)),
        noisiest=table.variants[rows[worst]],
    )


def residuals_of(values: Floats) -> tuple[Floats, int]:
    """What variant and seed leave of a complete table, variants x seeds, and its degrees of freedom."""
    residuals = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    rows, seeds = values.shape
    return residuals, (rows - 1) * (seeds - 1)


def with_shared_noise(
    found: Sequence[Comparison], noise: SharedNoise | None, *, alpha: float, margin: float | None
) -> list[Comparison]:
    """The comparisons of variants that share a noise with interval and p values from that noise.

    The contrast of two means of the model has the standard error ``sd * sqrt(2 / n)`` and the model's degrees of
    freedom. A variant's own standard deviation stays beside it.
    """
    if noise is None or not noise.passes:
        return list(found)
    n = sum(noise.seeds)
    error = noise.sd * np.sqrt(2 / n)
    reach = float(stats.t.ppf(1 - alpha / 2, noise.df)) * error
    made = []
    for item in found:
        mean = item.improvement or 0.0
        inside = None
        if margin is not None and n >= MIN_SEEDS:
            inside = float(stats.t.sf((margin - abs(mean)) / error, noise.df))
        made.append(
            replace(
                item,
                interval=Interval(mean - reach, mean + reach, 1 - alpha),
                p=float(2 * stats.t.sf(abs(mean) / error, noise.df)),
                equivalence_p=inside,
            )
        )
    return made
