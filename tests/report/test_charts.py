import json
import math
from statistics import mean
from typing import Any

import altair as alt
import numpy as np
import polars as pl
import pytest
import vl_convert
from scipy import stats

from ablate.analysis.types import Analysis, ReferenceResult
from ablate.report import plots, series, table
from ablate.report.charts import curves, difference, forest, reference, spec, strip
from ablate.report.charts.focus import near
from ablate.report.numbers import Style
from ablate.store.schema import MetricRecord, PlanRecord

from .samples import EFFECTS, make_analysis, make_plan


def long_frame(values: dict[tuple[str, int], list[float]], *, metric: str = "loss", context: str = "") -> pl.DataFrame:
    """Runs recorded at steps 1, 2, ...; (variant, seed) -> values."""
    rows = [
        (variant, context, seed, metric, step, value)
        for (variant, seed), line in values.items()
        for step, value in enumerate(line, start=1)
    ]
    return pl.DataFrame(rows, schema=["variant", "context", "seed", "metric", "step", "value"], orient="row")


def test_few_steps_are_kept_as_they_are() -> None:
    runs = curves.on_grid(long_frame({("base", 0): [3.0, 2.0, 1.0]}), points=3)
    assert runs.columns == ["metric", "context", "variant", "seed", "step", "value"]
    assert runs["step"].to_list() == [1, 2, 3]
    assert runs["value"].to_list() == [3.0, 2.0, 1.0]


def test_many_steps_become_bucket_means_named_by_their_last_step() -> None:
    runs = curves.on_grid(long_frame({("base", 0): [float(value) for value in range(1, 11)]}), points=5)
    assert runs["step"].to_list() == [2, 4, 6, 8, 10]
    assert runs["value"].to_list() == [1.5, 3.5, 5.5, 7.5, 9.5]


def test_a_bucket_with_a_value_that_is_not_finite_is_empty() -> None:
    runs = curves.on_grid(long_frame({("base", 0): [1.0, math.inf, 3.0, 4.0, math.nan, 6.0]}), points=3)
    assert runs["value"].to_list() == [None, 3.5, None]


def test_the_band_is_scipys_t_interval() -> None:
    values = {("base", seed): [float(x) for x in np.random.default_rng(seed).normal(size=4)] for seed in range(5)}
    bands = curves.bands(curves.on_grid(long_frame(values), 10), 0.9)
    for place, row in enumerate(bands.iter_rows(named=True)):
        sample = [line[place] for line in values.values()]
        interval = stats.ttest_1samp(sample, 0.0).confidence_interval(0.9)
        assert row["n"] == 5
        assert row["mean"] == pytest.approx(mean(sample))
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_two_seeds_have_no_band() -> None:
    runs = curves.on_grid(long_frame({("base", 0): [1.0], ("base", 1): [2.0]}), 10)
    assert curves.bands(runs, 0.95).is_empty()


def test_a_mean_ends_where_a_seed_diverges() -> None:
    lines = {("base", seed): [1.0, 2.0, 3.0] for seed in range(3)} | {("base", 3): [1.0, 2.0, math.nan]}
    assert curves.bands(curves.on_grid(long_frame(lines), 10), 0.95)["step"].to_list() == [1, 2]


@pytest.mark.parametrize(("sign", "expected"), [(1.0, [-1.0, -2.0]), (-1.0, [1.0, 2.0])])
def test_differences_are_paired_by_seed_and_turned_so_that_positive_is_better(
    sign: float, expected: list[float]
) -> None:
    runs = curves.on_grid(
        long_frame(
            {("base", 0): [5.0, 6.0], ("base", 1): [9.0, 9.0], ("relu", 0): [4.0, 4.0], ("relu", 2): [1.0, 1.0]}
        ),
        10,
    )
    apart = difference.paired(runs, "base", {"loss": sign})
    assert apart["variant"].unique().to_list() == ["relu"]
    assert apart["seed"].unique().to_list() == [0]
    assert apart["value"].to_list() == expected


