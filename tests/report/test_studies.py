"""The sections on factors, cost and seeds: every number drawn is one of the analysis, and large grids stay small."""

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pytest

from ablate.analysis import Analysis
from ablate.analysis.evidence import Interaction
from ablate.report import across, cost, factors, figures, packed, render, stability, studies
from ablate.report.charts import bars, heat
from ablate.store.schema import PlanRecord
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results

from .inside import recorded
from .samples import GENERATED
from .studies import full_grid, read
from .test_page import embedded, number


@pytest.fixture(scope="module")
def results() -> SyntheticResults:
    return full_grid(statuses={("activation=tanh", 2): "diverged"})


@pytest.fixture(scope="module")
def analysis(results: SyntheticResults) -> Analysis:
    return read(results)


@pytest.fixture(scope="module")
def plan(results: SyntheticResults) -> PlanRecord:
    return results.plan


def rows(drawing: studies.Drawing, name: str) -> list[dict[str, Any]]:
    data = drawing.choices[0]["data"] if drawing.choices else drawing.data
    found: list[dict[str, Any]] = data[name]
    return found


def test_levels_shares_and_interactions_are_those_of_the_analysis(analysis: Analysis, plan: PlanRecord) -> None:
    assert analysis.factors is not None
    (grid,) = analysis.factors.grids
    section = factors.section(analysis, plan)
    assert section is not None
    (part,) = section.parts
    assert grid.n == 4, "the seed that a cell lacks does not count"
    for factor, drawing in zip(grid.factors, part.levels, strict=True):
        drawn = rows(drawing, "levels")
        assert [row["y"] for row in drawn] == pytest.approx([level.improvement for level in factor.levels], rel=1e-5)
        for row, level in zip(drawn, factor.levels, strict=True):
            assert (row["low"] is None) == (level.interval is None)
        assert [bool(row["edge"]) for row in drawn].count(True) == bool(factor.edge)
        assert "n = 4" in drawing.caption
    assert part.shares is not None
    shares = [term.share for term in grid.terms]
    assert [row["x"] for row in rows(part.shares, "bars")] == pytest.approx(shares, rel=1e-5, abs=1e-9)
    assert [line.name for line in part.terms] == [term.name for term in grid.terms]
    for interaction, drawing in zip(grid.interactions, part.interactions, strict=True):
        cells = [value for row in interaction.cells for value in row]
        assert [row["value"] for row in rows(drawing, "cells")] == pytest.approx(cells, rel=1e-5)
    deepest = [max(row["depth"] for row in rows(drawing, "cells")) for drawing in part.interactions]
    assert deepest[0] == pytest.approx(heat.DEEPEST)
    assert max(deepest[1:]) < 0.5 * heat.DEEPEST, "all interactions have one scale"


def test_a_negative_share_is_shown_as_it_is() -> None:
    assert factors._share(-0.0123) == "−1.2\u00a0%"
    assert factors._share(-0.0001) == "0.0\u00a0%"
    assert factors._share(0.5) == "50.0\u00a0%"


def test_one_change_at_a_time_has_a_bar_for_each(plan: PlanRecord) -> None:
    results = synthetic_results(0, variants=30, effects=[0.01 * place for place in range(30)])
    analysis = read(results)
    section = factors.section(analysis, results.plan)
    assert section is not None
    (part,) = section.parts
    assert part.changes is not None
    by_name = {row.variant: row for row in analysis.ranking}
    drawn = rows(part.changes, "bars")
    assert len(drawn) == factors.CHANGES
    assert part.notes == ("The 20 largest of 30 effects.",)
    assert analysis.factors is not None
    for row, change in zip(drawn, analysis.factors.changes, strict=False):
        assert row["x"] == pytest.approx(by_name[change.variant].improvement, rel=1e-5)
        assert f"n = {change.n}" in row["text"]
    assert not part.levels
    assert not part.terms


def test_a_bar_that_is_far_off_leaves_the_axis_and_keeps_its_figures() -> None:
    found = [bars.Bar(name, x, f"{x:g}", "", "var(--ink)") for name, x in (("a", 1), ("b", -2), ("c", 1.5), ("d", -90))]
    data, shown = bars.bars(found)
    assert shown.low > -10
    assert data["text"].to_list() == ["1", "-2", "1.5", "◂ -90"]
    whole, axis = bars.bars(found, whole=True)
    assert axis.low < -90
    assert whole["text"].to_list()[-1] == "-90"


def test_the_cost_table_and_the_scatter_plot_are_those_of_the_analysis(analysis: Analysis, plan: PlanRecord) -> None:
    section = cost.section(analysis, plan)
    assert section is not None
    assert analysis.cost is not None
    (part,) = section.parts
    (found,) = analysis.cost.contexts
    assert part.lines[0].baseline
    assert {line.variant for line in part.lines} == {row.variant for row in found.rows}
    by_name = {row.variant: row for row in found.rows}
    for line in part.lines:
        row = by_name[line.variant]
        cells = {cell.title: cell for cell in line.cells}
        assert cells["Steps to target"].sub == f"{row.reached} of {row.tried}"
        assert (cells["Steps to target"].text == "never") == (row.target_steps == float("inf"))
        assert cells["Overfit"].sub == f"n = {row.overfit_n}"
    assert part.chart is not None
    assert [choice["key"] for choice in part.chart.choices] == ["seconds", "parameters"]
    for choice, axis in zip(part.chart.choices, found.axes, strict=True):
        points = choice["data"]["points"]
        assert len(choice["data"]["front"]) == len(axis.front)
        assert sum(row["front"] for row in points) == len(axis.front)
    unstable = next(row for row in part.chart.choices[0]["data"]["points"] if row["verdict"] == "unstable")
    assert not unstable["front"]


