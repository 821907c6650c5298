"""Ray Tune assembly: one trial per pack, over the workers of a cluster."""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from ablate.core import Status

from .cluster import Cluster
from .job import PackJob, PackReport
from .queue import JobQueue
from .slots import Resources, Slots

_MOST_TRIALS = 10**9
"""The queue decides how many there are."""


def run_on_ray(
    queue: JobQueue,
    on_report: Callable[[PackReport], None],
    on_loss: Callable[[PackJob, Status, str], None],
    cluster: Cluster,
    resources: Resources,
) -> None:
    """Train packs through Ray Tune: one trial each, suggested when a worker is free.

    Args:
        queue: the packs.
        on_report: called with each report of a pack.
        on_loss: called with a pack whose worker was lost more than ``resources.max_restarts`` times, the status that
            its runs get, and why.
        cluster: where they train.
        resources: what the grid asks for.

    Raises:
        EngineError: Ray is gone.
    """
    cluster.run(lambda abandoned: _fit(queue, _Watch(queue, on_report, on_loss, resources, abandoned), cluster.slots))


class Abandoned(BaseException):
    """Ends Tune's loop from inside. Not an `Exception`, for which Tune would first wait for its actors."""


def _fit(queue: JobQueue, watch: "_Watch", slots: Slots) -> None:
    from ray import tune

    # So many trials are prepared ahead. With fewer, of two workers that end a pack at the same time only one would be
    # kept for the next, and workers would start one after the other.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(max(1, slots.workers))
    with tempfile.TemporaryDirectory(prefix="ablate-tune-", ignore_cleanup_errors=True) as scratch:
        tuner = tune.Tuner(
            _trainable(slots),
            tune_config=tune.TuneConfig(
                search_alg=_suggesting(queue),
                num_samples=_MOST_TRIALS,
                reuse_actors=True,
                max_concurrent_trials=watch.resources.max_workers,
                trial_name_creator=lambda trial: f"pack_{trial.config['pack']}",
                trial_dirname_creator=lambda trial: f"pack_{trial.config['pack']}",
            ),
            run_config=tune.RunConfig(
                name="ablate",
                storage_path=scratch,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=watch.resources.max_restarts),
                callbacks=[watch.callback()],
            ),
        )
        try:
            tuner.fit()
        except Abandoned:
            if watch.raised:
                raise watch.raised from None


def _trainable(slots: Slots) -> Any:
    from ray import tune

    from .trainable import PackTrainable

    prepared = tune.with_parameters(PackTrainable, cpus=int(slots.cpus), gpus=slots.gpus)
    return tune.with_resources(prepared, {"cpu": slots.cpus, "gpu": slots.gpus})


def _suggesting(queue: JobQueue) -> Any:
    """What gives Tune its trials: the packs of a queue that may grow while they train."""
    from ray.tune.search import Searcher

    class Suggest(Searcher):
        def suggest(self, trial_id: str) -> Any:
            if queue.is_finished:
                return str(Searcher.FINISHED)
            job = queue.take()
            return None if job is None else {"pack": job.index, "job": job.model_dump_json()}

        def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
            if not error:  # else the watch says so, which knows the pack
                queue.ended()

        def save(self, checkpoint_path: str) -> None:
            """Nothing: `Tuner.restore` is never used."""

    return Suggest()


class _Watch:
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
        self._seen: dict[str, float] = {}
        """Trial id -> when it last made progress, while it has a worker."""
        self._killed: set[str] = set()
        """Trials whose last worker was killed because it hung."""

    def step(self, trials: Any) -> None:
        """Look after all trials; Tune calls this several times a second."""
        import ray

        if self._abandoned.is_set():
            raise Abandoned
        for trial in trials:
            worker = trial.temporary_state.ray_actor
            if worker is None or trial.is_finished():
                self._seen.pop(trial.trial_id, None)
                continue
            since = time.monotonic() - self._seen.setdefault(trial.trial_id, time.monotonic())
            if self.resources.timeout is not None and since > self.resources.timeout:
                self._killed.add(trial.trial_id)
                self._seen[trial.trial_id] = time.monotonic()
                ray.kill(worker)

    def result(self, trial: Any, text: str) -> None:
        self._seen[trial.trial_id] = time.monotonic()
        self._killed.discard(trial.trial_id)
        self._call(lambda: self._on_report(PackReport.model_validate_json(text)))

    def recovered(self, trial: Any) -> None:
        self._seen.pop(trial.trial_id, None)

    def lost(self, trial: Any) -> None:
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
        from ray.exceptions import ActorDiedError, RayTaskError

        times = f"{trial.num_failures} times" if trial.num_failures > 1 else "once"
        if trial.trial_id in self._killed:
            return "timeout", f"its worker made no progress for {self.resources.timeout:g} s and was killed, {times}"
        error = trial.get_pickled_error()
        if isinstance(error, RayTaskError) or (isinstance(error, ActorDiedError) and error.actor_init_failed):
            return "error", f"its worker failed {times}: {_last_line(error)}"
        return "lost", f"its worker process died {times} (killed, or out of memory)"

    def callback(self) -> Any:
        """The same as Tune wants it."""
        from ray import tune

        watch = self

        class Callback(tune.Callback):
            def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:
                watch.step(trials)

            def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
                watch.result(trial, result["report"])

            def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.recovered(trial)

            def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
                watch.lost(trial)

            def __reduce__(self) -> Any:
                # Tune pickles its callbacks for Tuner.restore, which is never used; a live display cannot be pickled.
                return tune.Callback, ()

        return Callback()


def _last_line(error: Exception) -> str:
    return next((line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
