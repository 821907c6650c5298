"""The section on diagnostics: what is drawn is what the runs recorded, and it is there only if they did."""

import base64
import re
import struct
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.analysis import seed_means
from ablate.report import diagnostics, readings, render, specimens
from ablate.report.charts import diagnostics as chart
from ablate.results import open_results, read_diagnostics, read_grid
from ablate.store import DiagnosticRow, PackWriter, Store
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results
from tests.cli.test_cli import run_main
from tests.results.recorded import record

from .inside import EDGES, LAYERS, STEPS, recorded
from .samples import GENERATED
from .studies import read
from .test_page import embedded


@pytest.fixture(scope="module")
def results() -> SyntheticResults:
    return synthetic_results(0, variants=9, seeds=3, contexts=("short", "long"))


@pytest.fixture(scope="module")
def found(results: SyntheticResults) -> pl.DataFrame:
    return recorded(results)


@pytest.fixture(scope="module")
def html(results: SyntheticResults, found: pl.DataFrame) -> str:
    return render(read(results), results.plan, generated=GENERATED, diagnostics=found)


def test_lines_and_maps_are_the_means_of_what_was_recorded(html: str, found: pl.DataFrame) -> None:
    data = embedded(html)["diagnostics"]
    names = [look["name"] for look in data["looks"]]
    assert names[0] == "base"
    assert len(names) == 7
    assert [chart["kind"] for chart in data["charts"]] == ["lines", "lines", "lines", "bins"]
    single = dict(
        zip([("scale", "largest"), ("sizes", "gradients"), ("sizes", "weights")], data["charts"], strict=False)
    )
    for (context, where), (layer, called), (place, variant) in product(
        enumerate(("short", "long")), enumerate(LAYERS), enumerate(names)
    ):
        for (diagnostic, quantity), drawn in single.items():
            if diagnostic == "scale" and layer:
                continue
            of = pl.col("layer") == ("" if diagnostic == "scale" else called)
            mine = found.filter(of, diagnostic=diagnostic, quantity=quantity, variant=variant, context=where)
            means = [mine.filter(step=step)["values"].list.first().cast(pl.Float64).mean() for step in STEPS]
            (row,) = [row for row in drawn["choices"][f"{context} {layer}"]["rows"] if row[0] == place]
            assert row[1] == 3
            assert row[2] == pytest.approx(means, rel=1e-4)
        choice = data["charts"][3]["choices"].get(f"{context} {layer} {place}")
        assert (choice is None) == (place > diagnostics.BIN_VARIANTS)
        if choice:
            mine = found.filter(layer=called, diagnostic="bins", quantity="weights", variant=variant, context=where)
            for at, first, shares in choice["rows"]:
                rows = mine.filter(step=STEPS[at])["values"].to_list()
                whole = [0.0] * first + shares + [0.0] * (len(EDGES) + 1 - first - len(shares))
                assert whole == pytest.approx(np.mean(rows, axis=0).tolist(), rel=1e-3)


def test_the_page_says_what_it_shows(html: str) -> None:
    own = html[html.index('<section id="diagnostics"') :]
    assert "Shown: the baseline and the 6 best means of 9. Histograms: the baseline and the 3 best." in own
    assert "<bdi>base</bdi> (n = 3)" in own
    assert re.findall(r'data-layer="inside-1".*?</select>', own)[0].count("<option") == 3
    assert own.index(">blocks.2.up<") < own.index(">blocks.10.up<")
    assert "To be,\n  or not base 0 1000</bdi>" in own
    assert '<a href="#diagnostics">Diagnostics</a>' in html


def test_without_recordings_the_page_is_the_same_as_ever(results: SyntheticResults, found: pl.DataFrame) -> None:
    analysis = read(results)
    bare = render(analysis, results.plan, generated=GENERATED)
    assert render(analysis, results.plan, generated=GENERATED, diagnostics=found.clear()) == bare
    assert "iagnostics" not in bare[: bare.index('<script type="application/json"')]
    assert "diagnostics" not in embedded(bare)


def test_the_same_recordings_give_the_same_bytes(html: str, results: SyntheticResults, found: pl.DataFrame) -> None:
    shuffled = found.sample(fraction=1.0, shuffle=True, seed=5)
    assert render(read(results), results.plan, generated=GENERATED, diagnostics=shuffled) == html


def test_hostile_names_and_texts_are_only_text() -> None:
    results = synthetic_results(0, variants=HOSTILE_NAMES, contexts=(HOSTILE_NAMES[0], "b"))
    names = dict(zip(("sizes", "bins", "scale", "written", "between"), HOSTILE_NAMES, strict=False))
    found = recorded(results, layers=HOSTILE_NAMES, called=names, text=HOSTILE_NAMES[0] + "\0\x1b")
    html = render(read(results), results.plan, generated=GENERATED, diagnostics=found)
    own = html[: html.index('<script type="application/json"')]
    assert '<section id="diagnostics"' in own
    assert "<script>alert" not in own
    assert "<img src=x" not in own
    assert "\0" not in html
    assert "␀␛" in own
    assert len(embedded(html)["diagnostics"]["charts"]) == 4


