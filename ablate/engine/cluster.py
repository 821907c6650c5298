"""Ray Tune assembly: one trial per pack, over the workers of a local or an existing cluster."""

import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ablate.core import EngineError

from .devices import available_cpus
from .job import LaneReport, PackJob, PackReport

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # Ray would run workers at 15; a loop of your own runs at 0
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@dataclass(frozen=True)
class Resources:
    """What one worker gets, and how many may run at once."""

    cpus: float | None = None
    """Cores per worker; None: all cores of the machine, or its share per GPU."""
    gpus: float | None = None
    """GPUs per worker; None: one if there are any."""
    max_workers: int | None = None
    max_restarts: int = 2
    """How often a pack whose worker died is started again."""


def run_on_ray(
    jobs: Sequence[PackJob],
    on_report: Callable[[PackReport], None],
    resources: Resources,
    *,
    address: str | None = None,
) -> None:
    """Train packs through Ray Tune.

    A pack whose worker is lost more than ``resources.max_restarts`` times is reported as failed, its runs as ``lost``.

    Raises:
        EngineError: Ray cannot be started or reached.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray import tune

    with _ray(address):
        cpus, gpus = _per_worker(resources, ray.cluster_resources())
        trainable = _trainable(jobs, cpus, gpus)
        with tempfile.TemporaryDirectory(prefix="ablate-tune-") as scratch:
            tuner = tune.Tuner(
                trainable,
                param_space={"pack": tune.grid_search(list(range(len(jobs))))},
                tune_config=tune.TuneConfig(
                    reuse_actors=True,
                    max_concurrent_trials=resources.max_workers,
                    trial_name_creator=lambda trial: f"pack_{trial.config['pack']}",
                    trial_dirname_creator=lambda trial: f"pack_{trial.config['pack']}",
                ),
                run_config=tune.RunConfig(
                    name="ablate",
                    storage_path=scratch,
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=resources.max_restarts),
                    callbacks=[_forwarding(jobs, on_report)],
                ),
            )
            tuner.fit()


@contextmanager
def _ray(address: str | None) -> Iterator[None]:
    """A connection to Ray, closed at the end; a local cluster is started unless there is an address."""
    import ray

    if address is not None:
        _check_reachable(address)
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
    if address is None:
        options |= {"num_cpus": available_cpus(), "include_dashboard": False, "object_store_memory": 200 * 1024**2}
    else:
        options |= {"address": address}
    # In a thread, where Ray cannot take SIGTERM for itself: an interrupt while it starts is ours. The thread must
    # outlive the cluster, because the kernel ends Ray's processes with the thread that started them.
    with ThreadPoolExecutor(1) as starter:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                starter.submit(ray.init, **options).result()
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"at {address}" if address else "on this machine"
            message = f"Ray could not be started {where}: {error}; try --inline to train without it"
            raise EngineError(message) from error
        for name in ("ray", "ray.tune", "ray.train", "ray.air"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Fail at once where Ray would try for minutes.

    Raises:
        EngineError: nothing listens at HOST:PORT.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        message = f"no Ray cluster answers at {address} ({error.strerror or error}); see `ray status` on its head node"
        raise EngineError(message) from error


def _per_worker(resources: Resources, cluster: dict[str, float]) -> tuple[float, float]:
    """(cpus, gpus) of one worker: one worker per GPU, or one with all cores of a machine without GPUs."""
    gpus = resources.gpus
    if gpus is None:
        gpus = 1.0 if cluster.get("GPU", 0) >= 1 else 0.0
    cpus = resources.cpus
    if cpus is None:
        nodes = sum(key.startswith("node:") and not key.endswith("_internal_head__") for key in cluster)
        workers = cluster["GPU"] / gpus if gpus else max(1, nodes)
        cpus = max(1.0, cluster.get("CPU", 1.0) // workers)
    return cpus, gpus


def _trainable(jobs: Sequence[PackJob], cpus: float, gpus: float) -> Any:
    from ray import tune

    from .trainable import PackTrainable

    texts = [job.model_dump_json() for job in jobs]
    with_jobs = tune.with_parameters(PackTrainable, jobs=texts, cpus=int(cpus))
    return tune.with_resources(with_jobs, {"cpu": cpus, "gpu": gpus})


def _forwarding(jobs: Sequence[PackJob], on_report: Callable[[PackReport], None]) -> Any:
    from ray import tune

    class Forward(tune.Callback):
        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
            on_report(PackReport.model_validate_json(result["report"]))

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            on_report(lost_pack(jobs[trial.config["pack"]]))

        def __reduce__(self) -> Any:
            # Tune pickles its callbacks for Tuner.restore, which is never used; a live display cannot be pickled.
            return tune.Callback, ()

    return Forward()


def lost_pack(job: PackJob) -> PackReport:
    """The report of a pack whose worker died too often."""
    lanes = tuple(
        LaneReport(run_id=run.run_id, label=run.label, seed=run.seed, step=0, steps=run.steps, status="lost")
        for run in job.runs
    )
    message = "its worker process died and could not be restarted (killed, or out of memory)"
    return PackReport(index=job.index, phase="failed", lanes=lanes, message=message)
