"""Seeds that are added after a report are tested at a level that keeps the error rate."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ablate.analysis import Analysis, analyze, level_of_look, look_of
from ablate.results import record_look
from ablate.results.reading import read_grid
from ablate.store import LookRecord, Store
from ablate.testing.synthetic import SyntheticResults, synthetic_results

from .test_analyze import rows, titles


def read(made: SyntheticResults, looks: tuple[LookRecord, ...] = ()) -> Analysis:
    return analyze(made.plan, made.runs, made.series, looks=looks)


def look(made: SyntheticResults, seeds: int = 5) -> LookRecord:
    found = look_of(made.plan, seeds, "2025-05-03T12:00:00Z")
    assert found is not None
    return found


@pytest.mark.parametrize("schedule", [(3, 5), (3, 5, 10), tuple(range(3, 11))], ids=str)
def test_looking_again_and_again_errs_hardly_more_often(schedule: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=(20_000, schedule[-1]))
    p = np.array([stats.ttest_1samp(values[:, :n], 0, axis=1).pvalue for n in schedule])
    levels = np.array([level_of_look(0.05, place) for place in range(1, len(schedule) + 1)])
    assert (p < levels[:, None]).any(axis=0).mean() < 0.06
    assert (p < 0.05).any(axis=0).mean() > 0.08, "without it"


def test_the_second_look_has_a_lower_level_and_says_so() -> None:
    few, more = (synthetic_results(0, variants=2, seeds=seeds, effects=[0.03, 0.0]) for seeds in (3, 5))
    alone, after = read(more), read(more, (look(few, 3),))
    assert (alone.looks, alone.alpha) == ((), 0.05)
    assert after.looks == (3,)
    assert after.alpha == pytest.approx(0.05 / 6)
    before, now = rows(alone)["activation=relu"], rows(after)["activation=relu"]
    assert before.p == now.p
    assert before.interval is not None
    assert now.interval is not None
    assert now.interval.level == pytest.approx(1 - 0.05 / 6)
    assert now.interval.low < before.interval.low
    assert "Seeds were added after a look" in titles(after)
    assert "level of look 2" in after.methods
    assert "Seeds were added after a look" not in titles(alone)


def test_what_is_no_look_at_fewer_seeds_counts_nothing() -> None:
    made = synthetic_results(0, variants=2, seeds=5)
    few = synthetic_results(0, variants=2, seeds=3)
    other = look(few).model_copy(update={"metric": few.plan.metric.model_copy(update={"name": "train_loss"})})
    elsewhere = look(few).model_copy(update={"runs": ("another baseline",)})
    for some in ((look(made),), (other,), (elsewhere,), (look(synthetic_results(0, variants=2, seeds=8)),)):
        assert read(made, some).looks == ()
    twice = (look(few), look(few).model_copy(update={"created": "2025-06-01T00:00:00Z"}))
    assert read(made, twice).looks == (3,), "reports of one plan are one look"
    assert look_of(made.plan, 2, "") is None, "below three seeds nothing is tested"


def test_a_store_remembers_looks(tmp_path: Path) -> None:
    made = synthetic_results(0, variants=2, seeds=3, name="a")
    store = Store(tmp_path / "runs")
    store.prepare()
    store.write_plan(made.plan)
    reading = read_grid(store, "a")
    record_look(store, reading, "2025-05-03T12:00:00Z")
    assert store.looks("a") == (), "nothing was shown of a grid that never ran"
    store.write_look("a", look(made))
    store.write_look("a", look(made).model_copy(update={"created": "2026-01-01T00:00:00Z"}))
    assert [one.created for one in store.looks("a")] == ["2025-05-03T12:00:00Z"], "the first one is kept"
    more = synthetic_results(0, variants=2, seeds=5, name="a")
    store.write_plan(more.plan)
    assert read_grid(store, "a").analysis.looks == (3,)