def test_large_grids_are_cut_evenly_and_say_so() -> None:
    results = synthetic_results(0, variants=8, seeds=1)
    layers = [f"layer.{place}" for place in range(50)]
    found = recorded(results, layers=layers, steps=range(10, 1000, 10))
    section = diagnostics.section(read(results), results.plan, found)
    assert section is not None
    drawn = section.lines[-1]
    assert drawn.caption == "sizes: weights"
    assert len(drawn.layers) == readings.LAYERS
    assert (drawn.layers[0], drawn.layers[-1]) == ("layer.0", "layer.49")
    steps = drawn.payload["steps"]
    assert (steps[0], steps[-1]) == (10, 990)
    assert drawn.notes == ("24 of 50 layers", f"{len(steps)} of 99 steps")
    assert readings.FEWEST <= len(steps) <= readings.POINTS
    (bins,) = section.maps
    assert len(bins.layers) == readings.BIN_LAYERS
    numbers = sum(len(row[2]) for choice in bins.payload["choices"].values() for row in choice["rows"])
    assert numbers <= readings.BIN_VALUES


def test_pictures_hold_the_grey_levels(found: pl.DataFrame) -> None:
    values = [0.0, 0.25, 0.5, 1.0, 2.0, -1.0, 0.1, 0.2, 0.3]
    data = base64.b64decode(specimens.picture(values).removeprefix("data:image/png;base64,"))
    assert struct.unpack(">II", data[16:24]) == (3, 3)
    body = data.index(b"IDAT") + 4
    lines = zlib.decompress(data[body : data.index(b"IEND") - 8])
    levels = [level for row in range(3) for level in lines[4 * row + 1 : 4 * row + 4]]
    assert levels == [round(255 * min(max(value, 0), 1)) for value in values]
    assert specimens.picture([0.5] * 8) == ""
    assert specimens.picture([float("nan")] * 9) == ""
    (group,) = specimens.pictures(found, ["base"], ["short", "long"])
    assert [(made.context, made.where, len(made.images)) for made in group.made] == [
        ("short", "step 1,000, seed 0", 3),
        ("long", "step 1,000, seed 0", 3),
    ]


def test_rows_without_bins_are_named(results: SyntheticResults, found: pl.DataFrame) -> None:
    section = diagnostics.section(read(results), results.plan, found.filter(pl.col("quantity") != "edges"))
    assert section is not None
    assert section.notes == ("Rows of numbers without bins are not drawn: bins: weights.",)
    assert section.maps == ()


@pytest.mark.parametrize(
    ("values", "log"), [([1.0, 30.0], True), ([1.0, 5.0], False), ([0.0, 30.0], False), ([-1.0, 30.0], False)]
)
def test_an_axis_is_logarithmic_where_positive_numbers_are_far_apart(values: list[float], *, log: bool) -> None:
    found = chart.reach(values, values)
    assert (found["log"], found["cut"]) == (log, False)
    low, high = found["domain"]
    assert low <= min(values) < max(values) < high


def test_a_first_value_that_is_far_off_does_not_set_the_axis() -> None:
    assert chart.reach([1e25, 2.0, 1.0], [2.0, 1.0]) == {"log": False, "domain": [0.94, 2.06], "cut": True}
    assert not chart.reach([1.0, 2.0, 1e25], [2.0, 1e25])["cut"]


def test_bins_are_drawn_where_they_are() -> None:
    bins = chart.bounds([0.1, 1.0, 10.0])
    assert [one["low"] for one in bins] == pytest.approx([0.01, 0.1, 1, 10])
    assert [one["high"] for one in bins] == pytest.approx([0.1, 1, 10, 100])
    assert [one["range"] for one in bins] == ["below 0.10", "0.10 to 1.0", "1.0 to 10", "from 10"]
    choice: dict[str, Any] = {"n": 2, "rows": [[1, 2, [0.25, 0.0, 0.75]]]}
    drawn = chart.cells([*bins, bins[-1]], [5, 6], choice)
    assert [(row["s"], row["low"], row["share"]) for row in drawn] == [(6, 1, 0.25), (6, 10, 0.75)]


def test_a_store_gives_what_the_section_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = synthetic_results(0, variants=1, seeds=2, name="inside")
    monkeypatch.chdir(tmp_path)
    store = record(Path("runs"), results)
    rows: list[DiagnosticRow] = [
        (run.run_id, step, "scale", "largest", "", [step * (run.seed + 1.0)], None)
        for run in results.plan.runs
        for step in (500, 1000, 2000)
    ]
    writer = PackWriter(store.pack_folder("02"), "02")
    writer.flush((), {}, updated=results.plan.provenance.created, step_seconds=None, readings=rows)
    reading = read_grid(Store(Path("runs")), "inside")
    found = read_diagnostics(Store(Path("runs")), reading)
    section = diagnostics.section(reading.analysis, reading.plan, found)
    assert section is not None
    (line,) = section.lines
    assert line.payload["steps"] == [500, 1000], "what was read beyond the budget does not count"
    assert line.payload["choices"]["0 0"]["rows"] == [[0, 2, [750, 1500]], [1, 2, [750, 1500]]]
    frame = open_results("runs")["inside"].diagnostics()
    assert seed_means(frame).equals(seed_means(found))
    printed, code = run_main(["report", "inside"])
    assert code == 0
    page = Path(printed.splitlines()[-1]).read_text("utf-8")
    assert embedded(page)["diagnostics"]["charts"][0]["choices"] == line.payload["choices"]
