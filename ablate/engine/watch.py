"""`Watch`: what Tune's control loop is told to look after."""

import threading
import time
from collections.abc import Callable
from typing import Any

from ablate.core import Status

from .job import PackJob, PackReport
from .queue import JobQueue
from .slots import Resources


class Abandoned(BaseException):
    """Ends Tune's loop from inside. Not an `Exception`, for which Tune would first wait for its actors."""


class Watch:
    """Passes reports on, kills workers that hang, and says what became of packs whose workers are gone."""

    def __init__(
        self,
        queue: JobQueue,
        on_report: Callable[[PackReport], None],
        on_loss: Callable[[PackJob, Status, str], None],
        resources: Resources,
        abandoned: threading.Event,
    ) -> None:
        self.resources = resources
        self.raised: BaseException | None = None
        """By a function that is called with reports; Tune would make an error of its own of it."""
        self._queue = queue
        self._on_report = on_report
        self._on_loss = on_loss
        self._abandoned = abandoned
        self._seen: dict[Any, float] = {}
        """Trials that train, and when each last made progress."""
        self._killed: set[Any] = set()
        """Trials whose last worker was killed because it hung."""

    def step(self) -> None:
        """Look after the trials that train; Tune calls this several times a second."""
        import ray

        if self._abandoned.is_set():
            raise Abandoned
        for trial, seen in self._seen.items():
            if self.resources.timeout is not None and time.monotonic() - seen > self.resources.timeout:
                self._killed.add(trial)
                self._seen[trial] = time.monotonic()
                ray.kill(trial.temporary_state.ray_actor)

    def seen(self, trial: Any) -> None:
        """A trial began, or made progress."""
        self._seen[trial] = time.monotonic()

    def gone(self, trial: Any) -> None:
        """A trial has no worker now."""
        self._seen.pop(trial, None)

    def report(self, trial: Any, text: str) -> None:
        """A trial made progress and says so."""
        self.seen(trial)
        self._killed.discard(trial)
        self._call(lambda: self._on_report(PackReport.model_validate_json(text)))

    def lost(self, trial: Any) -> None:
        """A trial lost its worker too often."""
        self.gone(trial)
        job = PackJob.model_validate_json(trial.config["job"])
        self._call(lambda: self._on_loss(job, *self._reason(trial)))
        self._queue.ended()

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except BaseException as error:
            self.raised = error
            raise Abandoned from error

    def _reason(self, trial: Any) -> tuple[Status, str]:
        from ray.exceptions import RayActorError, RayTaskError

        times = f"{trial.num_failures} times" if trial.num_failures > 1 else "once"
        if trial in self._killed:
            return "timeout", f"its worker made no progress for {self.resources.timeout:g} s and was killed, {times}"
        error = trial.get_pickled_error()
        if isinstance(error, RayTaskError) or (isinstance(error, RayActorError) and error.actor_init_failed):
            return "error", f"its worker failed {times}: {_last_line(error)}"
        return "lost", f"its worker process died {times} (killed, or out of memory)"

    def callback(self) -> Any:
        """The same as Tune wants it."""
        from ray import tune

        watch = self

        class Callback(tune.Callback):
            def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
                watch.step()

            def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.seen(trial)

            def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
                watch.report(trial, result["report"])

            def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.gone(trial)

            def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.gone(trial)

            def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.lost(trial)

            def __reduce__(self) -> Any:
                # Tune pickles its callbacks for Tuner.restore, which is never used; a live display cannot be pickled.
                return tune.Callback, ()

        return Callback()


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
