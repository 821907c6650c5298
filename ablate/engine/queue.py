"""`JobQueue`: the packs that are still to train, in stages."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from .job import NextProgram, PackJob, RunJob


class JobQueue:
    """Hands out packs one by one. When all of a stage have ended, it asks for the next stage.

    A stage may depend on what the stages before it wrote into the store: the runs that confirm a tuned setting are
    not known before the runs that tune have ended. Packs may be put in, and runs taken out, while others train.
    """

    def __init__(
        self,
        next_stage: Callable[[], Sequence[PackJob]],
        is_stopping: Callable[[], bool] = lambda: False,
        workers: int = 1,
    ) -> None:
        """`next_stage` gives the packs of a stage, none ends the queue; so does `is_stopping`.

        With so many `workers`, the one that takes a pack now will most likely take the one that is so many places
        behind it.
        """
        self._workers = workers
        self._next_stage = next_stage
        self._is_stopping = is_stopping
        self._waiting = deque(next_stage())
        self._open = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left and nothing can come."""
        return not self._open and (not self._waiting or self._is_stopping())

    def take(self) -> PackJob | None:
        """The next pack; None if there is none, or none before the packs that train have ended."""
        if not self._waiting or self._is_stopping():
            return None
        self._open += 1
        job = self._waiting.popleft()
        return job.model_copy(update={"ahead": self._ahead()})

    def ended(self) -> None:
        """A pack that was taken is over, whatever became of it."""
        self._open -= 1
        if not self._open and not self._waiting and not self._is_stopping():
            self._waiting.extend(self._next_stage())

    def put(self, jobs: Iterable[PackJob]) -> None:
        """Packs that come next, in their order; to be called before the pack that they come from has ended."""
        self._waiting.extendleft(reversed(tuple(jobs)))

    def _ahead(self) -> NextProgram | None:
        if len(self._waiting) < self._workers:
            return None
        return self._waiting[self._workers - 1].program

    def drop(self, is_unwanted: Callable[[RunJob], bool]) -> None:
        """Take runs out of the packs that wait."""
        kept = (
            job.model_copy(update={"runs": tuple(run for run in job.runs if not is_unwanted(run))})
            for job in self._waiting
        )
        self._waiting = deque(job for job in kept if job.runs)
