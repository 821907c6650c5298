"""`open_results`: frames that say what the analysis says, light imports, and the examples of the documentation."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import altair as alt
import polars as pl
import pytest

import ablate
from ablate.analysis import EFFECTS, RANKING, SCORES, Analysis, effects
from ablate.core import StoreError
from ablate.report.export import Source, rows
from ablate.report.export import json as json_export
from ablate.results import Results, open_results
from ablate.results.grid import DIAGNOSED
from ablate.store import RUNS, DiagnosticRow, NoteRecord, PackWriter, Store
from ablate.testing.synthetic import SyntheticResults, synthetic_results

from .recorded import record

DOCS = Path(__file__).parents[2] / "docs/reference"


@pytest.fixture(scope="module")
def found() -> SyntheticResults:
    return synthetic_results(
        5,
        variants=3,
        effects=[0.05, 0.0, -0.02],
        contexts=("short", "long"),
        name="activations",
        points=10,
        margin=0.01,
        statuses={("activation=tanh", 1): "diverged"},
        claims=[{"that": "activation=relu", "is": "better", "than": "base"}],
    )


@pytest.fixture
def results(found: SyntheticResults, tmp_path: Path) -> Results:
    record(tmp_path / "runs", found)
    return open_results(tmp_path / "runs")


def test_a_store_is_a_mapping_of_grids(results: Results, tmp_path: Path) -> None:
    assert results.grids == ("activations",)
    assert list(results) == ["activations"]
    assert len(results) == 1
    assert results["activations"] is results["activations"], "read once"
    with pytest.raises(KeyError, match="there are: activations"):
        results["activation"]
    with pytest.raises(StoreError, match="is not an ablate store"):
        open_results(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_frames_are_typed_and_say_what_the_analysis_says(results: Results, found: SyntheticResults) -> None:
    grid = results["activations"]
    assert dict(grid.runs.schema) == dict(RUNS) | {"purpose": pl.String}
    assert grid.runs["purpose"].unique().to_list() == ["rank"]
    assert grid.runs.height == len(found.plan.runs) == 40
    assert grid.scores.schema == SCORES
    assert grid.ranking.schema == RANKING
    assert grid.effects.schema == EFFECTS
    assert (grid.ranking.height, grid.effects.height) == (8, 6)
    joined = grid.effects.join(grid.ranking, on=["context", "variant"], suffix="_ranked")
    assert joined.height == 6
    for name in ("improvement", "low", "high", "p", "p_adjusted", "n", "paired", "diverged"):
        assert joined[name].to_list() == joined[f"{name}_ranked"].to_list(), name
    again = effects(grid.scores, base="base", margin=0.01)
    assert grid.effects["equivalence_p"].to_list() == [one.comparison.equivalence_p for one in again]
    by_hand = grid.scores.drop_nulls("score").group_by("context", "variant").agg(pl.col("score").mean())
    means = grid.ranking.join(by_hand, on=["context", "variant"])
    assert means["mean"].to_list() == pytest.approx(means["score"].to_list(), rel=1e-12)
    assert grid.claims == grid.analysis.claims
    assert grid.claims[0].verdict == "supported"


def test_series_can_be_narrowed(results: Results, found: SyntheticResults) -> None:
    grid = results["activations"]
    whole = grid.series()
    assert whole.height == found.series.height
    assert grid.series("val_loss").height * 3 == whole.height
    part = grid.series("val_loss", variant=["base", "activation=relu"], context="long", seed=2)
    assert part.height == 20
    assert part.select("variant", "context", "seed", "metric").unique().height == 2
    (score,) = grid.scores.filter(variant="base", context="long", seed=2)["score"]
    assert part.filter(variant="base").sort("step")["value"][-1] == score


def test_diagnostics_are_a_frame(results: Results, found: SyntheticResults) -> None:
    grid = results["activations"]
    assert grid.diagnostics().is_empty()
    run = found.plan.runs[0]
    rows: list[DiagnosticRow] = [
        (run.run_id, run.steps + step, "look", quantity, layer, values, text)
        for step in (-1, 0, 1)
        for quantity, layer, values, text in (
            ("weights", "up", [2.0], None),
            ("weights", "down", [0.25, 0.75], None),
            ("text", "0", [], "To be"),
        )
    ]
    writer = PackWriter(Store(results.root).pack_folder("02"), "02")
    writer.flush((), {}, updated=found.plan.provenance.created, step_seconds=None, readings=rows)
    grid = grid.refresh()
    whole = grid.diagnostics()
    assert tuple(whole.columns) == DIAGNOSED
    assert whole.height == 6, "what was read beyond the budget does not count"
    (last,) = grid.diagnostics("look", quantity="weights", layer=["up"]).filter(step=run.steps).iter_rows(named=True)
    assert (last["variant"], last["context"], last["seed"]) == (run.variant, run.context, run.seed)
    assert (last["value"], last["values"], last["text"]) == (2.0, [2.0], None)
    assert grid.diagnostics(layer="down")["value"].to_list() == [None, None]
    assert grid.diagnostics(quantity="text")["text"].to_list() == ["To be", "To be"]
    assert grid.diagnostics(seed=run.seed + 1).is_empty()
    assert grid.series().height == found.series.height


def test_charts_are_altair_objects(results: Results) -> None:
    charts = results["activations"].charts
    for chart in (charts.forest(), charts.curves(), charts.difference(), charts.curves("train_loss", context="long")):
        assert isinstance(chart, alt.LayerChart)
        assert chart.to_dict()["datasets"]
    assert charts.published() is None
    assert charts.curves("nothing") is None


def test_a_grid_can_be_read_again(results: Results) -> None:
    grid = results["activations"]
    assert grid.notes == ()
    Store(results.root).write_note("activations", NoteRecord(created="2025-05-03T14:05:00+00:00", text="new"))
    assert grid.notes == ()
    assert [note.text for note in grid.refresh().notes] == ["new"]


def test_reading_imports_nothing_heavy(results: Results) -> None:
    code = (
        "import sys, ablate\n"
        "heavy = {'polars', 'numpy', 'scipy', 'pydantic', 'jax', 'ray', 'altair'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        f"grid = ablate.open_results({str(results.root)!r})['activations']\n"
        "grid.ranking, grid.effects, grid.runs, grid.scores, grid.series()\n"
        "assert not {'jax', 'ray', 'altair', 'vl_convert'} & set(sys.modules)\n"
        "grid.charts.forest()\n"
        "assert not {'jax', 'ray'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert ablate.open_results is open_results


# --- documentation -------------------------------------------------------------------------------------------------


def test_the_examples_of_the_page_run(
    results: Results, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(results.root.parent)
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "python.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "python.md", "exec"), names)
    grid = results["activations"]
    assert names["best"]["variant"].to_list() == ["activation=relu"] * 2
    assert names["last"].height == 2
    assert names["by_seed"].columns[:3] == ["context", "seed", "base"]
    assert names["claims"] == grid.claims
    assert grid.analysis.headline in capsys.readouterr().out
    assert Path("forest.svg").read_text("utf-8").startswith("<svg")


def test_the_page_names_every_column_of_the_frames() -> None:
    text = (DOCS / "python.md").read_text("utf-8")
    for schema in (EFFECTS, SCORES):
        assert {f"`{name}`" for name in schema} - set(re.findall(r"`\w+`", text)) <= {"`context`", "`variant`"}


def keys(kind: Any) -> Iterator[str]:
    """The fields of a dataclass, and of those inside it."""
    for one in (kind, *get_args(kind)):
        if is_dataclass(one) and isinstance(one, type):
            hints = get_type_hints(one)
            for field in fields(one):
                yield field.name
                yield from keys(hints[field.name])
        elif one is not kind:
            yield from keys(one)


def test_every_column_and_key_of_the_exports_is_documented(results: Results) -> None:
    text = (DOCS / "exports.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    grid = results["activations"]
    source = Source(grid.analysis, grid.plan, grid.runs)
    assert set(RANKING) | set(rows.runs(source).columns) <= named
    document = json_export.document(source)
    inside = {key for part in ("grid", "analysis") for key in document[part]} | set(document["curves"][0])
    assert set(document) | inside | set(NoteRecord.model_fields) <= named
    assert set(keys(Analysis)) <= named
