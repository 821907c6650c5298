"""Factors: against statsmodels, an example by hand, and the designs that are none."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ablate.analysis import Analysis, Factors, FullGrid, analyze
from ablate.analysis._anova import decompose
from ablate.testing.synthetic import SyntheticResults, synthetic_results

Grid = Mapping[str, Sequence[Any]]

GRID: Grid = {
    "model.activation": ("gelu", "relu", "tanh"),
    "model.layers": (2, 4),
    "optimizer.lr": (0.001, 0.003, 0.01),
}


def crossed(
    grid: Grid = GRID, *, rng_seed: int = 0, gains: Mapping[str, float] | None = None, **more: Any
) -> SyntheticResults:
    """Results of a full grid whose first values are the baseline's; `gains` maps ``path=value`` to an improvement."""
    first = {path: values[0] for path, values in grid.items()}
    changes, effects = {}, {}
    for values in product(*grid.values()):
        cell = dict(zip(grid, values, strict=True))
        changed = {path: value for path, value in cell.items() if value != first[path]}
        if changed:
            label = ", ".join(f"{path}={value}" for path, value in changed.items())
            changes[label] = changed
            effects[label] = sum((gains or {}).get(f"{path}={value}", 0.0) for path, value in cell.items())
    return synthetic_results(0, variants=list(changes), changes=changes, effects=effects, **more)


def read(made: SyntheticResults) -> Analysis:
    return analyze(made.plan, made.runs, made.series)


def factors(made: SyntheticResults) -> Factors:
    found = read(made).factors
    assert found is not None
    return found


def only(made: SyntheticResults) -> FullGrid:
    found = factors(made)
    assert found.design == "full grid"
    (grid,) = found.grids
    return grid


def scores_of(made: SyntheticResults, grid: Grid) -> pl.DataFrame:
    """One row per run: its factors, its seed, its score."""
    first = {path: values[0] for path, values in grid.items()}
    changes = {variant.label: variant.changes for variant in made.plan.variants}
    last = made.series.filter(metric="val_loss").sort("step").group_by("run_id").agg(pl.col("value").last())
    scores = dict(last.rows())
    rows = [
        {path.rsplit(".")[-1]: str(changes[run.variant].get(path, first[path])) for path in grid}
        | {"seed": str(run.seed), "y": scores[run.run_id]}
        for run in made.plan.runs
    ]
    return pl.DataFrame(rows)


def test_shares_and_tests_are_those_of_statsmodels() -> None:
    made = crossed(gains={"model.activation=tanh": 0.02, "optimizer.lr=0.003": 0.01}, noise=0.02, seeds=4)
    data = scores_of(made, GRID)
    frame = pd.DataFrame(data.to_dict(as_series=False))
    table = anova_lm(ols("y ~ C(activation) * C(layers) * C(lr) + C(seed)", frame).fit())
    names = {"activation": "model.activation", "layers": "model.layers", "lr": "optimizer.lr"}
    theirs = {
        frozenset(names[part[2:-1]] for part in index.split(":")): row
        for index, row in table.iterrows()
        if index not in ("C(seed)", "Residual")
    }
    grid = only(made)
    assert grid.measure == "omega squared"
    residual = table.loc["Residual"]
    error = residual["mean_sq"]
    total = table["sum_sq"].sum()
    seen = 0
    for term in grid.terms:
        if term.kind in ("factor", "interaction"):
            row = theirs[frozenset(term.name.split(" × "))]
        elif term.kind == "higher":
            row = theirs[frozenset(names.values())]
        else:
            row = table.loc["C(seed)" if term.kind == "seed" else "Residual"]
        seen += 1
        assert term.df == row["df"]
        assert term.sum_sq == pytest.approx(row["sum_sq"], rel=1e-9)
        if term.f is not None:
            assert term.f == pytest.approx(row["F"], rel=1e-9)
            assert term.p == pytest.approx(row["PR(>F)"], rel=1e-7)
        if term.kind != "residual":
            assert term.share == pytest.approx((row["sum_sq"] - row["df"] * error) / (total + error), abs=1e-12)
    assert seen == len(table) == 9
    assert sum(term.share or 0.0 for term in grid.terms) == pytest.approx(1.0, abs=1e-12)
    assert [term.kind for term in grid.terms] == ["factor"] * 3 + ["interaction"] * 3 + ["higher", "seed", "residual"]


