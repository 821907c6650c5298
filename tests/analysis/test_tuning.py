"""What the tuning of a grid says: choices, ends of ranges, other selectors, and how far a choice flatters itself."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.analysis import Analysis, Flag, Tuned, analyze
from ablate.analysis.tuning import next_level
from ablate.testing.selection import TUNING_SEED, with_tuning
from ablate.testing.synthetic import SyntheticResults, synthetic_results

LR = (1e-4, 1e-3, 1e-2)
NAMES = ("relu", "tanh", "elu")


def made(
    axes: Mapping[str, Any] | None = None, *, grid: Mapping[str, Any] | None = None, **more: Any
) -> SyntheticResults:
    plain = synthetic_results(0, **{"variants": NAMES, "effects": [0.1, 0.0, 0.0], **(grid or {})})
    return with_tuning(plain, 1, axes or {"optimizer.lr": LR}, **{"penalty": 0.1, **more})


def read(results: SyntheticResults) -> Analysis:
    return analyze(results.plan, results.runs, results.series)


def tuned(analysis: Analysis) -> dict[str, Tuned]:
    assert analysis.tuning is not None
    return {row.variant: row for row in analysis.tuning.rows}


def flagged(analysis: Analysis, title: str) -> list[Flag]:
    return [flag for flag in analysis.flags if flag.title == title]


def test_the_scores_of_the_candidates_are_those_of_their_runs() -> None:
    results = made(at="mean_last:10", optima={"relu": 2, "tanh": 1}, statuses={("elu", 1): "diverged"})
    record = results.plan.tuning
    assert record is not None
    rows = tuned(read(results))
    own = results.series.filter(metric="val_loss").sort("step")
    for variant, row in rows.items():
        for index, candidate in enumerate(row.candidates):
            ids = [run.run_id for run in record.runs if (run.variant, run.candidate) == (variant, index)]
            means = [own.filter(run_id=run)["value"].tail(10).mean() for run in ids]
            if (variant, index) == ("elu", 1):
                assert (candidate.mean, candidate.n) == (None, 0)
            else:
                assert candidate.mean == pytest.approx(np.mean(np.array(means, dtype=float)), rel=1e-12)
                assert candidate.n == 3
        assert row.tuning_score == row.candidates[row.chosen or 0].mean
        fresh = [run.run_id for run in results.plan.runs if run.variant == variant]
        means = [own.filter(run_id=run)["value"].tail(10).mean() for run in fresh]
        assert row.fresh_score == pytest.approx(np.mean(np.array(means, dtype=float)), rel=1e-12)
        assert row.tuning_score is not None
        assert row.fresh_score is not None
        assert row.optimism == row.fresh_score - row.tuning_score
    assert {name: row.chosen for name, row in rows.items()} == {"base": 0, "relu": 2, "tanh": 1, "elu": 0}
    assert (rows["elu"].diverged, rows["elu"].done) == (3, 6)
    assert [candidate.values for candidate in rows["base"].candidates] == [("0.0001",), ("0.001",), ("0.01",)]


def test_the_ranking_rests_on_the_grids_own_seeds_alone() -> None:
    plain = synthetic_results(0, variants=NAMES, effects=[0.1, 0.0, 0.0])
    results = made(optima=1)
    assert results.plan.tuning is not None
    assert all(run.seed >= TUNING_SEED for run in results.plan.tuning.runs)
    after, before = read(results), read(plain)
    assert after.ranking == before.ranking
    assert after.headline == before.headline
    assert (after.planned, after.done) == (20, 20)
    assert after.curves.equals(before.curves)
    assert flagged(after, "Settings chosen on other seeds")
    assert "no choice of a setting has seen" in after.methods
    assert flagged(after, "Winner chosen on these same seeds")


def test_a_choice_at_an_end_of_the_range_names_the_way_out() -> None:
    analysis = read(made(optima={"relu": 2, "tanh": 1, "base": 1, "elu": 2}))
    (flag,) = flagged(analysis, "Chosen setting at the edge of the range")
    assert flag.level == "warning"
    assert "optimizer.lr=0.01, the largest tried, was chosen for 2 variants (relu and elu)" in flag.detail
    assert "extend the axis upwards, to 0.1 say" in flag.detail
    ((why, command),) = [item for item in analysis.suggestions if item[0].startswith("Extend")]
    assert why.startswith("Extend tune.axes: optimizer.lr up to 0.1 or beyond (0.01 was chosen for relu and elu).")
    assert command == "ablate run grids/synthetic.yaml tune.axes.optimizer.lr=0.0001,0.001,0.01,0.1"
    assert [edge.side for edge in tuned(analysis)["relu"].edges] == ["largest"]
    assert tuned(analysis)["tanh"].edges == ()


@pytest.mark.parametrize(
    ("axes", "optimum"),
    [
        ({"optimizer.lr": (1e-3, 1e-2)}, 1),
        ({"optimizer.kind": ("adamw", "sgd", "lion")}, 2),
        ({"optimizer.weight_decay": (0.0, 0.01, 0.1)}, 0),
    ],
    ids=["two values", "names", "zero"],
)
def test_some_ends_are_no_edges(axes: Mapping[str, Any], optimum: int) -> None:
    analysis = read(made(axes, optima=optimum))
    assert {row.chosen for row in tuned(analysis).values()} == {optimum}
    assert not flagged(analysis, "Chosen setting at the edge of the range")


def test_each_of_several_axes_has_its_own_ends() -> None:
    analysis = read(made({"optimizer.lr": LR, "optimizer.beta": (0.8, 0.9, 0.95)}, optima=2))
    row = tuned(analysis)["relu"]
    assert (row.chosen, row.candidates[8].values) == (8, ("0.01", "0.95"))
    assert [(edge.path, edge.value, edge.beyond) for edge in row.edges] == [
        ("optimizer.lr", "0.01", "0.1"),
        ("optimizer.beta", "0.95", "1"),
    ]
    assert len(flagged(analysis, "Chosen setting at the edge of the range")) == 2


@pytest.mark.parametrize(
    ("levels", "whole", "beyond"),
    [
        ((1e-4, 1e-3, 1e-2), False, "0.1"),
        ((1e-2, 1e-3, 1e-4), False, "1e-05"),
        ((3e-4, 1e-3, 3e-3), False, "0.009"),
        ((0.1, 0.2, 0.3), False, "0.4"),
        ((0.9, 0.5, 0.1), False, "0.05"),
        ((0.2, 0.1, 0.0), False, None),
        ((-3.0, -2.0, -1.0), False, "0"),
        ((16, 32, 64), True, "128"),
        ((3, 2, 1), True, None),
        ((4, 2, 1), True, None),
    ],
)
def test_the_next_value_is_spaced_as_the_others(levels: tuple[float, ...], whole: bool, beyond: str | None) -> None:
    assert next_level(levels, whole=whole) == beyond


def last_of(results: SyntheticResults, variant: str, candidate: int, value: float) -> SyntheticResults:
    """The results with another last value in the tuning runs of one candidate."""
    record = results.plan.tuning
    assert record is not None
    ids = [run.run_id for run in record.runs if (run.variant, run.candidate) == (variant, candidate)]
    here = pl.col("run_id").is_in(ids) & (pl.col("step") == 1000) & (pl.col("metric") == "val_loss")
    return replace(results, series=results.series.with_columns(value=pl.when(here).then(value).otherwise("value")))


def test_other_selectors_are_compared_and_a_disagreement_is_noted() -> None:
    results = made(at="mean_last:5", optima=1)
    assert not flagged(read(results), "The selector decides")
    analysis = read(last_of(results, "tanh", 2, 1.3))
    row = tuned(analysis)["tanh"]
    assert row.alternatives == (("mean_last:5", 1), ("last", 2), ("best", 2), ("mean_last:10", 1), ("auc", 1))
    (flag,) = flagged(analysis, "The selector decides")
    assert flag.level == "note"
    assert "last for 1 of 4 (tanh); best for 1 of 4 (tanh)" in flag.detail


def test_a_choice_that_the_scores_no_longer_support_is_flagged() -> None:
    results = made(optima=1)
    assert not flagged(read(results), "Setting is not the best any more")
    analysis = read(last_of(results, "tanh", 2, 0.5))
    (flag,) = flagged(analysis, "Setting is not the best any more")
    assert "tanh" in flag.detail
    assert tuned(analysis)["tanh"].chosen == 1


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy"])
def test_the_best_of_equal_candidates_looks_better_than_it_is(metric: str) -> None:
    """Ten equal candidates, three seeds: the best mean is 1.539 standard errors better than the truth on average."""
    names = [f"v{k}" for k in range(40)]
    plain = synthetic_results(0, variants=names, metric=metric, noise=0.01)
    analysis = read(
        with_tuning(plain, 1, {"optimizer.lr": list(np.geomspace(1e-4, 1e-1, 10))}, penalty=0.0, noise=0.05)
    )
    gaps = [row.optimism for row in tuned(analysis).values()]
    expected = 1.539 * 0.05 * np.sqrt(0.5) / np.sqrt(3)
    assert np.mean([gap for gap in gaps if gap is not None]) == pytest.approx(expected, rel=0.25)
    assert "on fresh seeds the chosen settings score worse by" in " ".join(analysis.summary)


def test_a_failed_candidate_loses_and_is_told_of() -> None:
    analysis = read(made(optima=0, statuses={("relu", 0): "oom"}))
    assert tuned(analysis)["relu"].chosen == 1
    (flag,) = flagged(analysis, "Tuning runs failed")
    assert "3 runs: relu 3" in flag.detail
    assert ("Try the 3 failed runs again.", "ablate run grids/synthetic.yaml --retry oom") in analysis.suggestions
    every = {("relu", index): "diverged" for index in range(3)}
    none = read(made(optima=0, statuses=every))
    assert (tuned(none)["relu"].chosen, tuned(none)["relu"].tuning_score) == (0, None)
    assert "relu (0 of 3)" in flagged(none, "Setting chosen with scores missing")[0].detail


def test_a_tuning_that_is_not_finished_says_how_far_it_is() -> None:
    results = made(finished=0.7)
    analysis = read(results)
    assert analysis.tuning is not None
    assert (analysis.tuning.ended, analysis.tuning.planned) == (25, 36)
    chosen = [row.variant for row in analysis.tuning.chosen]
    assert len(chosen) < 4
    assert {row.variant for row in analysis.ranking if row.missing == 5} == {"base", *NAMES} - set(chosen)
    (flag,) = flagged(analysis, "Tuning is not finished")
    assert f"25 of 36 tuning runs ended; a setting is chosen for {len(chosen)} of 4 variants" in flag.detail
    assert not flagged(analysis, "Settings chosen on other seeds")
    assert analysis.summary[0].startswith("Tuning: 25 of 36")
    assert analysis.suggestions[0] == (
        "Finish the 11 tuning runs; the settings that they choose are trained next.",
        "ablate run grids/synthetic.yaml",
    )
    waiting = next(row for row in analysis.tuning.rows if row.chosen is None)
    assert (waiting.fresh_score, waiting.optimism, waiting.edges) == (None, None, ())
    assert {choice for _, choice in waiting.alternatives} == {None}
    nothing = read(made(finished=0.0))
    assert nothing.headline == "No run has finished yet."


def test_contexts_are_tuned_apart() -> None:
    results = made(grid={"contexts": ("a", "b")}, optima=1)
    assert results.plan.tuning is not None
    ids = [run.run_id for run in results.plan.tuning.runs if run.context == "b" and run.variant == "relu"]
    assert len(ids) == 9
    analysis = read(results)
    assert analysis.tuning is not None
    assert [row.context for row in analysis.tuning.rows] == ["a"] * 4 + ["b"] * 4
    assert "for each variant and context by itself" in analysis.methods


def test_row_order_changes_nothing() -> None:
    results = made(optima={"relu": 2}, grid={"contexts": ("a", "b")}, finished=0.9, statuses={("tanh", 1): "diverged"})
    runs = results.runs.sample(fraction=1.0, shuffle=True, seed=1)
    series = results.series.sample(fraction=1.0, shuffle=True, seed=2)
    shuffled, plain = analyze(results.plan, runs, series), read(results)
    for field in fields(Analysis):
        if field.name != "curves":
            assert getattr(shuffled, field.name) == getattr(plain, field.name)


def test_a_grid_that_does_not_tune_has_nothing_of_it() -> None:
    analysis = read(synthetic_results(0))
    assert analysis.tuning is None
    assert "tun" not in analysis.methods
