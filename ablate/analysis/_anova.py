"""Analysis of variance of a full grid with one score per cell and seed: the seeds are the blocks."""

from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Literal

import numpy as np
from scipy import stats

from ._table import Floats
from .evidence import Term

Measure = Literal["omega squared", "eta squared", ""]
Kind = Literal["factor", "interaction", "higher", "seed", "residual"]

_ORDER: tuple[Kind, ...] = ("factor", "interaction", "higher", "seed", "residual")

_NOTHING = (64 * float(np.finfo(np.float64).eps)) ** 2
"""A mean square below this, of values up to 1, is rounding."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the sum of squares, of values up to 1."""

    kind: Kind
    name: str
    df: int
    square: float


def effects_of(values: Floats, axes: tuple[int, ...]) -> Floats:
    """The effect of some axes together, beyond those of fewer of them: zero mean along each; other axes have length 1.

    For one axis its means minus the grand mean; for two the means of their cells minus both effects and the grand mean.
    """
    rest = tuple(axis for axis in range(values.ndim) if axis not in axes)
    effect: Floats = values.mean(axis=rest, keepdims=True)
    for axis in axes:
        effect = effect - effect.mean(axis=axis, keepdims=True)
    return effect


def decompose(values: Floats, names: tuple[str, ...]) -> tuple[Measure, list[Term]]:
    """Split the sum of squares of a balanced design; the parts are orthogonal, so their order does not matter.

    The model has every effect and interaction of the factors and the seed as a block; what is left, the interaction of
    seed and cell, is the residual, against which all is tested. Interactions of three and more factors are one term.
    The numbers are those of ``statsmodels.stats.anova.anova_lm`` of the same model; in a balanced design they are sums
    of squared means, so that hundreds of cells need no design matrix.

    With one seed there is no residual: no test, and shares are eta squared, the term's part of the sum of squares.

    Args:
        values: One axis per factor, the seeds last; no NaN.
        names: Of the factors.

    Returns:
        The measure of the shares, and the terms: factors and interactions by share, higher, seed, residual.

    References:
        Olejnik and Algina (2003), Generalized eta and omega squared statistics.
    """
    scale = float(np.abs(values).max())
    values = (values - values.mean()) / (scale or 1.0)
    factors, seeds = values.ndim - 1, values.shape[-1]
    count = values.size
    axes = tuple(range(factors))

    def square(effect: Floats) -> float:
        return float((effect**2).sum() * (count / effect.size))

    def freedom(some: tuple[int, ...]) -> int:
        return prod(values.shape[axis] - 1 for axis in some)

    mains = [Part("factor", names[axis], freedom((axis,)), square(effects_of(values, (axis,)))) for axis in axes]
    pairs = [
        Part("interaction", f"{names[one]} × {names[two]}", freedom((one, two)), square(effects_of(values, (one, two))))
        for one, two in combinations(axes, 2)
    ]
    parts = [*mains, *pairs]
    cells = values.mean(axis=-1, keepdims=True)
    cell_df = prod(values.shape[:-1]) - 1
    if factors > 2:
        known = [(axis,) for axis in axes] + list(combinations(axes, 2))
        higher = cells - np.sum([np.broadcast_to(effects_of(values, some), cells.shape) for some in known], axis=0)
        df = cell_df - sum(part.df for part in parts)
        parts.append(Part("higher", "interactions of 3 and more", df, square(higher)))
    error: Part | None = None
    if seeds > 1:
        shift = values.mean(axis=axes, keepdims=True)
        error = Part("residual", "residual", cell_df * (seeds - 1), square(values - cells - shift))
        parts += [Part("seed", "seed", seeds - 1, square(shift)), error]
    total = square(values)
    measure: Measure = "omega squared" if error else "eta squared"
    if total <= _NOTHING * count:
        return "", [Term(part.name, part.kind, part.df, 0.0, None, None, None) for part in parts]
    terms = [_term(part, scale, total, error, count) for part in parts]
    terms.sort(key=lambda term: (_ORDER.index(term.kind), -(term.share or 0.0)))
    return measure, terms


def _term(part: Part, scale: float, total: float, error: Part | None, count: int) -> Term:
    """One row: omega squared is (SS - df MSE) / (total SS + MSE), and the residual has what all others leave."""
    f = p = None
    if error is None:
        share = part.square / total
    else:
        noise = error.square / error.df
        share = (part.square - part.df * noise if part is not error else noise * count) / (total + noise)
        if part.kind not in ("residual", "seed") and noise > _NOTHING:
            f = part.square / part.df / noise
            p = float(stats.f.sf(f, part.df, error.df))
    return Term(part.name, part.kind, part.df, part.square * scale**2, share, f, p)