def test_a_two_by_two_by_hand() -> None:
    """Cell means 1, 2, 4, 9 (grand mean 4), seeds shifted by -1 and +1, one residual pattern of ±0.5.

    A: row means 1.5, 6.5, SS = 8 * 2.5**2 = 50. B: column means 2.5, 5.5, SS = 8 * 1.5**2 = 18.
    AB: 1 - 1.5 - 2.5 + 4 = 1 in size, SS = 8. Seed: SS = 8. Residual: SS = 8 * 0.25 = 2 with 3 df. Total 86.
    """
    cells = np.array([[1.0, 2.0], [4.0, 9.0]])
    pattern = np.array([[0.5, -0.5], [-0.5, 0.5]])
    values = np.stack([cells - 1 + pattern, cells + 1 - pattern], axis=-1)
    measure, terms = decompose(values, ("a", "b"))
    by_name = {term.name: term for term in terms}
    squares = {name: round(term.sum_sq, 9) for name, term in by_name.items()}
    assert squares == {"a": 50, "b": 18, "a × b": 8, "seed": 8, "residual": 2}
    assert [by_name[name].df for name in ("a", "b", "a × b", "seed", "residual")] == [1, 1, 1, 1, 3]
    assert by_name["a"].f == pytest.approx(75.0)
    assert by_name["a"].p == pytest.approx(float(stats.f.sf(75, 1, 3)))
    assert measure == "omega squared"
    assert by_name["a"].share == pytest.approx((50 - 2 / 3) / (86 + 2 / 3))
    assert by_name["residual"].share == pytest.approx((2 / 3) * 8 / (86 + 2 / 3))


