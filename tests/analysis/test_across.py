"""All contexts together: the numbers are those of SciPy, and nothing is said where nothing can be."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablate.analysis import Across, analyze
from ablate.testing.synthetic import SyntheticResults, synthetic_results

TASKS = tuple(f"task={place}" for place in range(6))


def across(made: SyntheticResults) -> Across | None:
    return analyze(made.plan, made.runs, made.series).across


def known(**more: Any) -> tuple[SyntheticResults, Across]:
    made = synthetic_results(0, **{"variants": 3, "effects": [0.2, 0.05, 0.0], "contexts": TASKS, **more})
    found = across(made)
    assert found is not None
    return made, found


def gains(made: SyntheticResults, variant: str) -> list[np.ndarray[Any, Any]]:
    """Per context, from the last recorded values."""
    last = made.series.filter(metric="val_loss", step=1000)
    value = dict(zip(last["run_id"], last["value"], strict=True))
    by_run = {(run.context, run.variant, run.seed): value[run.run_id] for run in made.plan.runs}
    found = []
    for context in made.plan.contexts:
        base = np.array([by_run[context, "base", seed] for seed in made.plan.seeds])
        ours = np.array([by_run[context, variant, seed] for seed in made.plan.seeds])
        found.append(100 * (base - ours) / base.mean())
    return found


def test_gains_are_percent_of_the_baseline_and_their_middle_half_counts() -> None:
    made, found = known()
    assert found.rows[0].variant == "activation=relu"
    for row in found.rows:
        strata = gains(made, row.variant)
        every = np.concatenate(strata)
        assert row.iqm == pytest.approx(stats.trim_mean(every, 0.25), rel=1e-9)
        assert row.worst == pytest.approx(min(some.mean() for some in strata), rel=1e-9)
        assert row.runs == 30
        assert row.interval is not None
        assert row.interval.low < row.iqm < row.interval.high
        expected = [(every >= threshold).mean() for threshold in found.thresholds]
        assert row.profile == pytest.approx(expected)
    assert (found.rows[0].better, found.rows[0].worse) == (6, 0)
    assert (
        pytest.approx(min(abs(one) for one in found.thresholds), abs=abs(found.thresholds[1] - found.thresholds[0]))
        == 0.0
    )


def test_pairs_are_wilcoxons_over_the_contexts() -> None:
    made, found = known()
    assert len(found.duels) == 6
    raw = {}
    for one in found.duels:
        means = [
            np.zeros(6) if name == "base" else np.array([some.mean() for some in gains(made, name)])
            for name in one.names
        ]
        raw[one.names] = stats.wilcoxon(means[0] - means[1]).pvalue
        assert one.gain == pytest.approx((means[0] - means[1]).mean(), rel=1e-9)
        assert one.p == pytest.approx(raw[one.names], rel=1e-9)
        assert (one.wins, one.losses) == ((means[0] > means[1]).sum(), (means[0] < means[1]).sum())
    assert found.duels[0].p == pytest.approx(2 / 2**6), "six contexts cannot say more"
    assert all(one.p_adjusted >= one.p for one in found.duels)
    assert not any(one.decided for one in found.duels), "six pairs of six contexts, after Holm"


def test_three_contexts_have_profiles_and_no_tests() -> None:
    _, found = known(contexts=TASKS[:3])
    assert found.duels == ()
    assert across(synthetic_results(0, variants=3, contexts=TASKS[:2])) is None
    assert across(synthetic_results(0, variants=0, contexts=TASKS)) is None


def test_a_baseline_near_zero_has_no_percentages() -> None:
    assert across(synthetic_results(0, variants=3, contexts=TASKS, level=1e-6)) is None


def test_what_lacks_a_context_is_left_out_and_counted() -> None:
    _, found = known(statuses={("activation=relu", 2): "diverged"})
    assert "activation=relu" not in [row.variant for row in found.rows]
    assert found.left_out == 1
    assert "1 variant left out" in found.words


def test_a_goal_to_be_maximised_gains_upwards() -> None:
    _, found = known(metric="val_accuracy")
    assert found.rows[0].variant == "activation=relu"
    assert found.rows[0].iqm > 0
