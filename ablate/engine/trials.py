"""Ray Tune assembly: one trial per pack, over the workers of a cluster."""

import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ablate.core import EngineError, Status

from .cluster import Cluster
from .job import PackJob, PackReport
from .queue import JobQueue
from .slots import Resources, Slots
from .watch import Abandoned, Watch

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
        EngineError: Ray is gone, or cannot write its temporary files.
    """

    def fit(abandoned: threading.Event) -> None:
        watch = Watch(queue, on_report, on_loss, resources, abandoned)
        try:
            _fit(queue, watch, cluster.slots)
        except OSError as error:
            if error is watch.raised:
                raise
            message = f"Ray cannot write its temporary files: {error}"
            raise EngineError(message) from error

    cluster.run(fit)


def _fit(queue: JobQueue, watch: Watch, slots: Slots) -> None:
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
                # or Tune saves at the end, into a folder that other nodes do not have
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=watch.resources.max_restarts),
                callbacks=[watch.callback()],
            ),
        )
        with suppress(Abandoned):
            tuner.fit()
    if watch.raised:
        raise watch.raised


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

        def __reduce__(self) -> Any:
            # Tune pickles it for that, too, and the queue leads to a live display, which cannot be pickled.
            return Searcher, ()

    return Suggest()
