"""What a call asks of the lanes, that its intervals are like calls of their own, and how long an update takes."""

from typing import Any

import jax
import numpy as np
import pytest

from ablate.engine import RunJob, source
from ablate.engine.calls import Interval, ask
from ablate.engine.drawing import drawings, read
from ablate.engine.executable import Executable, executable_for
from ablate.engine.lanes import Lanes, Report, fresh, lane_shape
from ablate.engine.pace import Pace
from ablate.engine.program_cache import ProgramCache
from ablate.engine.runs import Run

from .conftest import program

RATES = (0.003, 0.01, 1e30, 0.03)
"""The third diverges at once."""


def begun(strategy: Any, rates: tuple[float, ...] = RATES, **fields: Any) -> tuple[Executable, Lanes, np.ndarray]:
    """A program, fresh lanes, and their fields."""
    shared, rows, starts = read(program(optimizer__lr=rate, **fields) for rate in rates)
    executable = executable_for(shared, len(rates), strategy)
    rows = np.resize(rows, (executable.width, rows.shape[1]))
    lanes = executable.start(
        drawings([*starts, *[None] * (executable.width - len(starts))], np.arange(executable.width))
    )
    return executable, lanes, rows


@pytest.mark.parametrize("strategy", ["map", "vmap", "map:8"])
def test_intervals_of_a_call_are_like_calls_of_their_own(strategy: str) -> None:
    until = np.array([[0, 5, 9, 9], [0, 7, 9, 9], [0, 5, 9, 9], [0, 0, 3, 11]])
    evaluate = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 1]], bool)
    executable, apart, rows = begun(strategy)
    missing = ((0, executable.width - len(RATES)), (0, 0))
    until, evaluate = np.pad(until, missing), np.pad(evaluate, missing)
    reports = []
    for number in range(until.shape[1]):
        here = slice(number, number + 1)
        apart, told = executable.advance(apart, rows, until[:, here], evaluate[:, here])
        reports.append(executable.read(told))
    _, together, _ = begun(strategy)
    together, told = executable.advance(together, rows, until, evaluate)
    at_once = executable.read(told)
    assert at_once.step[: len(RATES), :4].tolist() == [[0, 5, 9, 9], [0, 7, 9, 9], [0, 1, 1, 1], [0, 0, 3, 11]]
    assert (at_once.cause[: len(RATES), 3] >= 0).tolist() == [False, False, True, False]
    for number, alone in enumerate(reports):
        for one, other in zip(alone, at_once, strict=True):
            np.testing.assert_array_equal(np.asarray(one)[:, 0], np.asarray(other)[:, number])
    measured = ~np.isnan(at_once.evaluation[: len(RATES), :4]).all(-1)
    assert measured.tolist() == evaluate[: len(RATES)].tolist()
    for mine, theirs in zip(jax.tree.leaves(together), jax.tree.leaves(apart), strict=True):
        np.testing.assert_array_equal(bits(mine), bits(theirs))


@pytest.mark.parametrize("strategy", ["map", "vmap", "map:8"])
def test_a_lane_that_diverges_keeps_what_its_last_good_update_left(strategy: str) -> None:
    """Whatever would have to be done again for it, and whether the interval began with the run or later."""
    kind: dict[str, Any] = {"rates": (50.0, 0.01), "optimizer__kind": "sgd", "model__activation": "identity"}

    def trained(*until: int) -> tuple[Lanes, Report]:
        executable, lanes, rows = begun(strategy, **kind)
        asked = np.pad([until, [len(until)] * len(until)], ((0, executable.width - 2), (0, 0)))
        lanes, told = executable.advance(lanes, rows, asked, np.zeros_like(asked, bool))
        return lanes, executable.read(told)

    first, told = trained(200)
    steps = int(told.step[0, 0])
    assert 3 < steps < 200
    assert told.cause[0, 0] >= 0
    well, last = trained(steps)
    assert last.cause[0, 0] == -1
    late, _ = trained(steps - 2, 200)
    for found in (first, late):
        for one, other in zip(jax.tree.leaves(found.program), jax.tree.leaves(well.program), strict=True):
            np.testing.assert_array_equal(bits(one)[0], bits(other)[0])
        for name in ("step", "sums", "summed"):
            np.testing.assert_array_equal(getattr(found, name)[0], getattr(well, name)[0])
    np.testing.assert_array_equal(told.means[0, 0], last.means[0, 0])


