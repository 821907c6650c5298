"""What the changes do, apart and together: main effects and interactions of a full grid, or one change at a time."""

from dataclasses import replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from ._anova import decompose, effects_of
from ._design import Crossed, Factor, crossed, one_at_a_time
from ._study import Study, base_value
from ._table import Floats, ScoreTable
from ._words import listed, percent, plural, value_text
from .compare import compare
from .evidence import Change, FactorEffect, Factors, FullGrid, Interaction, Level
from .importance import INSTALL, is_installed, read_importance
from .tuning import LEVELS, next_level


def read_factors(study: Study) -> Factors | None:
    """What the factors of a grid do; None if nothing but the baseline was planned."""
    if len(study.plan.variants) < 2:
        return None
    design = crossed(study.plan)
    if design is not None:
        grids = tuple(_full_grid(study, design, context) for context in study.plan.contexts)
        return Factors("full grid", _design_words(design), grids, ())
    if one_at_a_time(study.plan):
        words = (
            "One change at a time: every variant differs from the baseline in one change, so nothing is known of how "
            "changes act together."
        )
        return Factors("one at a time", words, (), tuple(_changes(study)))
    words = (
        "The variants are neither all combinations of some factors nor one change each, so no effect of a single "
        "factor can be told apart without a model"
    )
    found = read_importance(study)
    if found:
        words += (
            ". Model-based importance, by optuna's PED-ANOVA: how far the best tenth of the runs differs from all of "
            "them in one path. A path that does nothing has some share, too; nothing is tested, and no verdict rests "
            "on it."
        )
    elif is_installed():
        words += ", and none is assumed."
    else:
        words += f", and none is assumed. With optuna there is one of importance: {INSTALL}."
    return Factors("other", words, (), (), found)


def _design_words(design: Crossed) -> str:
    sizes = [f"{factor.name} ({len(factor.values)})" for factor in design.factors]
    beside = any(factor.baseline is None for factor in design.factors)
    text = f"A full grid: all {len(design.cells)} combinations of {listed(sizes, len(sizes))}"
    return text + ("; the baseline is not one of them, and counts nowhere here." if beside else ".")


# --- a full grid -------------------------------------------------------------------------------------------------


def _full_grid(study: Study, design: Crossed, context: str) -> FullGrid:
    values, missing = _values(study, design, context)
    complete = np.isfinite(values).all(axis=tuple(range(values.ndim - 1)))
    n, left_out = int(complete.sum()), int((~complete).sum())
    if not n:
        words = f"No seed has a score in all {len(design.cells)} cells; without one: {listed(missing)}."
        return FullGrid(context, words, len(design.cells), 0, left_out, "", (), (), ())
    values = values[..., complete]
    measure, terms = decompose(values, tuple(factor.name for factor in design.factors))
    sign = 1.0 if study.plan.metric.goal == "maximize" else -1.0
    shares = {term.name: term.share or 0.0 for term in terms}
    interactions = [_interaction(design, values, axes, sign) for axes in combinations(range(len(design.factors)), 2)]
    interactions.sort(key=lambda one: -shares[" × ".join(one.names)])
    found = FullGrid(
        context=context,
        words="",
        cells=len(design.cells),
        n=n,
        left_out=left_out,
        measure=measure,
        factors=tuple(_factor(study, factor, values, axis) for axis, factor in enumerate(design.factors)),
        interactions=tuple(interactions),
        terms=tuple(terms),
    )
    return replace(found, words=_grid_words(found, missing))


def _values(study: Study, design: Crossed, context: str) -> tuple[Floats, list[str]]:
    """Scores of the cells, one axis per factor and the seeds last, and the variants that lack some."""
    table = ScoreTable.of(study.scores.filter(context=context))
    shape = tuple(len(factor.values) for factor in design.factors)
    values = np.full((*shape, max(len(table.seeds), 1)), np.nan)
    missing = []
    for place, label in design.cells.items():
        if label in table.variants:
            values[place] = table.row(context, label)
        if not np.isfinite(values[place]).all():
            missing.append(label)
    return values, missing


