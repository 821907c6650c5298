"""What the seeds do: a bad seed or machine among the residuals, and ranks when the seeds are drawn again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._study import Study
from ._table import Floats, ScoreTable
from ._words import number, percent, plural
from .compare import MIN_SEEDS
from .evidence import ContextSeeds, RankRow, ResidualRow, SeedSpread, Stability

ROWS = 30
"""Residuals are kept of so many variants: of all, or of those that scatter most."""

RANKS = 15
"""So many variants, the best means, have their ranks drawn; ranks after this one are counted together."""

DRAWS = 2000
"""How often the seeds are drawn again."""

FAR = 5.0
"""A residual of more than so many typical ones is spoken of."""

Bools = NDArray[np.bool_]


def read_stability(study: Study) -> Stability | None:
    """What the seeds do in each context; None with fewer than two variants or two seeds."""
    if len(study.plan.variants) < 2 or len({run.seed for run in study.plan.runs}) < 2:
        return None
    return Stability(tuple(_context(study, context) for context in study.plan.contexts))


def _context(study: Study, context: str) -> ContextSeeds:
    table = ScoreTable.of(study.scores.filter(context=context))
    order = [row.variant for row in study.rows(context)]
    places = [table.variants.index(label) for label in order]
    sign = 1.0 if study.plan.metric.goal == "maximize" else -1.0
    values = sign * table.values[0, places] if len(table.contexts) else np.empty((0, 0))
    kept, residuals, shifts = centred(values)
    labels = [order[row] for row in np.flatnonzero(kept)]
    known = np.abs(residuals[np.isfinite(residuals)])
    typical = 1.4826 * float(np.median(known)) if known.size else None
    if typical is not None and typical <= 64 * np.finfo(np.float64).eps * np.nanmax(np.abs(values)):
        typical = 0.0
    spread = _rms(residuals, axis=1)
    shown = sorted(np.argsort(-spread, kind="stable")[:ROWS].tolist())
    seeds = tuple(
        SeedSpread(seed, float(shift), None if np.isnan(sd) else float(sd))
        for seed, shift, sd in zip(table.seeds, shifts, _rms(residuals, axis=0), strict=True)
        if np.isfinite(shift)
    )
    ranks, ranked, rank_seeds = _ranks(order, values, table.diverged[0, places] if order else np.zeros(0, np.int64))
    return ContextSeeds(
        context=context,
        words=_words(labels, table.seeds, residuals, typical),
        seeds=seeds,
        residuals=tuple(ResidualRow(labels[row], _plain(residuals[row][np.isfinite(shifts)])) for row in shown),
        variants=len(labels),
        typical=typical,
        ranks=ranks,
        ranked=ranked,
        rank_seeds=rank_seeds,
        draws=DRAWS if ranks else 0,
    )


def centred(values: Floats) -> tuple[Bools, Floats, Floats]:
    """Scores minus what variant and seed explain: the residuals of the additive model, by least squares.

    With every score present they are ``y - row mean - column mean + grand mean``; with gaps the same fit over the
    scores that there are (backfitting until nothing moves).

    Args:
        values: Variants x seeds; NaN where there is no score.

    Returns:
        Which variants have two scores or more, their residuals, and the effect of each seed (mean zero over the
        scores; NaN where none of these variants has one).
    """
    kept: Bools = np.isfinite(values).sum(axis=1) >= 2
    table = values[kept]
    present = np.isfinite(table)
    shifts = np.where(present.any(axis=0), 0.0, np.nan)
    if not present.any():
        return kept, table, shifts
    filled = np.where(present, table, 0.0)
    offset = filled.sum() / present.sum()
    filled = np.where(present, filled - offset, 0.0)
    rows, columns = np.zeros((len(table), 1)), np.zeros(table.shape[1])
    row_count, column_count = present.sum(axis=1, keepdims=True), np.maximum(present.sum(axis=0), 1)
    tolerance = 1e-12 * float(np.abs(filled).max())
    for _ in range(10_000):
        rows = np.where(present, filled - columns, 0.0).sum(axis=1, keepdims=True) / row_count
        moved = np.where(present, filled - rows, 0.0).sum(axis=0) / column_count
        change = float(np.abs(moved - columns).max())
        columns = moved
        if change <= tolerance:
            break
    residuals: Floats = np.where(present, filled - rows - columns, np.nan)
    weights = present.sum(axis=0)
    columns = columns - (columns * weights).sum() / weights.sum()
    return kept, residuals, np.where(np.isfinite(shifts), columns, np.nan)


def _rms(residuals: Floats, axis: int) -> Floats:
    count = np.isfinite(residuals).sum(axis=axis)
    square = np.where(np.isfinite(residuals), residuals, 0.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(square.sum(axis=axis) / count))


def _plain(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _ranks(order: Sequence[str], values: Floats, diverged: NDArray[np.int64]) -> tuple[tuple[RankRow, ...], int, int]:
    """The ranks of the stable variants over draws of the seeds that all of them have; nothing below three seeds."""
    stable = np.isfinite(values).any(axis=1) & (diverged == 0) if len(order) else np.zeros(0, dtype=np.bool_)
    table = values[stable]
    if len(table) < 2:
        return (), len(table), 0
    common = table[:, np.isfinite(table).all(axis=0)]
    k, n = common.shape
    if n < MIN_SEEDS:
        return (), k, n
    ranks = resampled_ranks(common)
    best = np.argsort(-common.mean(axis=1), kind="stable")[:RANKS]
    labels = [label for label, keep in zip(order, stable, strict=True) if keep]
    columns = min(k, RANKS + 1)
    rows = []
    for row in best.tolist():
        counts = np.bincount(np.minimum(ranks[:, row], columns) - 1, minlength=columns)
        low, high = np.quantile(ranks[:, row], [0.05, 0.95], method="inverted_cdf")
        rows.append(RankRow(labels[row], tuple((counts / DRAWS).tolist()), int(low), int(high)))
    return tuple(rows), k, n


def resampled_ranks(values: Floats) -> NDArray[np.int64]:
    """Draws x variants: the rank of each mean when the seeds are drawn again with replacement, from a fixed seed.

    Args:
        values: Variants x seeds, large is good, no NaN.
    """
    n = values.shape[1]
    draws = np.random.default_rng(0).integers(n, size=(DRAWS, n))
    weights = np.stack([(draws == seed).sum(axis=1) for seed in range(n)], axis=1) / n
    means = weights @ (values - values.mean()).T
    places = np.argsort(-means, axis=1, kind="stable")
    ranks = np.empty(means.shape, dtype=np.int64)
    np.put_along_axis(ranks, places, np.broadcast_to(np.arange(1, means.shape[1] + 1), means.shape), axis=1)
    return ranks


def _words(labels: Sequence[str], seeds: Sequence[int], residuals: Floats, typical: float | None) -> str:
    """The residual that stands out, if there is one."""
    if typical is None:
        return "No variant has two scores yet."
    size = np.where(np.isfinite(residuals), np.abs(residuals), -1.0)
    row, column = divmod(int(size.argmax()), size.shape[1])
    far = float(residuals[row, column])
    if typical == 0:
        return "Most scores are exactly what variant and seed explain: there is no noise to measure runs by."
    if abs(far) <= FAR * typical:
        return f"No run stands out: every residual is within {FAR:g} typical ones ({number(typical)})."
    where = f"{labels[row]} at seed {seeds[column]} is {'better' if far > 0 else 'worse'} by {number(abs(far))}"
    count = int((size > FAR * typical).sum())
    share = percent(round(count / max(int(np.isfinite(residuals).sum()), 1), 3))
    rest = f"; {plural(count, 'run')} ({share}) beyond {FAR:g}" if count > 1 else ""
    return (
        f"{where} than variant and seed explain, {abs(far) / typical:.1f} typical residuals ({number(typical)}){rest}. "
        "A seed or machine that is at fault shows as a column."
    )
