"""The comparison of two variants, against scipy and statsmodels called directly, and against numbers by hand."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from ablate.analysis import compare
from ablate.core import Goal

NAN = float("nan")


def test_hand_worked_example() -> None:
    """Losses 1.0 1.2 1.4 against 0.8 1.1 1.1: differences 0.2 0.1 0.3, mean 0.2, sd 0.1, t = 2 sqrt(3), 2 degrees.

    With 2 degrees of freedom F(t) = 1/2 + t / (2 sqrt(2 + t^2)), so p = 1 - sqrt(12 / 14) = 0.0741799; the 97.5 %
    point is 4.3026527, so the half-width is 4.3026527 * 0.1 / sqrt(3) = 0.2484138. Against a margin of 0.5 the two
    one-sided t are 7 sqrt(3) and -3 sqrt(3), and the larger p is (1 - sqrt(27 / 29)) / 2 = 0.0175493.
    """
    (found,) = compare(np.array([0.8, 1.1, 1.1]), np.array([1.0, 1.2, 1.4]), margin=0.5)
    assert found.n == 3
    assert found.paired
    assert found.interval is not None
    assert found.improvement == pytest.approx(0.2, abs=1e-12)
    assert found.sd == pytest.approx(0.1, abs=1e-12)
    assert found.p == pytest.approx(0.0741799, abs=1e-7)
    assert found.interval.low == pytest.approx(-0.0484138, abs=1e-7)
    assert found.interval.high == pytest.approx(0.4484138, abs=1e-7)
    assert found.equivalence_p == pytest.approx(0.0175493, abs=1e-7)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_paired_equals_scipy(goal: Goal, scale: float) -> None:
    rng = np.random.default_rng(3)
    for n in (3, 4, 5, 9, 20):
        ours, theirs = scale * (2 + rng.normal(size=(2, 40, n)))
        margin = 0.7 * scale
        sign = 1 if goal == "maximize" else -1
        for row, found in enumerate(compare(ours, theirs, goal=goal, alpha=0.1, margin=margin)):
            expected = stats.ttest_rel(sign * ours[row], sign * theirs[row])
            bounds = expected.confidence_interval(0.9)
            assert found.interval is not None
            assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
            assert found.improvement == pytest.approx((sign * (ours - theirs)[row]).mean(), rel=1e-9)
            assert found.interval.low == pytest.approx(bounds.low, rel=1e-9)
            assert found.interval.high == pytest.approx(bounds.high, rel=1e-9)
            expected_tost = ttost_paired(sign * ours[row], sign * theirs[row], -margin, margin)[0]
            assert found.equivalence_p == pytest.approx(expected_tost, rel=1e-9)


def test_missing_seeds_use_the_intersection() -> None:
    ours = np.array([NAN, 1.1, 1.3, 0.9, 1.0, np.inf])
    theirs = np.array([1.0, 1.2, 1.6, 1.0, NAN, 1.0])
    (found,) = compare(ours, theirs)
    expected = stats.ttest_rel([1.2, 1.6, 1.0], [1.1, 1.3, 0.9])
    assert found.n == 3
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.differences == pytest.approx((0.1, 0.3, 0.1))


def test_fewer_than_two_common_seeds_is_welch_and_says_so() -> None:
    ours = np.array([1.1, 1.3, 0.9, NAN, NAN, NAN, NAN])
    theirs = np.array([NAN, NAN, 1.9, 2.0, 2.1, 2.5, 2.0])
    (found,) = compare(ours, theirs, margin=3.0)
    a, b = theirs[2:], ours[:3]
    expected = stats.ttest_ind(a, b, equal_var=False)
    bounds = expected.confidence_interval(0.95)
    assert not found.paired
    assert found.n == 3
    assert found.interval is not None
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.interval.low, found.interval.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
    assert found.equivalence_p == pytest.approx(ttost_ind(a, b, -3, 3, usevar="unequal")[0], rel=1e-9)


def test_below_three_seeds_no_p() -> None:
    one, two, none = compare(
        np.array([[1.0, NAN, NAN], [1.0, 2.0, NAN], [1.0, NAN, NAN]]),
        np.array([[1.5, 1.5, 1.5], [1.5, 2.6, 1.0], [NAN, NAN, NAN]]),
        margin=1.0,
    )
    assert (one.n, one.improvement, one.interval, one.p) == (1, 0.5, None, None)
    assert (none.n, none.improvement, none.interval, none.p) == (0, None, None, None)
    expected = stats.ttest_rel([1.5, 2.6], [1.0, 2.0]).confidence_interval(0.95)
    assert two.interval is not None
    assert (two.n, two.p, two.equivalence_p) == (2, None, None)
    assert (two.interval.low, two.interval.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
@pytest.mark.parametrize("n", [3, 6])
def test_differences_that_do_not_vary_have_no_interval_and_an_exact_p(scale: float, n: int) -> None:
    theirs = scale * (1 + 0.1 * np.arange(n))
    identical, constant = compare(np.stack([theirs, theirs - 0.1 * scale]), np.stack([theirs, theirs]))
    assert (identical.shape, identical.p, identical.interval, identical.improvement) == ("identical", 1.0, None, 0.0)
    assert (constant.shape, constant.interval) == ("constant", None)
    assert constant.p == 2.0 ** (1 - n)
    assert constant.improvement == pytest.approx(0.1 * scale)


def test_no_seed_varies_and_none_is_common() -> None:
    (found,) = compare(np.array([1.0, 1.0, NAN, NAN, 1.0, NAN]), np.array([NAN, NAN, 2.0, 2.0, NAN, 2.0]))
    assert (found.shape, found.p, found.interval, found.improvement) == ("constant", None, None, 1.0)


def test_intervals_cover_at_their_level() -> None:
    rng = np.random.default_rng(11)
    for n in (3, 5, 10):
        seed = rng.normal(size=(4000, n))
        ours, theirs = seed + rng.normal(size=(4000, n)) - 0.7, seed + rng.normal(size=(4000, n))
        intervals = [found.interval for found in compare(ours, theirs)]
        covered = np.mean([one is not None and one.low <= 0.7 <= one.high for one in intervals])
        assert 0.93 <= covered <= 0.97


scores = st.one_of(st.none(), st.floats(-1e12, 1e12), st.sampled_from([0.0, 1.0, 1.0 + 1e-15, math.inf, math.nan]))


@settings(max_examples=150, deadline=None)
@example([(0.0, 0.0), (0.0, 0.0), (0.0, 4.406586782173568e-192)])
@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=8))
def test_never_crashes_and_is_antisymmetric(pairs: list[tuple[float | None, float | None]]) -> None:
    ours, theirs = np.array(pairs, dtype=np.float64).T
    (found,) = compare(ours, theirs, margin=1.0)
    (swapped,) = compare(theirs, ours, margin=1.0)
    (other_goal,) = compare(theirs, ours, goal="maximize", margin=1.0)
    assert (found.n, found.paired, found.shape) == (swapped.n, swapped.paired, swapped.shape)
    if found.improvement is not None and swapped.improvement is not None:
        assert found.improvement == pytest.approx(-swapped.improvement)
        assert found.improvement == other_goal.improvement
    if found.p is not None:
        assert 0 <= found.p <= 1
        assert swapped.p == pytest.approx(found.p)
    if found.interval is not None and found.improvement is not None:
        assert found.interval.low <= found.improvement <= found.interval.high
