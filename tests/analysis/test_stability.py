"""Seeds: residuals of the additive model, and ranks when the seeds are drawn again."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.analysis import ContextSeeds, analyze
from ablate.analysis.stability import DRAWS, RANKS, ROWS, centred, resampled_ranks
from ablate.core import Status
from ablate.testing.synthetic import SyntheticResults, synthetic_results


def seeds(made: SyntheticResults) -> ContextSeeds:
    found = analyze(made.plan, made.runs, made.series).stability
    assert found is not None
    return found.contexts[0]


def test_residuals_of_a_full_table_are_centred_both_ways() -> None:
    table = np.random.default_rng(0).normal(size=(7, 5))
    kept, residuals, shifts = centred(table)
    expected = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    assert kept.all()
    assert residuals == pytest.approx(expected, abs=1e-12)
    assert shifts == pytest.approx(table.mean(axis=0) - table.mean(), abs=1e-12)


def test_residuals_of_a_table_with_gaps_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(6, 5)) + np.arange(5)
    table[rng.random(table.shape) < 0.2] = np.nan
    table[5] = np.nan
    table[5, 0] = 100.0
    kept, residuals, _ = centred(table)
    assert kept.tolist() == [True] * 5 + [False], "one score has no residual"
    rows, columns = np.nonzero(np.isfinite(table[:5]))
    design = np.zeros((len(rows), 10))
    design[np.arange(len(rows)), rows] = 1
    design[np.arange(len(rows)), 5 + columns] = 1
    known = table[rows, columns]
    fitted = design @ np.linalg.lstsq(design, known)[0]
    assert residuals[rows, columns] == pytest.approx(known - fitted, abs=1e-9)


def test_a_run_that_went_wrong_stands_out() -> None:
    made = synthetic_results(0, variants=8, noise=0.01)
    wrong = next(run.run_id for run in made.plan.runs if (run.variant, run.seed) == ("activation=tanh", 3))
    bad = pl.when(pl.col("run_id") == wrong).then(pl.col("value") + 0.3).otherwise(pl.col("value"))
    found = seeds(replace(made, series=made.series.with_columns(value=bad)))
    assert found.words.startswith("activation=tanh at seed 3 is worse by 0.2")
    row = next(one for one in found.residuals if one.variant == "activation=tanh")
    assert min(value for value in row.values if value is not None) == row.values[3]
    assert max(found.seeds, key=lambda one: one.sd or 0.0).seed == 3
    assert seeds(made).words.startswith("No run stands out")


def test_ranks_are_those_of_redrawn_means() -> None:
    values = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 0.5], [-1.0, -2.0, -3.0]])
    ranks = resampled_ranks(values)
    assert ranks.shape == (DRAWS, 3)
    assert (np.sort(ranks, axis=1) == np.arange(1, 4)).all()
    assert (ranks[:, 2] == 3).all(), "worse at every seed"
    draws = np.random.default_rng(0).integers(3, size=(DRAWS, 3))
    means = values[:, draws].mean(axis=2).T
    apart = np.abs(means[:, 0] - means[:, 1]) > 1e-12
    assert ((ranks[:, 0] == 1) == (means[:, 0] > means[:, 1]))[apart].all()
    assert (resampled_ranks(values) == ranks).all()


def test_rank_shares_cover_the_known_order() -> None:
    found = seeds(synthetic_results(0, variants=3, effects=[0.5, 0.0, -0.5], noise=0.01))
    assert found.ranks[0].variant == "activation=relu"
    assert found.ranks[0].shares == (1.0, 0.0, 0.0, 0.0)
    assert (found.ranks[0].low, found.ranks[0].high) == (1, 1)
    assert found.ranks[-1].shares[-1] == 1.0
    assert all(sum(row.shares) == pytest.approx(1.0) for row in found.ranks)
    assert (found.ranked, found.rank_seeds, found.draws) == (4, 5, DRAWS)


def test_unstable_variants_and_seeds_with_gaps_are_not_ranked() -> None:
    statuses: dict[tuple[str, int], Status | None] = {
        ("activation=relu", 0): "diverged",
        ("activation=tanh", 1): "error",
    }
    found = seeds(synthetic_results(0, variants=3, statuses=statuses))
    assert {row.variant for row in found.ranks} == {"base", "activation=tanh", "init=he_normal"}
    assert found.rank_seeds == 4
    few = seeds(synthetic_results(0, variants=3, seeds=2))
    assert (few.ranks, few.rank_seeds, few.ranked) == ((), 2, 4)


def test_many_variants_are_cut_to_those_that_scatter_most() -> None:
    found = seeds(synthetic_results(0, variants=60))
    assert (len(found.residuals), found.variants) == (ROWS, 61)
    assert (len(found.ranks), found.ranked) == (RANKS, 61)
    assert len(found.ranks[0].shares) == RANKS + 1
    order = [row.variant for row in analyze(*_parts(synthetic_results(0, variants=60))).ranking]
    places = [order.index(row.variant) for row in found.residuals]
    assert places == sorted(places)


def _parts(made: SyntheticResults) -> tuple[Any, Any, Any]:
    return made.plan, made.runs, made.series


def test_positive_is_better_for_both_goals() -> None:
    for metric in ("val_loss", "val_accuracy"):
        made = synthetic_results(0, variants=4, metric=metric, noise=0.001)
        wrong = next(run.run_id for run in made.plan.runs if (run.variant, run.seed) == ("base", 2))
        sign = 1.0 if metric == "val_loss" else -1.0
        shifted = pl.when(pl.col("run_id") == wrong).then(pl.col("value") + sign * 0.05).otherwise(pl.col("value"))
        assert "base at seed 2 is worse" in seeds(replace(made, series=made.series.with_columns(value=shifted))).words


@pytest.mark.parametrize(
    "given",
    [
        {"finished": 0.0},
        {"finished": 0.3},
        {"noise": 0.0},
        {"seeds": 2},
        {"variants": 1},
        {"statuses": {("base", seed): "diverged" for seed in range(5)}},
        {"level": 1e12, "noise": 1e9},
        {"level": 1e-9, "noise": 1e-11},
    ],
    ids=str,
)
def test_any_state_of_a_grid_has_an_answer(given: dict[str, Any]) -> None:
    found = seeds(synthetic_results(1, **{"variants": 3, **given}))
    assert found.words
    for row in found.residuals:
        assert len(row.values) == len(found.seeds)


def test_one_seed_or_one_variant_has_nothing_to_compare() -> None:
    for given in ({"seeds": 1}, {"variants": 0}):
        made = synthetic_results(0, **{"variants": 2, **given})  # type: ignore[arg-type]
        assert analyze(made.plan, made.runs, made.series).stability is None
