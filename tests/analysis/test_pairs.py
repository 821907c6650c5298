"""Two variants side by side, against SciPy."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ablate.analysis import compare_pairs, describe_pair
from ablate.core import Goal
from ablate.store import MetricRecord

OURS = (0.50, 0.53, 0.49, 0.55)
THEIRS = (0.60, 0.61, 0.62, 0.66)


def rows(scores: Sequence[float | None], outcomes: Sequence[str] = (), first_seed: int = 0) -> pl.DataFrame:
    known = outcomes or ["done" if score is not None else "missing" for score in scores]
    seeds = range(first_seed, first_seed + len(scores))
    return pl.DataFrame(
        {"seed": list(seeds), "outcome": list(known), "score": list(scores)},
        schema={"seed": pl.Int64, "outcome": pl.String, "score": pl.Float64},
    )


def metric(goal: Goal = "minimize") -> MetricRecord:
    return MetricRecord(name="val_loss", goal=goal, unit="nats")


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_positive_means_that_a_is_better(goal: Goal) -> None:
    pair = compare_pairs({"x": (rows(OURS), rows(THEIRS))}, metric(goal), margin=None)["x"]
    sign = 1 if goal == "minimize" else -1
    test = stats.ttest_rel(THEIRS, OURS)
    bounds = sorted(sign * bound for bound in test.confidence_interval(0.95))
    assert pair.comparison.improvement == pytest.approx(sign * np.mean(np.subtract(THEIRS, OURS)))
    assert pair.comparison.interval is not None
    assert (pair.comparison.interval.low, pair.comparison.interval.high) == pytest.approx(tuple(bounds))
    assert pair.comparison.p == pytest.approx(test.pvalue)
    assert pair.words == ("A is better" if goal == "minimize" else "A is worse")
    text = describe_pair(pair, metric(goal))
    assert text.startswith(f"A's lead is {'+0.105' if sign > 0 else '-0.105'} nats (95 % CI ")
    assert f"A's val_loss is {'lower' if goal == 'minimize' else 'higher'}, which is better" in text


def test_p_values_are_of_one_pair_however_many_there_are() -> None:
    alone = compare_pairs({"x": (rows(OURS), rows(THEIRS))}, metric())
    many = compare_pairs({str(n): (rows(OURS), rows(THEIRS)) for n in range(50)}, metric())
    assert list(many) == [str(n) for n in range(50)]
    assert set(many.values()) == set(alone.values())


def test_sides_count_what_became_of_their_runs() -> None:
    pair = compare_pairs(
        {
            "x": (
                rows((0.5, None, None), ("done", "failed", "missing")),
                rows((0.6, 0.8, None), ("done", "done", "diverged")),
            )
        },
        metric(),
    )["x"]
    assert (pair.a.mean, pair.a.sd, pair.a.n, pair.a.failed, pair.a.missing) == (0.5, None, 1, 1, 1)
    assert pair.b.mean == pytest.approx(0.7)
    assert (pair.b.n, pair.b.diverged) == (2, 1)
    assert pair.b.sd == pytest.approx(np.std((0.6, 0.8), ddof=1))
    assert pair.verdict == "not tested"


def test_a_diverged_side_and_no_results() -> None:
    diverged = compare_pairs({"x": (rows((None, None), ("diverged",) * 2), rows((0.6, 0.7)))}, metric())["x"]
    assert diverged.words == "A is unstable: 2 of 2 runs diverged"
    assert "no score on both sides" in describe_pair(diverged, metric())
    assert compare_pairs({}, metric()) == {}


def test_seeds_pair_only_with_themselves() -> None:
    pair = compare_pairs({"x": (rows(OURS), rows(THEIRS, first_seed=2))}, metric())["x"]
    assert pair.comparison.n == 2
    assert pair.comparison.differences == pytest.approx((0.60 - 0.49, 0.61 - 0.55))
