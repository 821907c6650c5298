"""Ranks and their intervals."""

import itertools

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablate.analysis import Place, effects, rank
from ablate.testing.synthetic import synthetic_scores

NAN = float("nan")


def places(values: object, goal: str = "minimize") -> dict[str, Place]:
    scores = synthetic_scores(np.asarray(values, dtype=np.float64))
    found = effects(scores, base="base", goal="maximize" if goal == "maximize" else "minimize")
    ranked = rank(scores, found, base="base", goal="maximize" if goal == "maximize" else "minimize")
    return {place.variant: place for place in ranked}


def test_intervals_count_all_pairs_after_holm() -> None:
    rng = np.random.default_rng(3)
    values = 0.1 * rng.normal(size=(7, 5)) + np.array([0, 0, 0.3, 0.3, 0.6, 0.6, 0.62])[:, None]
    scores = synthetic_scores(values)
    names = ["base", *(f"v{k}" for k in range(1, 7))]
    pairs = list(itertools.combinations(range(7), 2))
    p = [stats.ttest_rel(values[one], values[two]).pvalue for one, two in pairs]
    rejected = multipletests(p, alpha=0.05, method="holm")[0]
    assert 0 < rejected.sum() < len(pairs)
    better = {
        (one, two) if values[one].mean() < values[two].mean() else (two, one)
        for (one, two), sure in zip(pairs, rejected, strict=True)
        if sure
    }
    for place in rank(scores):
        index = names.index(place.variant)
        assert place.low == 1 + sum(two == index for _, two in better)
        assert place.high == 7 - sum(one == index for one, _ in better)
        assert place.could_be_best == (place.low == 1)


def test_rank_never_contradicts_a_verdict() -> None:
    """A verdict against the baseline needs less than a pair among all pairs; the rank must still follow it."""
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(60):
        values = rng.normal(size=(6, 4)) + np.array([0, 3, 0, 0, 0, 0])[:, None]
        scores = synthetic_scores(values)
        found = effects(scores, base="base")
        by_name = {place.variant: place for place in rank(scores, found, base="base")}
        for effect in found:
            if effect.p_adjusted is not None and effect.p_adjusted < 0.05 and effect.comparison.improvement:
                loser = effect.variant if effect.comparison.improvement < 0 else "base"
                assert not by_name[loser].could_be_best
                seen += 1
    assert seen > 10


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_ties_share_a_rank_and_the_order_follows_the_goal(goal: str) -> None:
    ranked = places([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 4.0], [NAN, NAN, NAN]], goal)
    assert [place.rank for place in ranked.values()] == ([1, 1, 3, None] if goal == "minimize" else [1, 2, 2, None])
    assert list(ranked)[-1] == "v3"


def test_one_seed_has_no_rank_interval_and_cannot_be_called_best() -> None:
    ranked = places([[1.0], [0.5]])
    assert [(place.low, place.high, place.could_be_best) for place in ranked.values()] == [(None, None, False)] * 2


def test_only_the_best_thirty_are_tested() -> None:
    values = np.random.default_rng(1).normal(size=(40, 3)) + 10 * np.arange(40)[:, None]
    scores = synthetic_scores(values)
    ranked = rank(scores)
    assert [place.tested for place in ranked] == [True] * 30 + [False] * 10
    assert {(place.low, place.high) for place in ranked[30:]} == {(31, 40)}
    assert not any(place.could_be_best for place in ranked[30:])
