"""Tables and scores that every kind of ``ablate compare`` shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from ablate.grid.labels import value_text
from ablate.store import Absent, Difference, PlanRecord, Store

from .console import out

if TYPE_CHECKING:
    import polars as pl

    from ablate.analysis import Pair, Side
    from ablate.store import MetricRecord

Cell = tuple[str, str]
"""Variant and context."""

_SHOWN = 8
"""Labels in a list before it is cut."""


def pairs_of(store: Store, a: PlanRecord, b: PlanRecord, names: Mapping[str, tuple[Cell, Cell]]) -> "dict[str, Pair]":
    """The comparisons that have a result on a side.

    Args:
        store: where the results are.
        a: the grid of the first cell of each pair.
        b: the grid of the second.
        names: a name for each pair of cells.
    """
    if not any(store.attempt(run.run_id) for plan in (a, b) for run in plan.runs):
        return {}
    from ablate.analysis import compare_pairs, scores

    def cells(plan: PlanRecord) -> "dict[tuple[Any, ...], pl.DataFrame]":
        scored = scores(plan, store.runs(plan.runs), store.series(run.run_id for run in plan.runs))
        return scored.partition_by("variant", "context", as_dict=True)

    ours = cells(a)
    theirs = ours if b is a else cells(b)
    pairs = {name: (ours[one], theirs[two]) for name, (one, two) in names.items()}
    trained = {
        name: sides for name, sides in pairs.items() if any((side["outcome"] != "missing").any() for side in sides)
    }
    return compare_pairs(trained, a.metric, alpha=a.report.alpha, margin=a.margin)


def print_sides(a: str, b: str) -> None:
    """What A and B are."""
    out.print(f"A  {a}\nB  {b}", markup=False, soft_wrap=True)


def table_of(*headings: str) -> Table:
    """An empty table in the style of the commands."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def print_differences(title: str, rows: Iterable[Difference]) -> None:
    """A row per value that differs; nothing if none does."""
    rows = tuple(rows)
    if not rows:
        return
    table = table_of(title, "A", "B")
    for one in rows:
        table.add_row(escape(one.path), _value(one.a), _value(one.b))
    out.print(table)


def print_labels(what: str, labels: Sequence[str]) -> None:
    """A line with the first labels; nothing if there are none."""
    if labels:
        more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
        out.print(f"  {what}: {', '.join(labels[:_SHOWN])}{more}", markup=False, soft_wrap=True)


def print_scores(pairs: "Mapping[str, Pair]", metric: "MetricRecord") -> None:
    """A row per pair: both means with their numbers of scores, and the difference, which is positive if A is better."""
    direction = "smaller" if metric.goal == "minimize" else "larger"
    title = f"{metric.name}, {metric.at} ({direction} is better): mean ± sd (n); A's lead over the seeds of both"
    out.print(title, markup=False, soft_wrap=True)
    named = any(pairs)
    table = table_of(*(["variant"] if named else []), "A", "B", "A's lead")
    for name, pair in pairs.items():
        lead = pair.comparison.improvement
        row = [_scores(pair.a), _scores(pair.b), "–" if lead is None else f"{lead:+.4g}"]
        table.add_row(*([escape(name)] if named else []), *row)
    out.print(table)


def _scores(side: "Side") -> str:
    parts = [] if side.mean is None else [f"{side.mean:.5g}"]
    parts += [f"± {side.sd:.2g}"] if side.sd is not None else []
    parts += [f"({side.n})"]
    parts += [f"{number} {word}" for word in ("diverged", "failed", "missing") if (number := getattr(side, word))]
    return " ".join(parts)


def _value(value: Any) -> str:
    return escape(_text(value))


def _text(value: Any) -> str:
    match value:
        case Absent():
            return "–"
        case int() if not isinstance(value, bool):
            return str(value)
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return value_text(value, full=True)