def test_residuals_and_ranks_are_those_of_the_analysis(analysis: Analysis, plan: PlanRecord) -> None:
    section = stability.section(analysis, plan)
    assert section is not None
    assert analysis.stability is not None
    (part,) = section.parts
    (found,) = analysis.stability.contexts
    assert part.residuals is not None
    assert part.ranks is not None
    values = [value for row in found.residuals for value in row.values if value is not None]
    assert [row["value"] for row in rows(part.residuals, "cells")] == pytest.approx(values, rel=1e-5)
    shares = [share for row in found.ranks for share in row.shares if share >= 0.005]
    assert [row["value"] for row in rows(part.ranks, "cells")] == pytest.approx(shares)
    assert "Not used for verdicts" in part.rank_note
    assert part.rank_note.startswith("The 15 best means of 17; share of 2,000 draws of 5 seeds"), "one is unstable"


def test_flags_lead_to_the_section_with_their_evidence(analysis: Analysis, plan: PlanRecord) -> None:
    html = render(analysis, plan, generated=GENERATED)
    ids = set(re.findall(r'<section id="([^"]+)"', html))
    links = re.findall(r'<b><a href="#([^"]+)">', html)
    assert len(links) == len(analysis.flags) > 3
    assert set(links) <= ids
    assert {"factors", "cost", "failures"} <= set(links)


def test_figures_are_the_charts_of_the_page(analysis: Analysis, plan: PlanRecord) -> None:
    assert len(figures.effects(analysis, plan)) == 3
    assert len(figures.interactions(analysis, plan)) == 3
    single = (figures.shares, figures.pareto, figures.residuals, figures.ranks)
    assert all(isinstance(draw(analysis, plan), alt.LayerChart) for draw in single)
    assert figures.changes(analysis, plan) is None
    by_size = figures.pareto(analysis, plan, cost_key="parameters")
    assert by_size is not None
    assert "parameters" in json.dumps(by_size.to_dict()["layer"][0]["encoding"]["x"])
    assert figures.pareto(analysis, plan, cost_key="flops") is None
    plain = synthetic_results(0, variants=3)
    assert figures.changes(read(plain), plain.plan) is not None
    assert figures.shares(read(plain), plain.plan) is None
    assert figures.effects(read(plain), plain.plan) == ()


@pytest.mark.parametrize(
    "more",
    [
        {"seeds": 1},
        {"seeds": 2},
        {"finished": 0.0},
        {"finished": 0.5},
        {"noise": 0.0},
        {"noise": 0.0, "effects": 0.0},
        {"statuses": {("activation=tanh", seed): "diverged" for seed in range(5)}},
        {"statuses": {("base", seed): "error" for seed in range(5)}},
        {"level": 1e12, "noise": 1e9},
        {"level": 1e-9, "noise": 1e-11},
        {"contexts": tuple("abcdefgh"), "points": 5},
    ],
    ids=str,
)
def test_every_state_of_a_full_grid_gives_a_page(more: dict[str, Any]) -> None:
    results = full_grid(**more)
    analysis = read(results)
    html = render(analysis, results.plan, generated=GENERATED)
    assert '<section id="factors"' in html
    assert render(read(results), results.plan, generated=GENERATED) == html
    drawn = [chart["id"] for chart in embedded(html).get("studies", [])]
    assert len(set(drawn)) == len(drawn)
    assert all(html.count(f'id="{name}"') == 1 for name in drawn)
    if "contexts" in more:
        assert "Shown for the first 6 of 8 contexts" in html
        assert len(figures.effects(analysis, results.plan, context="h")) == 3


def test_every_section_gives_the_same_bytes_again() -> None:
    contexts = [f"task={place}" for place in range(6)]
    made = synthetic_results(0, variants=3, contexts=contexts, effects=0.02, seeds=10)
    pages = {
        render(read(made), made.plan, generated=GENERATED, diagnostics=recorded(made, steps=(500, 1000)))
        for _ in range(2)
    }
    assert len(pages) == 1
    for section in ("factors", "cost", "across", "stability", "diagnostics"):
        assert f'<section id="{section}"' in next(iter(pages))


