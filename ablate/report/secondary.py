"""The table of metrics that do not rank, under the effects."""

from dataclasses import dataclass

from ablate.analysis.evidence import Secondary, SecondaryRow
from ablate.analysis.types import Analysis

from . import numbers
from .studies import CONTEXTS

METRICS, ROWS = 6, 15
"""So many metrics and variants are shown; the export as JSON has all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric of one variant."""

    metric: str
    text: str
    sub: str


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    metrics: tuple[str, ...]
    lines: tuple[tuple[str, bool, tuple[Cell, ...]], ...]
    """(variant, whether it is the baseline, its cells)."""


@dataclass(frozen=True, slots=True)
class Section:
    """The whole table."""

    parts: tuple[Part, ...]
    note: str


def section(analysis: Analysis) -> Section | None:
    """What the page shows; None if nothing but the ranking metric was recorded."""
    contexts = list(dict.fromkeys(one.context for one in analysis.secondary))
    metrics = list(dict.fromkeys(one.metric for one in analysis.secondary))
    base = {row.variant for row in analysis.ranking if row.verdict == "baseline"}
    parts = []
    most = 0
    for context in contexts[:CONTEXTS]:
        found = [one for one in analysis.secondary if one.context == context][:METRICS]
        order = list(dict.fromkeys(row.variant for one in found for row in one.rows))
        order.sort(key=lambda label: label not in base)
        most = max(most, len(order) - 1)
        shown = order[: ROWS + 1]
        cells: dict[tuple[str, str], Cell] = {}
        for one in found:
            style, most_seeds = _style(one), max(row.n for row in one.rows)
            kept = (row for row in one.rows if row.variant in shown)
            cells |= {(one.metric, row.variant): _cell(one, row, style, most_seeds) for row in kept}
        lines = tuple(
            (
                label,
                label in base,
                tuple(cells.get((one.metric, label), Cell(one.metric, numbers.ABSENT, "")) for one in found),
            )
            for label in order[: ROWS + 1]
        )
        parts.append(Part(context, tuple(one.metric for one in found), lines))
    if not parts:
        return None
    notes = []
    if len(metrics) > METRICS:
        notes.append(f"The first {METRICS} of {len(metrics)} metrics.")
    if most > ROWS:
        notes.append(f"The baseline and the {ROWS} best of {most}.")
    if len(contexts) > CONTEXTS:
        notes.append(f"The first {CONTEXTS} of {len(contexts)} contexts.")
    return Section(tuple(parts), " ".join(notes))


def _style(one: Secondary) -> numbers.Style:
    widths = [(row.interval.high - row.interval.low) / 2 for row in one.rows if row.interval]
    return numbers.style_for([row.mean for row in one.rows], widths, digits=4)


def _cell(one: Secondary, row: SecondaryRow, style: numbers.Style, most: int) -> Cell:
    sub = ""
    if row.difference is not None:
        sub = style.text(row.difference, sign=True)
        if row.interval is not None:
            sub += f" [{style.text(row.interval.low)}, {style.text(row.interval.high)}]"
    if row.n < most:
        sub += f"{', ' if sub else ''}n = {row.n}"
    return Cell(one.metric, style.text(row.mean), sub)
