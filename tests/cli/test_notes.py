"""``ablate note``, ``ablate journal`` and ``ablate report --to``."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ablate.cli import clock, report
from ablate.report.export import FORMATS
from ablate.store import Store
from ablate.testing.synthetic import synthetic_results
from tests.results.recorded import record

from .test_cli import run_main


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with the grid ``lab``, and a day that does not pass."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(clock, "now", lambda: datetime(2025, 5, 3, 14, 5, tzinfo=UTC))
    found = synthetic_results(0, variants=3, effects=[0.05, 0.0, 0.0], name="lab", points=5)
    record(Path("runs"), found)


def succeed(*arguments: str) -> str:
    out, code = run_main([*arguments])
    assert code == 0, out
    return out


@pytest.mark.usefixtures("_here")
def test_notes_on_a_grid_a_variant_and_a_run() -> None:
    store = Store(Path("runs"))
    run = store.plan("lab").runs[-1]
    assert succeed("note", "lab.yaml", "  first\nline ") == "noted on lab\n"
    assert succeed("note", "lab", "short name", "--variant", "relu") == "noted on variant activation=relu of lab\n"
    assert f"run {run.run_id} ({run.variant}, seed {run.seed})" in succeed(
        "note", "lab", "odd curve", "--run", run.run_id[:8].upper()
    )
    notes = {note.text: note for note in store.notes("lab")}
    assert set(notes) == {"first\nline", "short name", "odd curve"}
    assert notes["short name"].variant == "activation=relu"
    assert (notes["odd curve"].run_id, notes["odd curve"].variant) == (run.run_id, run.variant)
    assert {note.created for note in notes.values()} == {"2025-05-03T14:05:00.000+00:00"}
    page = Path(succeed("report", "lab").splitlines()[-1]).read_text("utf-8")
    assert "odd curve" in page
    assert not store.damaged
    torn = sorted(Path("runs/grids/lab/notes").iterdir())[0]
    torn.write_text("{")
    assert len(store.notes("lab")) == 2
    assert torn.name in store.damaged[0]


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("note", "lab", " "), "a note needs a text"),
        (("note", "lab", "x", "--variant", "relo"), "relu"),
        (("note", "lab", "x", "--run", "abc"), "six or more hex digits"),
        (("note", "lab", "x", "--run", "abcdefabcdef"), "no run of lab"),
        (("note", "lab", "x", "--run", "abcdef", "--variant", "relu"), "a variant or about a run"),
        (("note", "lub", "x"), "no results of 'lub'"),
        (("journal", "lub"), "no results of 'lub'"),
        (("report", "lab", "--to", "docx"), "there is no format 'docx'"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, code = run_main([*arguments])
    assert code == 2
    assert message in out + capsys.readouterr().err
    assert not Path("reports").exists()
    assert not Path("journal.md").exists()
    assert not Path("runs/grids/lab/notes").exists()


@pytest.mark.usefixtures("_here")
def test_the_journal_grows_by_what_is_new() -> None:
    first = succeed("journal", "lab.yaml")
    journal = Path("journal.md")
    assert first.splitlines()[-1] == str(journal.resolve())
    text = journal.read_text("utf-8")
    assert text.startswith("# Journal\n\n## 3 May 2025, 14:05 UTC: lab\n")
    assert "nothing new: journal.md has these results of lab" in succeed("journal", "lab")
    assert journal.read_text("utf-8") == text
    journal.write_text(text + "By hand, without a newline at the end")
    succeed("note", "lab", "to be repeated")
    succeed("journal", "lab")
    longer = journal.read_text("utf-8")
    assert longer.startswith(text + "By hand, without a newline at the end\n\n## ")
    assert longer.count("**Result**") == 1
    assert longer.count("to be repeated") == 1
    succeed("journal", "lab", "--file", "logs/other.md")
    assert Path("logs/other.md").read_text("utf-8").count("to be repeated") == 1


def test_every_format_can_be_asked_for() -> None:
    assert ("html", *FORMATS) == report.FORMATS


def test_a_grid_without_results_has_a_journal_entry_and_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = synthetic_results(0, variants=1, name="lab")
    store = Store(Path("runs"))
    store.prepare()
    store.write_plan(found.plan)
    succeed("journal", "lab")
    assert "**Ran**: 0 of 10 runs ended" in Path("journal.md").read_text("utf-8")
    assert "nothing to draw yet, so no svg was written" in succeed("report", "lab", "--to", "svg,md")
    assert [path.name for path in Path("reports").iterdir()] == ["lab.md"]


@pytest.mark.usefixtures("_here")
def test_a_report_in_several_formats() -> None:
    printed = succeed("report", "lab", "--to", "md,csv", "--to", "json", "--to", "md").splitlines()
    names = ["lab.md", "lab.csv", "lab-runs.csv", "lab.json"]
    assert printed[1:] == [str(Path("reports", name).resolve()) for name in names]
    assert printed[0] in Path("reports/lab.md").read_text("utf-8").replace("\\", "")
    assert sorted(path.name for path in Path("reports").iterdir()) == sorted(names), "HTML only where it is asked for"
    printed = succeed("report", "lab", "--to", "html,tex", "--out", "paper/v1.2.html").splitlines()
    assert [Path(line).name for line in printed[1:]] == ["v1.2.html", "v1.2.tex"]
    assert sorted(path.name for path in Path("paper").iterdir()) == ["v1.2.html", "v1.2.tex"]