def test_main_effects_are_paired_t_intervals_over_the_seeds() -> None:
    made = crossed(gains={"optimizer.lr=0.003": 0.05}, noise=0.02)
    data = scores_of(made, GRID)
    means = data.group_by("lr", "seed").agg(pl.col("y").mean()).sort("seed")
    base = means.filter(lr="0.001")["y"].to_numpy()
    factor = next(one for one in only(made).factors if one.name == "optimizer.lr")
    assert [level.value for level in factor.levels] == ["0.001", "0.003", "0.01"]
    assert factor.levels[0].of_baseline
    assert (factor.levels[0].improvement, factor.levels[0].interval) == (0.0, None)
    for level in factor.levels[1:]:
        ours = means.filter(lr=level.value)["y"].to_numpy()
        interval = stats.ttest_rel(base, ours).confidence_interval(0.95)
        assert level.interval is not None
        assert (level.interval.low, level.interval.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
        assert level.improvement == pytest.approx(float((base - ours).mean()), rel=1e-9)
        assert level.mean == pytest.approx(float(ours.mean()))
    assert (factor.best, factor.edge, factor.beyond) == (1, "", "")


def test_an_interaction_is_what_the_sum_leaves_and_better_is_positive() -> None:
    grid: Grid = {"model.activation": ("gelu", "relu"), "model.layers": (2, 4)}
    made = crossed(grid, noise=0.0)
    label = "model.activation=relu, model.layers=4"
    ids = [run.run_id for run in made.plan.runs if run.variant == label]
    lower = pl.when(pl.col("run_id").is_in(ids)).then(pl.col("value") - 0.4).otherwise(pl.col("value"))
    (interaction,) = only(SyntheticResults(made.plan, made.runs, made.series.with_columns(value=lower))).interactions
    assert interaction.names == ("model.activation", "model.layers")
    assert np.array(interaction.cells) == pytest.approx(np.array([[0.1, -0.1], [-0.1, 0.1]]))


def test_the_best_number_at_an_end_is_marked_with_what_lies_beyond() -> None:
    factor = next(one for one in only(crossed(gains={"optimizer.lr=0.01": 0.1})).factors if one.name == "optimizer.lr")
    assert (factor.levels[factor.best].value, factor.edge, factor.beyond) == ("0.01", "largest", "0.0333")
    two = next(one for one in only(crossed(gains={"model.layers=4": 0.1})).factors if one.name == "model.layers")
    assert two.edge == "", "two values have no inside"


def test_only_seeds_that_every_cell_finished_count() -> None:
    statuses = {("model.layers=4", 1): "diverged", ("optimizer.lr=0.01", 3): "error", ("base", 3): None}
    made = crossed(statuses=statuses)
    grid = only(made)
    assert (grid.n, grid.left_out, grid.cells) == (3, 2, 18)
    assert "2 seeds left out, without a score for base, optimizer.lr=0.01 and model.layers=4" in grid.words
    kept = crossed(seeds=(0, 2, 4))
    runs = made.runs.filter(pl.col("seed").is_in([0, 2, 4]))
    again = only(SyntheticResults(kept.plan, runs, made.series))
    assert [term.sum_sq for term in again.terms] == pytest.approx([term.sum_sq for term in grid.terms])


def test_one_seed_has_shares_but_no_test() -> None:
    grid = only(crossed(seeds=1, gains={"optimizer.lr=0.01": 0.1}))
    assert (grid.n, grid.measure) == (1, "eta squared")
    assert {term.kind for term in grid.terms} == {"factor", "interaction", "higher"}
    assert all(term.p is None for term in grid.terms)
    assert sum(term.share or 0.0 for term in grid.terms) == pytest.approx(1.0)
    assert all(level.interval is None for factor in grid.factors for level in factor.levels)
    assert "noise cannot be told from effects" in grid.words


def test_a_grid_without_noise_or_without_scores_says_so() -> None:
    assert only(crossed(noise=0.0)).words.startswith("Nothing varies")
    still = only(crossed(noise=0.0, gains={"optimizer.lr=0.01": 0.1}))
    assert [round(term.share or 0.0, 6) for term in still.terms if term.name == "optimizer.lr"] == [1.0]
    assert all(term.p is None for term in still.terms)
    empty = only(crossed(finished=0.0))
    assert (empty.n, empty.terms) == (0, ())
    assert empty.words.startswith("No seed has a score in all 18 cells")
    one = only(crossed(statuses={("optimizer.lr=0.01", seed): "diverged" for seed in range(5)}))
    assert one.words == "No seed has a score in all 18 cells; without one: optimizer.lr=0.01."


def test_a_baseline_outside_the_grid_counts_nowhere() -> None:
    changes = {f"{a}-{b}": {"model.activation": a, "model.layers": b} for a in ("relu", "tanh") for b in (4, 8)}
    made = synthetic_results(0, variants=list(changes), changes=changes, effects={"relu-4": 0.3, "base": 9.0})
    found = factors(made)
    assert found.words.endswith("the baseline is not one of them, and counts nowhere here.")
    (grid,) = found.grids
    assert grid.cells == 4
    for factor in grid.factors:
        assert factor.reference == "mean"
        assert sum(level.improvement for level in factor.levels) == pytest.approx(0.0, abs=1e-12)


def test_paths_that_change_together_are_one_factor() -> None:
    sizes: tuple[dict[str, Any], ...] = ({}, {"model.width": 128, "model.layers": 4})
    acts: tuple[dict[str, Any], ...] = ({}, {"model.activation": "relu"}, {"model.activation": "tanh"})
    changes = {f"{i}{j}": {**size, **act} for i, size in enumerate(sizes) for j, act in enumerate(acts) if size or act}
    grid = only(synthetic_results(0, variants=list(changes), changes=changes))
    names = {factor.name: [level.value for level in factor.levels] for factor in grid.factors}
    assert names["model.width & model.layers"] == ["64, 2", "128, 4"]
    assert names["model.activation"] == ["gelu", "relu", "tanh"]


def test_one_change_at_a_time_is_ordered_by_size_and_takes_the_effects_of_the_ranking() -> None:
    changes: dict[str, dict[str, Any]] = {
        "relu": {"model.activation": "relu"},
        "tanh": {"model.activation": "tanh"},
        "no_history": {"model.position": "none", "model.dropout": 0.1},
    }
    made = synthetic_results(0, variants=list(changes), changes=changes, effects={"relu": -0.1, "no_history": 0.3})
    analysis = read(made)
    found = analysis.factors
    assert found is not None
    assert (found.design, found.grids) == ("one at a time", ())
    assert [change.variant for change in found.changes] == ["no_history", "relu", "tanh"]
    assert found.changes[1].words == "model.activation: gelu → relu"
    rows = {row.variant: row for row in analysis.ranking}
    for change in found.changes:
        row = rows[change.variant]
        assert (change.improvement, change.interval, change.n) == (row.improvement, row.interval, row.n)


@pytest.mark.parametrize(
    "changes",
    [
        {"a": {"model.activation": "relu"}, "ab": {"model.activation": "relu", "model.layers": 4}},
        {
            "a": {"model.activation": "relu"},
            "b": {"model.layers": 4},
            "c": {"model.activation": "relu", "model.layers": 4, "model.width": 128},
        },
        {"x": {"a.b": 1, "a.c": 1}, "y": {"a.b": 2, "a.c": 1}, "z": {"a.b": 1, "a.c": 2}},
    ],
    ids=["nested", "incomplete", "together"],
)
def test_any_other_design_gets_no_model(changes: dict[str, dict[str, Any]]) -> None:
    found = factors(synthetic_results(0, variants=list(changes), changes=changes))
    assert (found.design, found.grids, found.changes) == ("other", (), ())
    assert "none is assumed" in found.words


def test_nothing_but_a_baseline_has_no_factors() -> None:
    assert read(synthetic_results(0, variants=0)).factors is None


@pytest.mark.parametrize("scale", [1e-9, 1e12])
def test_the_scale_changes_no_share(scale: float) -> None:
    values = np.random.default_rng(0).normal(size=(3, 2, 4))
    _, plain = decompose(values, ("a", "b"))
    _, scaled = decompose(values * scale + 3 * scale, ("a", "b"))
    assert [term.share for term in scaled] == pytest.approx([term.share for term in plain], rel=1e-6)
    ours, theirs = ([term.p for term in terms if term.p is not None] for terms in (scaled, plain))
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_contexts_have_grids_of_their_own() -> None:
    made = crossed({"model.activation": ("gelu", "relu"), "model.layers": (2, 4)}, contexts=("a", "b"))
    assert [grid.context for grid in factors(made).grids] == ["a", "b"]