def test_a_metric_without_a_known_direction_keeps_its_plain_difference() -> None:
    runs = curves.on_grid(long_frame({("base", 0): [5.0], ("relu", 0): [4.0]}), 10)
    assert difference.paired(runs, "base", {"other": -1.0})["value"].to_list() == [-1.0]


def test_effects_are_the_numbers_of_the_analysis(analysis: Analysis) -> None:
    shown = forest.effects(analysis.ranking, Style(3))
    rows = {row.variant: row for row in analysis.ranking}
    assert shown["variant"].to_list() == [row.variant for row in analysis.ranking if row.verdict != "baseline"]
    for drawn in shown.iter_rows(named=True):
        row = rows[drawn["variant"]]
        assert row.interval is not None
        assert (drawn["x"], drawn["low"], drawn["high"]) == (row.improvement, row.interval.low, row.interval.high)
    dots = forest.seed_effects(analysis.ranking, Style(3))
    assert sorted(dots.filter(pl.col("variant") == "dropout=0.1")["x"].to_list()) == sorted(
        seed.improvement for seed in rows["dropout=0.1"].seeds if seed.improvement is not None
    )


def test_a_variant_that_is_far_off_is_named_at_the_edge(analysis: Analysis) -> None:
    shown = forest.effects(analysis.ranking, Style(3))
    dots = forest.seed_effects(analysis.ranking, Style(3))
    close, whole = forest.windows(shown, dots, 0.005)
    assert whole.low < -0.3 < close.low < -0.03
    assert close.high > shown["high"].max()  # type: ignore[operator]
    off = forest.away(shown, close)
    assert off["variant"].to_list() == ["no_history"]
    assert off["x"].to_list() == [close.low]
    assert "−0.30" in off["text"][0]


def test_without_anything_far_off_the_axis_holds_all() -> None:
    plan = make_plan(("base", "a", "b"))
    rows = make_analysis(plan, {"base": 0.0, "a": 0.01, "b": -0.02}).ranking
    shown = forest.effects(rows, Style(3))
    close, whole = forest.windows(shown, forest.seed_effects(rows, Style(3)), None)
    assert close == whole
    assert forest.away(shown, close).is_empty()


@pytest.mark.parametrize(
    ("reaches", "kept"),
    [
        ({"a": 1.0, "b": 2.0, "c": 5.0}, {"a", "b", "c"}),
        ({"a": 1.0, "b": 2.0, "c": 5.0, "d": 16.0}, {"a", "b", "c"}),
        ({"a": 1.0, "b": 2.0, "c": 100.0}, {"a", "b", "c"}),
        ({"a": 0.0, "b": 0.0, "c": 0.0, "d": 1.0}, {"a", "b", "c", "d"}),
        ({}, set()),
    ],
)
def test_a_gap_of_three_ends_the_scale(reaches: dict[str, float], kept: set[str]) -> None:
    assert near(reaches) == kept


def test_equal_short_names_are_told_apart() -> None:
    long = "x" * 100
    called = forest.names([f"a{long}z", f"a{long}xz", "b"], limit=20)
    assert len(set(called.values())) == 3
    assert called["b"] == "b"


def test_the_order_of_published_values_is_compared_with_ours() -> None:
    result = ReferenceResult(
        "paper", "loss", (("a", 0.7, 1.5), ("b", 0.8, 1.4), ("c", 0.9, 1.6), ("d", 1.0, None)), None, None
    )
    rows = reference.slopes(result, "minimize")
    assert rows.select("variant", "rank", "our_rank").rows() == [("a", 1, 2), ("b", 2, 1), ("c", 3, 3)]
    turned = reference.slopes(result, "maximize")
    assert turned.select("variant", "rank", "our_rank").rows() == [("c", 1, 1), ("b", 2, 3), ("a", 3, 2)]


