"""Notes and the journal: what an entry says, that it is appended once, and how the page shows remarks."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from markdown_it import MarkdownIt

from ablate.analysis import analyze
from ablate.analysis.types import Analysis
from ablate.report import journal, render
from ablate.store import NoteRecord, PlanRecord
from ablate.testing.synthetic import HOSTILE_NAMES, synthetic_results

from .samples import GENERATED

NOTE = NoteRecord(created="2025-05-04T08:00:00.000+00:00", text="lr may be too small -->\n## spoof", variant="relu")


@pytest.fixture(scope="module")
def results() -> tuple[Analysis, PlanRecord]:
    found = synthetic_results(
        3, variants=("relu", *HOSTILE_NAMES), effects=[0.05] + [0.0] * len(HOSTILE_NAMES), name="lab",
        claims=[{"that": "relu", "is": "better", "than": "base"}], statuses={("relu", 0): "done"},
    )  # fmt: skip
    return analyze(found.plan, found.runs, found.series), found.plan


def test_an_entry_says_what_came_out(results: tuple[Analysis, PlanRecord]) -> None:
    analysis, plan = results
    text = journal.entry(analysis, plan, [NOTE], journal="", when=GENERATED)
    assert text is not None
    tokens = MarkdownIt("commonmark").parse(text)
    blocks = ["".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"]
    assert blocks[0] == "3 May 2025, 14:05 UTC: lab"
    assert blocks[1] == plan.question
    assert blocks[2] == (
        "Ran: 50 of 50 runs ended; 10 variants on 5 seeds; score: last of val_loss; grid grids/lab.yaml; "
        "commit 0123456789ab"
    )
    assert blocks[3] == f"Result: {analysis.headline}"
    better = [row.variant for row in analysis.ranking if row.verdict == "better"]
    assert better == ["relu"]
    assert blocks[4].startswith("Verdicts: better: relu; undecided: ")
    assert blocks[-1] == "4 May 2025, 08:00 UTC, variant relu: lr may be too small --> ## spoof"
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"], "no label makes a heading"
    assert len(re.findall("<!--", text)) == len(re.findall("-->", text)) == 1, "only its own mark is a comment"


def test_an_entry_is_appended_once(results: tuple[Analysis, PlanRecord]) -> None:
    analysis, plan = results
    first = journal.entry(analysis, plan, [], journal="", when=GENERATED)
    assert first is not None
    later = GENERATED + timedelta(days=3)
    kept = f"# My log\r\n\r\nBy hand.\r\n\r\n{first}".replace("\n", "\r\n")
    for present in (first, kept):
        assert journal.entry(analysis, plan, [], journal=present, when=later) is None
    worded = replace(analysis, headline="The same in other words.")
    assert journal.entry(worded, plan, [], journal=first, when=later) is None, "results count, not words"

    (row, *rest) = analysis.ranking
    seeds = (replace(row.seeds[0], score=1.25), *row.seeds[1:])
    changed = replace(analysis, ranking=(replace(row, seeds=seeds), *rest))
    second = journal.entry(changed, plan, [], journal=first, when=later)
    assert second is not None
    assert second.startswith("## 6 May 2025")
    assert "**Result**" in second
    other = plan.model_copy(update={"name": "other"})
    assert journal.entry(analysis, other, [], journal=first, when=later) is not None


def test_new_notes_are_added_without_repeating_the_results(results: tuple[Analysis, PlanRecord]) -> None:
    analysis, plan = results
    first = journal.entry(analysis, plan, [NOTE], journal="", when=GENERATED)
    assert first is not None
    fresh = NOTE.model_copy(update={"text": "seen again", "variant": ""})
    second = journal.entry(analysis, plan, [NOTE, fresh], journal=first, when=GENERATED)
    assert second is not None
    assert "seen again" in second
    assert "too small" not in second
    assert "**Result**" not in second
    assert journal.entry(analysis, plan, [NOTE, fresh], journal=first + second, when=GENERATED) is None


def test_the_page_shows_notes_escaped_and_is_the_same_without(results: tuple[Analysis, PlanRecord]) -> None:
    analysis, plan = results
    plain = render(analysis, plan, generated=GENERATED)
    assert render(analysis, plan, generated=GENERATED, remarks=()) == plain
    assert 'id="notes"' not in plain
    assert ".remarks" not in plain
    hostile = [
        NoteRecord(created=f"2025-05-0{1 + k}T08:00:00+00:00", text=name, variant=name, run_id="0123456789", seed=k)
        for k, name in enumerate(HOSTILE_NAMES[:3])
    ]
    html = render(analysis, plan, generated=GENERATED, remarks=[NOTE, *hostile])
    (section,) = re.findall(r'<section id="notes".*?</section>', html, re.DOTALL)
    assert section.count("<li>") == 4
    assert "lr may be too small --&gt;\n## spoof" in section
    assert "4 May 2025, 08:00 UTC" in section
    assert "run 01234567: " in section
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;" in section
    assert "<script" not in section
    assert "<img" not in section
    assert '<a href="#notes">Notes</a>' in html
