"""`ablate status` and `ablate report` of a grid that tunes and was confirmed, from a store."""

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from ablate.cli import app
from ablate.cli.selection import confirmation_lines, tuning_lines
from ablate.store import Store
from ablate.store.schema import PackRecord, RunState
from ablate.store.writer import PackWriter
from ablate.testing.selection import with_confirmation, with_tuning
from ablate.testing.synthetic import SyntheticResults, synthetic_results


def made(finished: float = 1.0) -> SyntheticResults:
    plain = synthetic_results(0, variants=("relu", "tanh"), effects=[0.1, 0.0])
    axes = {"optimizer.lr": (1e-4, 1e-3, 1e-2)}
    tuned = with_tuning(plain, 1, axes, optima=1, finished=finished, statuses={("tanh", 2): "error"})
    return with_confirmation(tuned, 2, ["relu"], effects={"relu": 0.08}, finished=0.5)


def stored(results: SyntheticResults, folder: Path) -> Path:
    """The results as one pack of a store."""
    assert results.confirmation is not None
    store = Store(folder)
    store.prepare()
    store.write_plan(results.plan)
    store.write_confirmation(results.plan.name, results.confirmation)
    states = {
        row["run_id"]: RunState(step=row["step"], status=row["status"], message=row["message"])
        for row in results.runs.drop_nulls("step").iter_rows(named=True)
    }
    writer = PackWriter(store.pack_folder("a"), "a")
    writer.open(
        PackRecord(
            pack_id="a",
            signature="s",
            run_ids=tuple(states),
            width=len(states),
            strategy="map",
            devices=1,
            compile_seconds=1.0,
            provenance=results.plan.provenance,
        )
    )
    rows = results.series.select("run_id", "step", "metric", "value").rows()
    writer.flush(rows, states, updated="2024-06-01T12:00:00Z", step_seconds=None)
    return folder


def rows_of(results: SyntheticResults, ids: list[str]) -> pl.DataFrame:
    return results.runs.filter(pl.col("run_id").is_in(ids))


def test_status_says_how_far_tuning_and_confirmation_are(tmp_path: Path) -> None:
    store = stored(made(), tmp_path / "runs")
    done = CliRunner().invoke(app.group, ["status", "synthetic.yaml", "--store", str(store)])
    assert done.exit_code == 0, done.output
    assert "15 runs: 15 done\n" in done.output
    assert "tuning: 27 of 27 runs ended (3 error); setting chosen for 3 of 3 variants\n" in done.output
    assert "confirmation: 8 of 16 runs ended; 1 variant and the baseline on 8 fresh seeds\n" in done.output
    assert done.output.count("attention heads (4) do not divide the width (66)") == 1


def test_the_lines_count_what_is_chosen_and_what_is_not() -> None:
    results = made(finished=0.6)
    record, confirmation = results.plan.tuning, results.confirmation
    assert record is not None
    assert confirmation is not None
    (line, *_) = tuning_lines(record, rows_of(results, [run.run_id for run in record.runs]))
    assert line.startswith("tuning: 16 of 27 runs ended (")
    assert line.endswith("setting chosen for 0 of 3 variants")
    (line,) = confirmation_lines(confirmation, rows_of(results, [run.run_id for run in confirmation.runs]))
    assert line.startswith("confirmation: 8 of 16 runs ended;")


@pytest.mark.parametrize("finished", [0.6, 1.0])
def test_the_report_reads_both_from_the_store(tmp_path: Path, finished: float) -> None:
    store = stored(made(finished), tmp_path / "runs")
    page = tmp_path / "page.html"
    done = CliRunner().invoke(app.group, ["report", "synthetic.yaml", "--store", str(store), "--out", str(page)])
    assert done.exit_code == 0, done.output
    html = page.read_text("utf-8")
    assert '<section id="tuning"' in html
    assert '<section id="confirmation"' in html
    if finished == 1.0:
        assert done.output.startswith("relu beats base by 0.0")
        assert "n=4 fresh paired seeds" in done.output
    else:
        assert "Confirmation is outdated" in html