def _factor(study: Study, factor: Factor, values: Floats, axis: int) -> FactorEffect:
    others = tuple(other for other in range(values.ndim - 1) if other != axis)
    means = values.mean(axis=others)
    theirs = means.mean(axis=0) if factor.baseline is None else means[factor.baseline]
    goal, alpha = study.plan.metric.goal, study.plan.report.alpha
    found = compare(means, np.broadcast_to(theirs, means.shape), goal=goal, alpha=alpha)
    levels = tuple(
        Level(
            value=value,
            number=factor.numbers[index] if factor.numbers else None,
            of_baseline=index == factor.baseline,
            mean=float(means[index].mean()),
            improvement=item.improvement or 0.0,
            interval=None if index == factor.baseline else item.interval,
        )
        for index, (value, item) in enumerate(zip(factor.values, found, strict=True))
    )
    best = max(range(len(levels)), key=lambda index: levels[index].improvement)
    edge: Literal["smallest", "largest", ""] = ""
    beyond = ""
    if len(factor.numbers) >= LEVELS and best in (0, len(levels) - 1):
        edge = "smallest" if best == 0 else "largest"
        beyond = next_level(factor.numbers[::-1] if best == 0 else factor.numbers, whole=factor.whole) or ""
    return FactorEffect(factor.name, "mean" if factor.baseline is None else "baseline", levels, best, edge, beyond)


def _interaction(design: Crossed, values: Floats, axes: tuple[int, int], sign: float) -> Interaction:
    one, two = (design.factors[axis] for axis in axes)
    cells = sign * effects_of(values, axes).reshape(len(one.values), len(two.values))
    return Interaction((one.name, two.name), one.values, two.values, tuple(tuple(row) for row in cells.tolist()))


def _grid_words(found: FullGrid, missing: list[str]) -> str:
    """What stands out, in a sentence or two."""
    counted = f"{plural(found.n, 'seed')} of each of {found.cells} cells"
    if found.left_out:
        counted += f"; {plural(found.left_out, 'seed')} left out, without a score for {listed(missing)}"
    if not found.measure:
        return f"Nothing varies ({counted})."
    parts = [
        f"{_share(term.share)} {term.name}"
        for term in sorted(found.terms, key=lambda term: -(term.share or 0.0))
        if term.kind in ("factor", "interaction", "higher") and (term.share or 0.0) >= 0.005
    ]
    text = f"Of the variance of the scores: {listed(parts, 4)}" if parts else "No factor explains any of the variance"
    noise = [f"{_share(term.share)} {term.name}" for term in found.terms if term.kind in ("seed", "residual")]
    text += f"; {listed(noise)}" if noise else ""
    if found.measure == "eta squared":
        counted += ", so noise cannot be told from effects, and every share holds some of it"
    edges = [
        f"{factor.name}={factor.levels[factor.best].value} is the {factor.edge} tried"
        + (f" ({factor.beyond} would be next)" if factor.beyond else "")
        for factor in found.factors
        if factor.edge
    ]
    text += f" ({counted})."
    return text + (f" Best at the edge of its range: {listed(edges)}." if edges else "")


def _share(share: float | None) -> str:
    return "about 0 %" if share is None or abs(share) < 0.005 else percent(round(share, 2))


# --- one change at a time ----------------------------------------------------------------------------------------


def _changes(study: Study) -> list[Change]:
    """The effects of the ranking, those of each context by size."""
    order = {context: place for place, context in enumerate(study.plan.contexts)}
    variants = {variant.label: variant for variant in study.plan.variants}
    found = [
        Change(
            context=row.context,
            variant=row.variant,
            words=_change_words(study, row.context, variants[row.variant].changes),
            improvement=row.improvement,
            interval=row.interval,
            n=row.n,
            verdict=row.verdict,
        )
        for row in study.ranking
        if row.verdict != "baseline" and row.improvement is not None and row.variant in variants
    ]
    return sorted(found, key=lambda change: (order[change.context], -abs(change.improvement)))


def _change_words(study: Study, context: str, changes: dict[str, Any]) -> str:
    parts = []
    for path, value in changes.items():
        before = base_value(study.plan, path, context)
        kind = before["kind"] if isinstance(before, dict) and "kind" in before else before
        start = "" if before is None else f"{value_text(kind)} → "
        parts.append(f"{path}: {start}{value_text(value)}")
    return ", ".join(parts)
