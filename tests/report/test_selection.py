"""The sections on tuning and confirmation, without a browser."""

import re
from typing import Any

import polars as pl
import pytest

from ablate.analysis import Analysis, analyze
from ablate.report import confirmation, render, tuning
from ablate.report.charts import confirmation as both_chart
from ablate.report.charts import tuning as tuning_chart
from ablate.report.numbers import ABSENT, Style
from ablate.testing.selection import with_confirmation, with_tuning
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results

from .samples import GENERATED
from .test_page import embedded, number, without_library

LR = (1e-4, 1e-3, 1e-2)
NAMES = ("relu", "tanh", "elu")


def made(**more: Any) -> SyntheticResults:
    plain = synthetic_results(0, variants=NAMES, effects=[0.1, 0.05, -0.1], margin=0.01)
    optima = {"relu": 2, "tanh": 1, "base": 1}
    return with_tuning(plain, 1, {"optimizer.lr": LR}, **{"penalty": 0.1, "optima": optima, **more})


def read(results: SyntheticResults) -> Analysis:
    return analyze(results.plan, results.runs, results.series, confirmation=results.confirmation)


def page(results: SyntheticResults) -> str:
    return render(read(results), results.plan, generated=GENERATED)


def test_only_a_grid_that_has_them_shows_the_sections() -> None:
    plain = synthetic_results(0, variants=NAMES)
    for results, shown in (
        (plain, set()),
        (made(), {"tuning"}),
        (with_confirmation(plain, 1, ["relu"]), {"confirmation"}),
        (with_confirmation(made(), 1, ["relu"]), {"tuning", "confirmation"}),
    ):
        html = without_library(page(results))
        for name in ("tuning", "confirmation"):
            assert (f'<section id="{name}"' in html) == (name in shown)
            assert (f'<a href="#{name}">' in html) == (name in shown)
            assert (f'data-download="{name}"' in html) == (name in shown)
        assert ("drawSelection" in html) == bool(shown)
        assert (".chosen .otherwise" in html) == bool(shown)
        assert ("selection" in embedded(html)) == bool(shown)


def test_the_same_input_gives_the_same_bytes() -> None:
    results = with_confirmation(made(), 1, ["relu", "tanh"])
    assert page(results) == page(results)


def test_the_table_of_settings_shows_the_numbers_of_the_analysis() -> None:
    results = made(at="mean_last:5", statuses={("elu", 2): "diverged"})
    analysis = read(results)
    section = tuning.section(analysis, results.plan)
    assert section is not None
    assert analysis.tuning is not None
    (part,) = section.parts
    assert section.axes == ("optimizer.lr",)
    assert section.selectors == "last, best, mean_last:10, auc"
    assert part.lines[0].baseline
    for line in part.lines:
        source = next(row for row in analysis.tuning.rows if row.variant == line.variant)
        assert source.chosen is not None
        assert [value.text for value in line.values] == list(source.candidates[source.chosen].values)
        assert number(line.score) == pytest.approx(source.tuning_score, abs=0.0006)
        assert number(line.fresh) == pytest.approx(source.fresh_score, abs=0.0006)
        assert number(line.gap) == pytest.approx(source.optimism, abs=0.0006)
        assert (line.seeds, line.fresh_seeds) == ("3 of 3", "5 of 5")
    edges = {line.variant: line.values[0].edge for line in part.lines}
    assert edges == {"base": "", "relu": "largest tried", "tanh": "", "elu": "smallest tried"}
    assert {line.variant: line.lost for line in part.lines}["elu"] == "3 diverged"


def test_a_variant_without_a_setting_says_how_far_it_is() -> None:
    results = made(finished=0.7)
    section = tuning.section(read(results), results.plan)
    assert section is not None
    waiting = [line for line in section.parts[0].lines if not line.values]
    assert waiting
    assert all(re.fullmatch(r"not chosen yet: \d of 9 runs ended", line.open) for line in waiting)
    assert all((line.score, line.fresh, line.gap) == (ABSENT,) * 3 for line in waiting)
    assert "25 of 36 tuning runs have ended" in section.lede


