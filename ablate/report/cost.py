"""The section on cost: what the variants cost, which are worth it, and how soon they reach the target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ablate.analysis.evidence import ContextCost, Cost, CostAxis, CostKey, CostRow
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import pareto, spec
from .studies import CONTEXTS, Drawing, Json, drawing, inside, left_out

_SHORT: dict[CostKey, str] = {"seconds": "time", "flops": "FLOP", "parameters": "params"}

POINTS = 200
"""The scatter plot holds so many of the best means, the baseline and the fronts."""

ROWS = 30
"""The table holds the baseline and so many of the best means."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table; ``sub`` is its quieter second line."""

    title: str
    text: str
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One variant."""

    variant: str
    baseline: bool
    front: str
    """The costs on whose front it is."""
    hardware: str
    """Where its times come from, if they come from several kinds of hardware."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    heads: tuple[tuple[str, str], ...]
    """(title, quieter second line) of each column."""
    lines: tuple[Line, ...]
    more: str
    chart: Drawing | None
    chart_note: str


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    parts: tuple[Part, ...]
    more: str

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All charts."""
        return tuple(part.chart for part in self.parts if part.chart is not None)


def section(
    analysis: Analysis, plan: PlanRecord, *, first: CostKey | None = None, every: bool = False
) -> Section | None:
    """What the page shows; None if no cost is known.

    Args:
        analysis: What it shows.
        plan: Its grid.
        first: Only this cost; by default all, the first by which the variants differ shown first.
        every: Every context, not the first few.
    """
    found, limit = analysis.cost, len(plan.contexts) if every else CONTEXTS
    if found is None:
        return None
    lede = (
        f"{found.words} Target: {found.target}. A run reaches it at the first recorded step that is as good; medians "
        "count runs that end without it as never, and leave out those that have not ended."
    )
    contexts = found.contexts[:limit]
    if first is not None:
        contexts = tuple(replace(one, axes=tuple(axis for axis in one.axes if axis.key == first)) for one in contexts)
    parts = tuple(_part(one, found, plan, number) for number, one in enumerate(contexts))
    return Section(lede, parts, left_out(len(found.contexts)))


def _part(one: ContextCost, cost: Cost, plan: PlanRecord, number: int) -> Part:
    base = [row for row in one.rows if row.verdict == "baseline"]
    others = [row for row in one.rows if row.verdict != "baseline"]
    columns = _columns(one, cost)
    lines = tuple(_line(row, one, columns) for row in (*base, *others[:ROWS]))
    more = ""
    if len(others) > ROWS:
        more = f"The baseline and the {ROWS} best of {len(others)} means; the export as JSON has all."
    return Part(
        context=one.context,
        heads=tuple((column.title, column.note) for column in columns),
        lines=lines,
        more=more,
        chart=_chart(one, plan, number),
        chart_note=_chart_note(one),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    key: str
    title: str
    note: str


def _columns(one: ContextCost, cost: Cost) -> tuple[_Column, ...]:
    """The columns that have something to say in this context."""
    every = (
        (_Column("params", "Params", ""), any(row.parameters is not None for row in one.rows)),
        (_Column("flops", "FLOP", "per run"), any(row.flops is not None for row in one.rows)),
        (_Column("step", "Step", "ms"), any(row.step_ms is not None for row in one.rows)),
        (_Column("seconds", "Run", "training time"), any(row.seconds is not None for row in one.rows)),
        (_Column("steps", "Steps to target", "median, seeds"), any(row.tried for row in one.rows)),
        (_Column("time", "Time to target", "median"), any(row.target_seconds is not None for row in one.rows)),
        (_Column("speed", "Speed-up", "steps, time"), any(row.speed_up is not None for row in one.rows)),
        (_Column("overfit", "Overfit", f"last / best {cost.overfit}"), any(row.overfit_n for row in one.rows)),
    )
    return tuple(column for column, present in every if present)


def _line(row: CostRow, one: ContextCost, columns: Sequence[_Column]) -> Line:
    fronts = [_SHORT[axis.key] for axis in one.axes if row.variant in axis.front]
    return Line(
        variant=row.variant,
        baseline=row.verdict == "baseline",
        front=f"on the front: {', '.join(fronts)}" if fronts else "",
        hardware="; ".join(row.hardware) if len(one.hardware) > 1 else "",
        cells=tuple(_cell(row, column) for column in columns),
    )


def _cell(row: CostRow, column: _Column) -> Cell:
    text, sub = numbers.ABSENT, ""
    match column.key:
        case "params":
            text = numbers.si(row.parameters)
        case "flops":
            text = numbers.si(row.flops)
        case "step":
            text = numbers.plain(row.step_ms, 3)
        case "seconds" if row.seconds is not None:
            text = numbers.seconds(row.seconds)
        case "steps" if row.target_steps is not None:
            text = "never" if math.isinf(row.target_steps) else f"{row.target_steps:,.0f}"
            sub = f"{row.reached} of {row.tried}"
        case "time" if row.target_seconds is not None:
            text = "never" if math.isinf(row.target_seconds) else numbers.seconds(row.target_seconds)
        case "speed" if row.verdict != "baseline":
            text = numbers.speed_up(row.speed_up)
            sub = numbers.speed_up(row.speed_up_seconds) if row.speed_up_seconds else ""
        case "overfit" if row.overfit is not None:
            text, sub = f"{row.overfit:.3f}", f"n = {row.overfit_n}"
        case _:
            pass
    return Cell(column.title, text, sub)


# --- the scatter plot --------------------------------------------------------------------------------------------


def _chart(one: ContextCost, plan: PlanRecord, number: int) -> Drawing | None:
    if not one.axes:
        return None
    style = numbers.style_for([row.mean for row in one.rows], [], digits=4)
    goal = plan.metric.goal
    front = {variant for axis in one.axes for variant in axis.front}
    known = [row for row in one.rows if row.mean is not None]
    rows = [
        row for place, row in enumerate(known) if place < POINTS or row.verdict == "baseline" or row.variant in front
    ]
    found = [pareto.scatter(rows, axis, style, goal) for axis in one.axes]
    first, axis = found[0], one.axes[0]
    few = len(known) > POINTS
    better = "lower" if goal == "minimize" else "higher"
    label = f"Mean {plan.metric.name} of each variant against its cost{inside(one.context)}. {_chart_note(one)}"
    chart = pareto.draw(first, axis, metric=plan.metric.name, better=better, label=label)
    choices = tuple(_choice(some, of) for some, of in zip(found, one.axes, strict=True))
    data = {"points": first.points, "front": first.front, "labels": first.labels}
    return drawing(
        f"cost-{number}",
        chart,
        data,
        caption=f"Mean {plan.metric.name} against cost" + (f", the {POINTS} best of {len(known)}" if few else ""),
        label=label,
        choices=choices,
    )


def _choice(found: pareto.Scatter, axis: CostAxis) -> Json:
    return {
        "key": axis.key,
        "label": axis.label,
        "title": pareto.title(axis),
        "log": found.log,
        "domain": list(found.x),
        "y": [found.y.low, found.y.high],
        "data": {
            "points": spec.records(found.points),
            "front": spec.records(found.front),
            "labels": spec.records(found.labels),
        },
    }


def _chart_note(one: ContextCost) -> str:
    """Which variants no other beats in both, for each cost."""
    parts = []
    for axis in one.axes:
        if not axis.comparable:
            parts.append(
                f"Times come from {len(one.hardware)} kinds of hardware and cannot be compared: no front is drawn."
            )
        elif axis.front:
            names = "; ".join(axis.front[:6]) + (f"; and {len(axis.front) - 6} more" if len(axis.front) > 6 else "")
            parts.append(f"Not beaten in both score and {axis.label}: {names}.")
    return " ".join(parts)
