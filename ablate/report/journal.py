"""A dated entry for a lab journal, in Markdown: question, what ran, result, verdicts, claims, notes.

An entry ends with a comment that holds digests of its results and of its notes, so that a later call can tell what the
journal has. The digest is of the results and not of the words about them.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from ablate.analysis.types import Analysis, Ranked
from ablate.core import digest
from ablate.store.schema import NoteRecord, PlanRecord

from . import notes as remarks
from . import provenance, table
from .export.markdown import escape
from .export.paper import paper
from .prose import stamp
from .text import shorten

TITLE = "# Journal\n"
"""The first line of a new journal."""

MANY = 12
"""So many variants of one verdict are named; of more, the first ones and their number."""

_MARKER = re.compile(r"^<!-- ablate results=(\w*) notes=([\w,]*) -->$", re.MULTILINE)


def entry(
    analysis: Analysis, plan: PlanRecord, notes: Sequence[NoteRecord], *, journal: str, when: datetime
) -> str | None:
    """What is to be appended to a journal; None if it has all of it.

    Notes that an earlier entry has are not repeated. Where the results are in the journal already and only notes are
    new, the entry has just those.

    Args:
        analysis: The results.
        plan: Their grid.
        notes: The remarks on the grid, oldest first.
        journal: What the journal holds so far.
        when: The date of the entry, with its time zone.
    """
    results = fingerprint(analysis, plan)
    known, noted = _known(journal)
    fresh = [note for note in notes if _note_id(plan, note) not in noted]
    if results in known and not fresh:
        return None
    head = f"## {stamp(when)}: {escape(plan.name)}"
    body = [] if results in known else _body(analysis, plan)
    said = [_remark(line) for line in remarks.lines(fresh)]
    if said:
        body.append("- **Notes**:\n" + "\n".join(f"  - {text}" for text in said))
    marker = f"<!-- ablate results={results} notes={','.join(_note_id(plan, note) for note in fresh)} -->"
    question = f"*{escape(plan.question)}*\n\n" if plan.question and results not in known else ""
    return f"{head}\n\n{question}{chr(10).join(body)}\n\n{marker}\n"


def fingerprint(analysis: Analysis, plan: PlanRecord) -> str:
    """A digest of the results: what was planned, every score and status, and how they are judged."""
    found = analysis.confirmation
    fresh = [row.fresh for row in found.rows] if found else []
    return digest(
        [
            plan.name,
            plan.question,
            plan.metric.model_dump(mode="json"),
            plan.margin,
            plan.report.alpha,
            [_scores(row) for row in sorted(analysis.ranking, key=lambda row: (row.context, row.variant))],
            [_scores(row) for row in fresh],
            [[claim.text, claim.verdict] for claim in analysis.claims],
        ]
    )


def _scores(row: Ranked) -> list[object]:
    return [row.context, row.variant, [[one.seed, one.status, repr(one.score)] for one in row.seeds]]


def _note_id(plan: PlanRecord, note: NoteRecord) -> str:
    return digest([plan.name, note.model_dump(mode="json")], size=4)


def _known(journal: str) -> tuple[set[str], set[str]]:
    """Digests of the results and of the notes that a journal has."""
    found = _MARKER.findall(journal.replace("\r\n", "\n"))
    return {results for results, _ in found}, {note for _, some in found for note in some.split(",")}


def _body(analysis: Analysis, plan: PlanRecord) -> list[str]:
    content = paper(analysis, plan)
    lines = [f"- **Ran**: {_ran(analysis, plan)}", f"- **Result**: {escape(content.headline)}"]
    lines += [f"- **Verdicts**{_inside(context)}: {_verdicts(rows)}" for context, rows in table.contexts(analysis)]
    if content.claims:
        lines.append("- **Claims**:")
        lines += [f"  - {one.verdict}: {escape(one.text)} ({escape(one.evidence)})" for one in content.claims]
    warnings = [flag.title for flag in analysis.flags if flag.level == "warning"]
    if warnings:
        lines.append(f"- **Warnings**: {'; '.join(map(escape, warnings))}")
    return lines


def _ran(analysis: Analysis, plan: PlanRecord) -> str:
    ended = analysis.planned - analysis.missing
    lost = [f"{n} {word}" for n, word in ((analysis.diverged, "diverged"), (analysis.failed, "failed")) if n]
    seeds, contexts = len(plan.seeds), len(plan.contexts)
    parts = [
        f"{ended} of {analysis.planned} runs ended" + (f" ({', '.join(lost)})" if lost else ""),
        f"{len(plan.variants)} variants" + (f" in {contexts} contexts" if contexts > 1 else "") + f" on {seeds} seeds",
        f"score: {plan.metric.at} of {plan.metric.name}",
        f"grid {plan.path or plan.name}",
    ]
    commit = next((one for one in provenance.entries(plan, ()) if one.term == "Commit"), None)
    parts += [f"commit {', '.join(commit.values)}"] if commit else []
    return escape("; ".join(parts))


def _inside(context: str) -> str:
    return f" ({escape(context)})" if context else ""


def _verdicts(rows: Iterable[Ranked]) -> str:
    named: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict != "baseline":
            named.setdefault("no material difference" if row.verdict == "equivalent" else row.verdict, []).append(
                escape(shorten(row.variant, 60))
            )
    texts = [
        f"{word}: {', '.join(some[:MANY])}" + (f" and {len(some) - MANY} more" if len(some) > MANY else "")
        for word, some in named.items()
    ]
    return "; ".join(texts) or "only the baseline"


def _remark(line: remarks.Line) -> str:
    about = f", {escape(line.about)}" if line.about else ""
    return f"{escape(line.when)}{about}: {escape(line.text)}"