def test_the_points_of_the_chart_are_the_means_of_the_candidates() -> None:
    results = made()
    found = read(results).tuning
    assert found is not None
    data = tuning_chart.tried(found.rows, found.axes[0], "base", Style(4), 3)
    assert data.height == 12
    assert data["x"].unique().sort().to_list() == list(LR)
    chosen = {row["variant"]: row["x"] for row in data.filter("chosen").iter_rows(named=True)}
    assert chosen == {"base": 1e-3, "relu": 1e-2, "tanh": 1e-3, "elu": 1e-4}
    relu = next(row for row in found.rows if row.variant == "relu")
    assert data.filter(variant="relu").sort("x")["y"].to_list() == [candidate.mean for candidate in relu.candidates]
    assert data.filter(variant="base")["color"].unique().to_list() == ["var(--ink)"]


def test_a_score_that_is_far_off_leaves_the_plot() -> None:
    frame = pl.DataFrame(
        {
            "variant": ["a"] * 4 + ["b"] * 4,
            "y": [1.0, 1.1, 1.2, 900.0, 1.05, 1.15, None, 30.0],
            "chosen": [True, False, False, False, True, False, False, False],
        }
    )
    shown = tuning_chart.window(frame, "minimize")
    assert (shown.low, shown.high) == pytest.approx((0.988, 1.212))
    away = tuning_chart.away(frame, shown)
    assert away.select("variant", "y", "side").rows() == [("a", shown.high, "high"), ("b", shown.high, "high")]
    turned = tuning_chart.window(frame.with_columns(y=-pl.col("y")), "maximize")
    assert (turned.low, turned.high) == pytest.approx((-1.212, -0.988))
    chosen = tuning_chart.window(frame.with_columns(chosen=pl.col("y").is_in([1.0, 30.0])), "minimize")
    assert chosen.high > 30


def test_several_axes_give_a_table_of_all_settings() -> None:
    axes = {"optimizer.lr": LR, "optimizer.beta": (0.9, 0.99)}
    results = with_tuning(synthetic_results(0, variants=NAMES), 1, axes, penalty=0.1, optima=1)
    analysis = read(results)
    section = tuning.section(analysis, results.plan)
    assert section is not None
    (part,) = section.parts
    assert part.chart is None
    assert part.heat is not None
    assert part.heat.heads == (
        ("optimizer.lr", (("0.0001", 2), ("0.001", 2), ("0.01", 2))),
        ("optimizer.beta", (("0.9", 1), ("0.99", 1)) * 3),
    )
    for variant, cells in part.heat.rows:
        row = next(row for row in analysis.tuning.rows if row.variant == variant) if analysis.tuning else None
        assert row is not None
        assert [cell.chosen for cell in cells] == [index == row.chosen for index in range(6)]
        assert [number(cell.text) for cell in cells] == pytest.approx(
            [candidate.mean for candidate in row.candidates], abs=0.0006
        )
        assert cells[row.chosen or 0].shade == 0
        worst = max(range(6), key=lambda index: row.candidates[index].mean or 0.0)
        assert cells[worst].shade == max(cell.shade for cell in cells)
    html = page(results)
    assert html.count("(chosen)") == 4
    many = with_tuning(synthetic_results(0, variants=1), 1, {"a.x": range(7), "a.y": range(7)}, seeds=1)
    wide = tuning.section(read(many), many.plan)
    assert wide is not None
    assert wide.parts[0].heat is None


