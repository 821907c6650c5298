"""Numeric axes whose best value is the first or the last one tried."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ablate.core import canonical_json

from ._study import Study, base_value, is_number
from ._table import ScoreTable
from ._words import value_text
from .compare import compare
from .tuning import next_level
from .types import Flag

LEVELS = 3
"""An axis with fewer values has no inside."""


@dataclass(frozen=True, slots=True)
class AxisEnd:
    """A numeric path whose best mean lies at an end of the values tried."""

    context: str
    path: str
    value: str
    side: str
    """``smallest`` or ``largest``."""
    beyond: str
    """A value to try next, spaced as the others are; empty if there is none."""


def axis_ends(study: Study) -> Iterator[AxisEnd]:
    """One per numeric path and context.

    Values are compared where everything else is equal; of several such groups (a full grid) most must agree. The outer
    value must beat its neighbour (paired t test, not adjusted): a plateau or noise is no reason to go further.
    """
    for context in study.plan.contexts:
        means = {
            row.variant: row.mean for row in study.rows(context) if row.mean is not None and row.verdict != "unstable"
        }
        table = ScoreTable.of(study.scores.filter(context=context))
        for path, groups in _axes(study, context).items():
            ends = [end for group in groups if (end := _best_end(study, table, group, means)) is not None]
            tried = [group for group in groups if sum(label in means for label in group.values()) >= LEVELS]
            if not ends or 2 * len(ends) <= len(tried):
                continue
            level, side = max(set(ends), key=ends.count)
            levels = sorted({other for group in tried for other, label in group.items() if label in means})
            whole = all(other.is_integer() for other in levels)
            beyond = next_level(levels[::-1] if side == "smallest" else levels, whole=whole) or ""
            yield AxisEnd(context, path, value_text(level), side, beyond)


def edge_flags(study: Study) -> Iterator[Flag]:
    """A flag for each end at which a path is best."""
    for end in axis_ends(study):
        inside = f" in {end.context}" if len(study.plan.contexts) > 1 else ""
        size = "larger" if end.side == "largest" else "smaller"
        detail = f"{end.path}={end.value} has the best mean{inside} and is the {end.side} tried; try a {size} one"
        yield Flag(
            "note", "Best value at the edge of the range", detail + (f", {end.beyond} say" if end.beyond else "")
        )


def _axes(study: Study, context: str) -> dict[str, list[dict[float, str]]]:
    """Path -> groups of (level -> label) of variants that differ in this path alone."""
    variants = study.plan.variants
    paths = sorted({path for variant in variants for path, value in variant.changes.items() if is_number(value)})
    axes: dict[str, list[dict[float, str]]] = {}
    for path in paths:
        groups: dict[str, dict[float, str]] = defaultdict(dict)
        for variant in variants:
            level = variant.changes.get(path, base_value(study.plan, path, context))
            if is_number(level):
                rest = canonical_json({key: value for key, value in variant.changes.items() if key != path})
                groups[rest][float(level)] = variant.label
        axes[path] = [group for group in groups.values() if len(group) >= LEVELS]
    return axes


def _best_end(
    study: Study, table: ScoreTable, group: dict[float, str], means: dict[str, float]
) -> tuple[float, str] | None:
    """The best level and its side, if it is an outer one and better than its neighbour beyond the seed noise."""
    levels = sorted(level for level, label in group.items() if label in means)
    if len(levels) < LEVELS:
        return None
    sign = 1.0 if study.plan.metric.goal == "minimize" else -1.0
    best = min(levels, key=lambda level: sign * means[group[level]])
    if best not in (levels[0], levels[-1]):
        return None
    neighbour = levels[1] if best == levels[0] else levels[-2]
    rows = [table.row(table.contexts[0], group[level]) for level in (best, neighbour)]
    (item,) = compare(*rows, goal=study.plan.metric.goal)
    if item.p is None or item.p >= study.plan.report.alpha or not item.improvement or item.improvement < 0:
        return None
    return best, "largest" if best == levels[-1] else "smallest"
