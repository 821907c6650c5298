"""The section on the confirmation: what the screening said of the best variants, and what fresh seeds say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ablate.analysis.types import Analysis, Confirmation, Confirmed, Ranked
from ablate.store.schema import PlanRecord

from . import numbers, table
from .charts import confirmation as chart
from .charts import spec
from .verdicts import VERDICTS, Sign

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimate of an improvement, as text."""

    improvement: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class Line:
    """One chosen variant."""

    variant: str
    screening: Estimate
    fresh: Estimate
    p: str
    wins: str
    sign: Sign
    words: tuple[str, str]
    lost: str
    """How many of its runs are missing, diverged or failed."""


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    lines: tuple[Line, ...]
    chart: Json | None


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    state: str
    parts: tuple[Part, ...]


def section(analysis: Analysis, plan: PlanRecord) -> Section | None:
    """What the page shows; None before ``ablate confirm``."""
    found = analysis.confirmation
    if found is None:
        return None
    contexts = dict.fromkeys(row.fresh.context for row in found.rows)
    parts = tuple(_part(found, plan, context, number) for number, context in enumerate(contexts))
    return Section(_lede(found), found.state, parts)


def _lede(found: Confirmation) -> str:
    if found.state == "rejected":
        return (
            f"Rejected: it was trained on {found.reason}, and a seed that helped to choose cannot confirm. Nothing of "
            "it is shown or used."
        )
    if found.state == "outdated":
        return f"Outdated, and not used: {found.reason}."
    text = (
        f"The best variants of the ranking and the baseline, trained again on {len(found.seeds)} seeds that no "
        "selection has seen. The screening estimate is too good on average, because it chose; the fresh one is not. "
        "p values are Holm-adjusted over the variants of this table."
    )
    if found.state == "incomplete":
        text += f" {found.ended} of {found.planned} runs have ended."
    return text


def _part(found: Confirmation, plan: PlanRecord, context: str, number: int) -> Part:
    rows = found.inside(context)
    every = [one for row in rows for one in (row.fresh, row.screening) if one is not None]
    style = table.styles(every).effect
    return Part(context, tuple(_line(row, style) for row in rows), _chart(rows, plan, style, context, number))


def _line(row: Confirmed, style: numbers.Style) -> Line:
    fresh = row.fresh
    pairs = sum(seed.improvement is not None for seed in fresh.seeds)
    lost = [
        f"{count} {word}"
        for count, word in ((fresh.diverged, "diverged"), (fresh.failed, "failed"), (fresh.missing, "missing"))
        if count
    ]
    return Line(
        variant=fresh.variant,
        screening=_estimate(row.screening, style),
        fresh=_estimate(fresh, style),
        p=numbers.p_value(fresh.p_adjusted),
        wins=f"{fresh.wins}/{pairs}" if pairs else numbers.ABSENT,
        sign=VERDICTS[fresh.verdict],
        words=table.split_words(fresh.words, VERDICTS[fresh.verdict]),
        lost=", ".join(lost),
    )


def _estimate(row: Ranked | None, style: numbers.Style) -> Estimate:
    if row is None:
        return Estimate(numbers.ABSENT, "", "")
    interval = row.interval
    return Estimate(
        style.text(row.improvement, sign=True),
        f"{style.text(interval.low)} to {style.text(interval.high)}" if interval else "",
        f"n = {row.n}",
    )


def _chart(rows: Sequence[Confirmed], plan: PlanRecord, style: numbers.Style, context: str, number: int) -> Json | None:
    data = chart.frames(rows, style, plan.margin)
    if data.rows.is_empty():
        return None
    where = f" in {context}" if context else ""
    label = f"Forest plot{where}: improvement of each confirmed variant on fresh seeds, and in the screening."
    drawn = chart.draw(data, metric=plan.metric.name, unit=plan.metric.unit, label=label)
    return {
        "id": f"confirmation-{number}",
        "number": f"confirmation-{number}",
        "label": label,
        "spec": spec.bare(drawn),
        "data": {
            "rows": spec.records(data.rows),
            "seeds": spec.records(data.seeds),
            "away": spec.records(data.away),
            "margin": [] if plan.margin is None else [{"low": -plan.margin, "high": plan.margin}],
            "zero": [{"x": 0}],
        },
    }