def test_the_strip_puts_better_scores_to_the_right() -> None:
    rows = make_analysis(make_plan(("base", "good")), {"base": 0.0, "good": 0.05}).ranking
    axis = strip.scale(rows, maximize=False)
    assert axis is not None
    good = next(row for row in rows if row.variant == "good")
    assert good.mean is not None
    assert axis.x(axis.gain(good.mean)) > axis.x(0.0)
    assert strip.draw(good, axis).count("<circle") == 5


def datasets(analysis: Analysis, plan: PlanRecord) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    rows = [
        {
            "s": 1,
            "y": 0.5,
            "y2": 0.6,
            "v": "a",
            "name": "a",
            "run": "a",
            "c": "var(--c1)",
            "dash": [1, 0],
            "text": "0.5",
        }
    ]
    every: dict[str, Any] = dict.fromkeys(("bands", "seeds", "means", "points", "labels", "zero"), rows)
    forests = plots.forests(analysis, plan)[0]
    slopes = plots.slopes(analysis, plan)
    data = series.curve_data(analysis, plan)
    assert slopes is not None
    assert data is not None
    return {
        "forest": (forests["spec"], forests["data"]),
        "reference": (slopes["spec"], slopes["data"]),
        "curves": (data["spec"], every),
        "difference": (data["difference"], every),
    }


@pytest.mark.parametrize("name", ["forest", "reference", "curves", "difference"])
def test_every_chart_compiles_over_its_data(name: str, analysis: Analysis, plan: PlanRecord) -> None:
    chart, data = datasets(analysis, plan)[name]
    named = {layer["data"]["name"] for layer in chart["layer"]}
    assert named <= data.keys()
    alt.LayerChart.from_dict(chart)
    svg = spec.static_svg(chart, data, width=600, label=f"the {name} chart", name="chart")
    assert f'aria-label="the {name} chart"' in svg
    assert "http" not in svg.replace("http://www.w3.org", "")
    vl_convert.vegalite_to_vega(json.dumps({**chart, "datasets": data, "width": 600}))


def test_the_embedded_curves_are_the_recorded_ones(analysis: Analysis, plan: PlanRecord) -> None:
    data = series.curve_data(analysis, plan)
    assert data is not None
    assert data["metrics"] == ["val_loss", "train_loss", "val_accuracy"]
    assert len(data["default"]) == 5
    assert "width=32" not in data["default"]
    panel = data["panels"][0]
    lines = panel["series"][str(data["variants"].index("layers=4"))]
    recorded = analysis.curves.filter(variant="layers=4", metric="val_loss", seed=3).sort("step")
    assert panel["steps"] == recorded["step"].to_list()
    assert lines["runs"]["3"] == pytest.approx(recorded["value"].to_list(), rel=1e-4)
    assert lines["mean"][-1] == pytest.approx(
        next(row.mean for row in analysis.ranking if row.variant == "layers=4"), rel=0.01
    )
    assert "runs" not in lines["apart"]


def test_a_large_grid_stays_within_its_budget() -> None:
    effects = {"base": 0.0} | {f"v{number}": 0.0 for number in range(60)}
    plan = make_plan(tuple(effects), seeds=4)
    data = series.curve_data(make_analysis(plan, effects, points=400, metrics=("val_loss",)), plan)
    assert data is not None
    assert 30 <= len(data["panels"][0]["steps"]) <= 240


def test_a_grid_to_be_maximised_draws_gains_to_the_right() -> None:
    metric = MetricRecord(name="val_loss", goal="maximize")
    plan = make_plan(tuple(EFFECTS), metric=metric)
    analysis = make_analysis(plan, EFFECTS)
    rows = table.contexts(analysis)[0][1]
    axis = strip.scale(rows, maximize=True)
    assert axis is not None
    assert axis.gain(axis.center + 1.0) == pytest.approx(1.0)
