"""What a table for a paper or a README says, before it is written in a language."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ablate.analysis.types import Analysis, ClaimResult, Ranked
from ablate.report import numbers, table
from ablate.report.text import typeset
from ablate.report.verdicts import VERDICTS
from ablate.store.schema import PlanRecord


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column."""

    title: str
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one context; the baseline first, then as ranked."""

    context: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """Title, headline, table and claims, as text that is not escaped."""

    title: str
    headline: str
    heads: tuple[Head, ...]
    parts: tuple[Part, ...]
    note: str
    claims: tuple[ClaimResult, ...]


def one_line(text: str) -> str:
    """The text without line breaks, tabs and other control characters."""
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def paper(analysis: Analysis, plan: PlanRecord) -> Paper:
    """The table, with numbers in the style of the report."""
    level = next((row.interval.level for row in analysis.ranking if row.interval), 1 - plan.report.alpha)
    published = any(row.reference is not None for row in analysis.ranking)
    heads = [
        Head("Rank"),
        Head("Variant", numeric=False),
        Head("Verdict", numeric=False),
        Head(f"Mean {plan.metric.name}"),
        Head("sd"),
        Head("\u0394"),
        Head(f"{numbers.percent(level)} {table.interval_kind(analysis)}"),
        Head(f"p ({table.correction(analysis)})"),
        Head("n"),
        *([Head("Published")] if published else []),
    ]
    better = "higher" if plan.metric.goal == "maximize" else "lower"
    note = (
        f"\u0394: {table.difference(analysis)} from the baseline, positive is better ({better} {plan.metric.name}). n: "
        f"seeds behind it. p: {_test(analysis)}. Rank: by mean, with the ranks that the data cannot rule out."
    )
    parts = tuple(Part(context, _rows(rows, published=published)) for context, rows in table.contexts(analysis) if rows)
    claims = tuple(ClaimResult(one.text, one.verdict, typeset(one.evidence)) for one in analysis.claims)
    return Paper(plan.question or plan.name, typeset(analysis.headline), tuple(heads), parts, note, claims)


def _test(analysis: Analysis) -> str:
    """Which tests were made: those of the table, paired t tests and Welch's not told apart."""
    tests = {row.test for row in analysis.ranking}
    shared = "shared noise" in tests
    holm = "contrast with a noise that all variants share" if shared else "paired t test"
    if "Welch" in tests and not tests & {"paired t", "shared noise", "sign-flip"}:
        holm = "Welch's t test"
    dunnett = "Dunnett's test with simultaneous intervals, which allows for all variants of a context"
    kind = table.correction(analysis)
    return {"Dunnett": dunnett, "Holm": f"{holm}, Holm-adjusted"}.get(kind, f"{holm}, Holm-adjusted, or {dunnett}")


def _rows(rows: Sequence[Ranked], *, published: bool) -> tuple[tuple[str, ...], ...]:
    style = table.styles(rows)
    pinned = sorted(rows, key=lambda row: row.verdict != "baseline")
    return tuple(_row(row, style, published=published) for row in pinned)


def _row(row: Ranked, style: table.Styles, *, published: bool) -> tuple[str, ...]:
    baseline, interval = row.verdict == "baseline", row.interval
    lost = [
        f"{count} {word}"
        for count, word in ((row.diverged, "diverged"), (row.failed, "failed"), (row.missing, "missing"))
        if count
    ]
    return (
        _rank(row),
        row.variant,
        VERDICTS["baseline"].word if baseline else row.words + (", could be best" if row.could_be_best else ""),
        style.mean.text(row.mean),
        style.mean.text(row.sd),
        numbers.ABSENT if baseline else style.effect.text(row.improvement, sign=True),
        f"{style.effect.text(interval.low)} to {style.effect.text(interval.high)}" if interval else numbers.ABSENT,
        numbers.p_value(row.p_adjusted),
        f"{row.n} ({', '.join(lost)})" if lost else str(row.n),
        *([style.reference.text(row.reference)] if published else []),
    )


def _rank(row: Ranked) -> str:
    if row.rank is None:
        return numbers.ABSENT
    if row.rank_low is None or row.rank_low == row.rank_high:
        return str(row.rank)
    return f"{row.rank} ({row.rank_low}\u2013{row.rank_high})"