def test_all_contexts_together_are_those_of_the_analysis() -> None:
    made = synthetic_results(0, variants=8, contexts=[f"task={place}" for place in range(6)], effects=0.02)
    analysis = read(made)
    found, section = analysis.across, across.section(analysis, made.plan)
    assert found is not None
    assert section is not None
    assert [line.variant for line in section.lines] == [row.variant for row in found.rows]
    for line, row in zip(section.lines, found.rows, strict=True):
        assert number(line.iqm) == pytest.approx(row.iqm, abs=0.006)
        assert line.verdicts == f"{row.better} better, {row.worse} worse of 6"
    points = section.profile.data["points"]
    assert len(points) == 6 * len(found.thresholds)
    assert [point["y"] for point in points[: len(found.thresholds)]] == pytest.approx(
        list(found.rows[0].profile), abs=1e-6
    )
    assert section.duels is not None
    cells = {(cell["row"], cell["column"]): cell["value"] for cell in section.duels.data["cells"]}
    assert len(cells) == 7 * 6
    for one in found.duels:
        assert cells[one.names] == pytest.approx(one.gain, rel=1e-5)
        assert cells[one.names[::-1]] == pytest.approx(-one.gain, rel=1e-5)


def test_hostile_names_are_only_text_in_every_section() -> None:
    grid = {
        f"{a}|{b}": {HOSTILE_NAMES[0]: a, HOSTILE_NAMES[1]: b} for a in HOSTILE_NAMES[:3] for b in HOSTILE_NAMES[3:6]
    }
    results = synthetic_results(0, variants=list(grid), changes=grid, parameters={"base": 5})
    analysis = read(results)
    assert analysis.factors is not None
    assert analysis.factors.design == "full grid"
    html = render(analysis, results.plan, generated=GENERATED)
    own = html[: html.index('<script type="application/json"')]
    assert "<script>alert" not in own
    assert "<img" not in own


def test_heat_maps_of_many_values_are_left_out(analysis: Analysis, plan: PlanRecord) -> None:
    assert analysis.factors is not None
    (grid,) = analysis.factors.grids
    side = tuple(f"v{place}" for place in range(factors.LEVELS + 1))
    wide = Interaction(("a", "b"), side, ("x", "y"), ((0.1, -0.1),) * len(side))
    grown = replace(grid, interactions=(wide, *grid.interactions))
    section = factors.section(replace(analysis, factors=replace(analysis.factors, grids=(grown,))), plan)
    assert section is not None
    assert len(section.parts[0].interactions) == 3
    assert "Heat maps of the 3 largest of 4 interactions with at most 12 values a side." in section.parts[0].notes


# --- packed curves -------------------------------------------------------------------------------------------------


def unpack(blob: str, place: list[Any]) -> list[float | None]:
    """As the page does it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(blob)), dtype=np.uint8).astype(np.int64)
    half = len(planes) // 2
    offset, length, low, high = place
    whole = planes[offset : offset + length] + 256 * planes[half + offset : half + offset + length]
    return [None if one == packed.GAP else low + (high - low) * one / packed.STEPS for one in whole.tolist()]


def test_packed_curves_are_the_curves_to_a_fraction_of_their_range() -> None:
    lines: dict[str, list[float | None]] = {
        "0": [4.0, 3.5, None, 2.0],
        "10": [1e6, None, 1.0],
        "2": [],
        "3": [None, None],
        "4": [2.5, 2.5],
    }
    means = {"mean": [1.5, -2.5], "low": [1.0, -3.0], "high": [2.0, -2.0]}
    panels: list[dict[str, Any]] = [
        {"steps": [1, 2, 3, 4], "series": {"7": {"runs": dict(lines), **means, "apart": dict(means)}}},
    ]
    assert packed.size(panels) == 23
    blob = packed.pack(panels)
    series = panels[0]["series"]["7"]
    for seed, values in lines.items():
        found = unpack(blob, series["runs"][seed])
        assert len(found) == len(values)
        for ours, theirs in zip(found, values, strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None and theirs is not None:
                known = [one for one in values if one is not None]
                assert abs(ours - theirs) <= (max(known) - min(known)) / packed.STEPS
    assert unpack(blob, series["apart"]["low"]) == pytest.approx(means["low"], abs=1e-4)


def test_a_page_of_500_variants_is_packed_and_small() -> None:
    results = synthetic_results(0, variants=499, points=200, effects=0.01)
    html = render(read(results), results.plan, generated=GENERATED)
    assert len(html.encode()) < 5_000_000
    data = embedded(html)
    assert data["curves"]["packed"]
    assert "1/65,534 of their own range" in html
    charts = {chart["id"]: chart for chart in data["studies"]}
    assert len(charts["residuals-0"]["data"]["cells"]) == 30 * 5
    assert len(charts["cost-0"]["choices"][0]["data"]["points"]) <= cost.POINTS + 10
    assert "The baseline and the 30 best of 499 means" in html
    seed = data["curves"]["panels"][0]["series"]["0"]["runs"]["0"]
    label = data["curves"]["variants"][0]
    last = results.series.filter(
        pl.col("run_id").is_in([run.run_id for run in results.plan.runs if (run.variant, run.seed) == (label, 0)]),
        metric="val_loss",
    )
    drawn = [value for value in unpack(data["curves"]["packed"], seed) if value is not None]
    assert drawn[-1] == pytest.approx(last.sort("step")["value"].tail(6).mean(), rel=1e-3)