@pytest.mark.parametrize("strategy", ["map", "vmap"])
@pytest.mark.parametrize("together", [1, 3])
def test_it_does_not_matter_for_how_many_updates_is_drawn_together(
    monkeypatch: pytest.MonkeyPatch, together: int, strategy: str
) -> None:
    """Nor that intervals, calls and updates that are done again begin in the middle of them.

    Batched lanes draw for one update at a time; for them it is how they are cut up, and that they are not at one step.
    """

    def trained(*until: int) -> tuple[int, list[np.ndarray]]:
        executable, lanes, rows = begun(strategy)
        for stop in until:
            asked = np.array([[stop - lane, stop + 7] for lane in range(executable.width)])
            lanes, _ = executable.advance(lanes, rows, asked, np.ones_like(asked, bool))
        return executable.source.ahead, [bits(leaf) for leaf in jax.tree.leaves(lanes)]

    monkeypatch.setattr(ProgramCache, "load", lambda *_: None)  # or the second would have the program of the first
    monkeypatch.setattr(ProgramCache, "_keep", lambda *_: False)
    several, expected = trained(50)
    monkeypatch.setattr(source, "MOST_AHEAD", together)
    few, found = trained(2, 31, 50)
    assert [several, few] == [16, together]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def bits(leaf: jax.Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def test_what_is_joined_on_the_device_is_split_on_the_host() -> None:
    floats = np.array([[1.5, np.nan, -0.0], [1e-45, np.inf, 3e38]], np.float32)
    report = Report(*map(jax.numpy.asarray, ([2**31 - 1, 7], [-1, 2], floats[:, :2], floats[:, 2:])))
    split = Report.split(np.asarray(report.joined()), 2)
    assert [split.step.tolist(), split.cause.tolist()] == [[2**31 - 1, 7], [-1, 2]]
    assert np.concatenate([split.means, split.evaluation], -1).tobytes() == floats.tobytes()
    assert report.joined().shape[-1] == Report.size(2, 1)


def test_shapes_of_lanes_are_those_of_fresh_ones() -> None:
    state = {"weights": jax.numpy.zeros((3, 2)), "key": jax.random.key(0), "count": jax.numpy.zeros((), int)}
    expected = jax.eval_shape(lambda: fresh(state, 2))
    assert lane_shape(jax.eval_shape(lambda: state), 2) == expected


def run(steps: int, every: int, **changes: Any) -> Run:
    made = Run(RunJob(run_id=str(steps), label="", seed=0, steps=steps, eval_every=every, config={}))
    for name, value in changes.items():
        setattr(made, name, value)
    return made


class TestAsking:
    def test_a_run_is_evaluated_before_its_first_update_and_at_each_boundary(self) -> None:
        asked = ask([run(25, 10)], 100, most=8)
        assert asked == (
            Interval([0], [True], 0),
            Interval([10], [True], 10),
            Interval([20], [True], 10),
            Interval([25], [True], 5),
        )

    def test_a_call_ends_where_a_lane_becomes_free(self) -> None:
        """So that a waiting run need not wait longer."""
        slots = [run(20, 10, begun=True), run(50, 10, begun=True), None]
        asked = ask(slots, 100, most=8)
        assert [interval.until for interval in asked] == [[10, 10, 0], [20, 20, 0]]
        assert [interval.until for interval in ask(slots, 100, most=8)] == [[20, 30, 0], [20, 40, 0], [20, 50, 0]]
        assert ask(slots, 100, most=8) == ()

    def test_a_call_does_no_more_updates_than_it_may(self) -> None:
        slots: list[Run | None] = [run(100, 10, begun=True)]
        assert [(one.until, one.evaluate) for one in ask(slots, 25, most=8)] == [
            ([10], [True]),
            ([20], [True]),
            ([25], [False]),
        ]
        assert [one.until for one in ask(slots, 25, most=2)] == [[30], [40]]

    def test_lanes_that_are_apart_are_evaluated_each_at_its_own_step(self) -> None:
        slots = [run(40, 10, begun=True, planned=3), run(40, 10), run(40, 10, status="diverged", planned=7)]
        assert [(one.until, one.evaluate, one.steps) for one in ask(slots, 14, most=8)] == [
            ([10, 0, 7], [True, True, False], 7),
            ([17, 7, 7], [False, False, False], 7),
        ]


class TestPace:
    def test_a_call_that_was_read_late_does_not_count_for_itself(self) -> None:
        pace = Pace()
        assert pace.seconds is None
        pace.add(0.5, 0, evaluated=True)
        assert pace.seconds is None
        pace.add(9.0, 10, evaluated=False)  # waited for the one before
        pace.add(1.0, 990, evaluated=True)
        assert pace.seconds == pytest.approx(0.01)

    def test_evaluations_are_left_out_where_that_is_possible(self) -> None:
        pace = Pace()
        pace.add(5.0, 100, evaluated=True)
        assert pace.seconds == pytest.approx(0.05)
        pace.add(1.0, 100, evaluated=False)
        assert pace.seconds == pytest.approx(0.01)
