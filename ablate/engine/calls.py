"""`Call`: what a pack asks of the devices at a time, and how much that is for each lane."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Array, Int

from .runs import Run


@dataclass(frozen=True)
class Interval:
    """A part of a call: what it asks of each lane."""

    until: list[int]
    """Finished updates to reach."""
    evaluate: list[bool]
    """Whether to evaluate then."""
    steps: int
    """Updates of the lane with the most."""


@dataclass(frozen=True)
class Call:
    """A call that the devices work on."""

    rows: Int[Array, "S N R"]
    """What `Executable.read` reads."""
    runs: tuple[Run | None, ...]
    """Of each lane."""
    intervals: tuple[Interval, ...]

    @property
    def steps(self) -> int:
        """Updates that the devices do one after the other; no lane does more."""
        return sum(interval.steps for interval in self.intervals)

    @property
    def evaluates(self) -> bool:
        """Whether any lane is evaluated."""
        return any(any(interval.evaluate) for interval in self.intervals)


def ask(slots: Sequence[Run | None], steps: int, *, most: int) -> tuple[Interval, ...]:
    """The next intervals, up to where a lane becomes free; none if no run is open. The runs know what they are asked.

    Args:
        slots: the run of each lane.
        steps: updates that the call may do at most.
        most: intervals that it may have.
    """
    return tuple(_intervals(slots, steps, most))


def _intervals(slots: Sequence[Run | None], steps: int, most: int) -> Iterator[Interval]:
    for _ in range(most):
        was_open = [run for run in slots if run and run.is_open]
        if not was_open or steps <= 0:
            return
        yield (interval := _interval(slots, steps))
        steps -= interval.steps
        if not all(run.is_open for run in was_open):
            return


def _interval(slots: Sequence[Run | None], steps: int) -> Interval:
    """Each lane up to its next evaluation, by so many updates at most; what has not begun is only evaluated."""
    untils, evaluations, longest = [], [], 0
    for run in slots:
        until, evaluate = run.planned if run else 0, False
        if run and run.is_open:
            if run.begun:
                until = min(run.boundary, run.planned + steps)
            evaluate = until == run.boundary if run.begun else True
            longest = max(longest, until - run.planned)
            run.planned, run.begun = until, True
        untils.append(until)
        evaluations.append(evaluate)
    return Interval(untils, evaluations, longest)