def test_both_estimates_stand_side_by_side() -> None:
    results = with_confirmation(made(), 1, ["relu", "tanh"], effects={"relu": 0.06})
    analysis = read(results)
    section = confirmation.section(analysis, results.plan)
    assert section is not None
    assert analysis.confirmation is not None
    (part,) = section.parts
    for line, source in zip(part.lines, analysis.confirmation.rows, strict=True):
        assert source.screening is not None
        for shown, row in ((line.fresh, source.fresh), (line.screening, source.screening)):
            assert row.interval is not None
            assert number(shown.improvement) == pytest.approx(row.improvement, abs=0.0006)
            low, high = shown.interval.split(" to ")
            assert (number(low), number(high)) == pytest.approx((row.interval.low, row.interval.high), abs=0.0006)
            assert shown.n == f"n = {row.n}"
    assert [line.words[0] for line in part.lines] == ["better", "undecided"]
    html = page(results)
    assert "This is the screening" in html
    data = embedded(html)["selection"]["confirmation"]
    assert [row["variant"] for row in data] == ["base", "relu", "tanh"]
    assert [row["improvement"] for row in data[1:]] == [row.fresh.improvement for row in analysis.confirmation.rows]


def test_the_forest_plot_has_two_lines_for_each_confirmed_variant() -> None:
    results = with_confirmation(made(), 1, ["relu", "tanh"], effects={"relu": 0.06})
    found = read(results).confirmation
    assert found is not None
    frames = both_chart.frames(found.rows, Style(3), 0.01)
    names = frames.rows["name"].to_list()
    assert [name.strip("\u200b") for name in names] == ["relu", "screening", "tanh", "screening"]
    assert len(set(names)) == 4
    first = found.rows[0]
    assert first.screening is not None
    assert frames.rows["x"].to_list()[:2] == [first.fresh.improvement, first.screening.improvement]
    assert frames.rows["color"].to_list()[:2] == ["var(--better)", "var(--edge)"]
    assert frames.seeds.height == 2 * (8 + 5)


def test_what_is_no_evidence_is_said_to_be_none() -> None:
    plain = made()
    html = page(with_confirmation(plain, 1, ["relu"], seeds=[3, 2_000_000]))
    assert "Rejected: it was trained on seed 3 of the screening" in html
    assert '<table class="plain cards confirmed"' not in html
    results = with_confirmation(plain, 1, ["relu"])
    metric = results.plan.metric.model_copy(update={"at": "best"})
    outdated = type(results)(
        results.plan.model_copy(update={"metric": metric}), results.runs, results.series, results.confirmation
    )
    html = page(outdated)
    assert "Outdated, and not used: the variants were chosen by val_loss at last" in html
    assert '<table class="plain cards confirmed"' in html


@pytest.mark.parametrize(
    "given",
    [
        {"finished": 0.0},
        {"finished": 0.5},
        {"optima": 2},
        {"statuses": {(name, index): "diverged" for name in ("base", *NAMES) for index in range(3)}},
        {"statuses": {("relu", index): "error" for index in range(3)}},
        {"seeds": 1},
        {"noise": 0.0, "penalty": 0.0, "wiggle": 0.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("done", [None, 0.0, 0.3, 1.0])
def test_every_state_gives_a_page(given: dict[str, Any], done: float | None) -> None:
    results = made(**given)
    if done is not None:
        results = with_confirmation(results, 1, ["relu", "tanh"], seeds=3, finished=done)
    assert 'class="headline"' in page(results)


def test_hostile_labels_are_only_text() -> None:
    plain = synthetic_results(1, variants=HOSTILE_NAMES, effects=0.03, contexts=("", HOSTILE_NAMES[0]))
    tuned = with_tuning(plain, 1, {"optimizer.kind": ["adamw", *HOSTILE_NAMES[:5]]}, optima=1)
    own = without_library(page(with_confirmation(tuned, 2, HOSTILE_NAMES[:4], effects={HOSTILE_NAMES[0]: 0.03})))
    assert "alert(1)</script>" not in own
    assert "<img" not in own
    assert "{{" not in re.sub(r"\{\{ 7 \* 7 \}\}", "", own.split("<body>")[1].split("<script")[0])
