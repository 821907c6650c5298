"""Metrics that do not rank: plain differences of last values, with SciPy's intervals, and no verdict."""

import numpy as np
import pytest
from scipy import stats

from ablate.analysis import analyze
from ablate.testing.synthetic import synthetic_results


def test_differences_are_those_of_the_last_values() -> None:
    made = synthetic_results(0, variants=2, effects=[0.1, 0.0], contexts=("a", "b"))
    found = analyze(made.plan, made.runs, made.series).secondary
    assert [(one.metric, one.context) for one in found] == [
        ("train_loss", "a"),
        ("train_loss", "b"),
        ("val_accuracy", "a"),
        ("val_accuracy", "b"),
    ]
    ids = {(run.variant, run.context, run.seed): run.run_id for run in made.plan.runs}
    value = {
        (run, metric): last
        for run, metric, last in made.series.filter(step=1000).select("run_id", "metric", "value").rows()
    }
    for one in found:
        table = {
            label: np.array([value[ids[label, one.context, seed], one.metric] for seed in made.plan.seeds])
            for label in ("base", "activation=relu", "activation=tanh")
        }
        for row in one.rows:
            assert row.mean == pytest.approx(table[row.variant].mean(), rel=1e-12)
            if row.variant == "base":
                assert (row.difference, row.interval, row.n) == (None, None, 5)
                continue
            expected = stats.ttest_rel(table[row.variant], table["base"])
            assert row.difference == pytest.approx((table[row.variant] - table["base"]).mean(), rel=1e-9)
            assert row.interval is not None
            assert (row.interval.low, row.interval.high) == pytest.approx(
                tuple(expected.confidence_interval()), rel=1e-9
            )
    loss = next(one for one in found if one.metric == "train_loss")
    better = next(row for row in loss.rows if row.variant == "activation=relu")
    assert better.difference is not None
    assert better.difference < 0, "a smaller loss is a negative difference: nothing is turned"


def test_only_finished_runs_count() -> None:
    made = synthetic_results(0, variants=1, statuses={("activation=relu", 1): "diverged", ("base", 2): "error"})
    (_, one) = analyze(made.plan, made.runs, made.series).secondary
    assert [(row.variant, row.n) for row in one.rows if row.variant != "base"] == [("activation=relu", 3)]
    empty = synthetic_results(0, variants=1, finished=0.0)
    assert analyze(empty.plan, empty.runs.clear(), empty.series.clear()).secondary == ()
