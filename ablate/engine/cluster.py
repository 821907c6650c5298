"""A connection to Ray: started or joined, watched, and closed whatever happens to it."""

import atexit
import functools
import importlib
import inspect
import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ablate.core import EngineError, LostClusterError

from .devices import available_cpus
from .pulse import Address, Pulse, answers
from .quiet import quiet_ray
from .slots import Resources, Slots, slots

T = TypeVar("T")

SECONDS_WITHOUT_LOCAL_RAY = 3.0
"""How long Ray's processes on this machine may be out of reach: nothing brings them back."""
SECONDS_WITHOUT_CLUSTER = 30.0
"""The same for a cluster that was there before, whose network may have a bad moment."""
_SECONDS_TO_CLOSE = 5.0

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
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@dataclass
class Cluster:
    """A connection to Ray."""

    slots: Slots
    """As they are when the connection is made."""
    _pulse: Pulse
    _abandoned: threading.Event

    def run(self, work: Callable[[threading.Event], T]) -> T:
        """Do something that blocks on Ray, and give up when Ray is gone.

        Args:
            work: runs in another thread. It should end soon after the event that it is given is set.

        Raises:
            LostClusterError: Ray is gone.
        """
        working = _in_thread(lambda: work(self._abandoned))
        try:
            both: tuple[Future[Any], ...] = (working, self._pulse.lost)
            wait(both, return_when=FIRST_COMPLETED)
            if working.done() and _is_of_ray(working.exception()):  # perhaps only what follows from the loss
                wait((self._pulse.lost,), timeout=self._pulse.seconds_to_notice)
        except BaseException:
            self._abandon(working)
            raise
        if self._pulse.lost.done():
            self._abandon(working)
            message = (
                f"Ray's {self._pulse.lost.result()} does not answer any more; "
                "what was saved is kept, and the same command goes on from there"
            )
            raise LostClusterError(message)
        return working.result()

    def _abandon(self, working: Future[Any]) -> None:
        self._abandoned.set()
        wait((working,), timeout=_SECONDS_TO_CLOSE)


@contextmanager
def connected(address: str | None, resources: Resources) -> Iterator[Cluster]:
    """A connection to Ray, closed at the end; a local cluster is started unless there is an address.

    Raises:
        EngineError: Ray cannot be started or reached, or this machine has less than one worker needs.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address is not None:
        _check_reachable(address)
    abandoned = threading.Event()
    with quiet_ray(), _ray(address, abandoned):
        found = _slots(resources, address)
        patience = SECONDS_WITHOUT_LOCAL_RAY if address is None else SECONDS_WITHOUT_CLUSTER
        with Pulse(_addresses(), patience=patience) as pulse:
            yield Cluster(found, pulse, abandoned)


@contextmanager
def _ray(address: str | None, abandoned: threading.Event) -> Iterator[None]:
    import ray

    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": True}
    if address is None:
        options |= {"num_cpus": available_cpus(), "include_dashboard": False, "object_store_memory": 200 * 1024**2}
    else:
        options |= {"address": address}
    # In a thread, where Ray cannot take SIGTERM for itself: an interrupt while it starts is ours. The thread must
    # outlive the cluster, because the kernel ends Ray's processes with the thread that started them.
    over = threading.Event()
    try:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                starting = _in_thread(lambda: _start(options), until=over)
                importlib.import_module("ray.tune")  # meanwhile: Ray waits for its processes for seconds
                starting.result()
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = f"at {address}" if address else "on this machine"
            message = f"Ray could not be started {where}: {error}; try --inline to train without it"
            raise EngineError(message) from error
        _take_sigterm_back()
        for name in ("ray", "ray.tune", "ray.train", "ray.air"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        _close(ray.shutdown, patient=not abandoned.is_set())
        over.set()


def _start(options: Mapping[str, Any]) -> None:
    """`ray.init`, without two processes that a cluster of this machine alone has no use for.

    They are the autoscaler, which takes a second to end, and what reads the logs of workers; importing Ray for each
    takes its time beside the start of the worker. `ray start` has options for them, `ray.init` has not: hence the
    private class. Where a version of Ray does not have it, both are started.
    """
    import ray
    from ray._private import parameter

    whole, unwanted = getattr(parameter, "RayParams", None), {"no_monitor": True, "include_log_monitor": False}
    if "address" in options or whole is None or not unwanted.keys() <= inspect.signature(whole).parameters.keys():
        ray.init(**options)
        return
    parameter.RayParams = functools.partial(whole, **unwanted)  # type: ignore[misc, assignment]
    try:
        ray.init(**options)
    finally:
        parameter.RayParams = whole  # type: ignore[misc]


def _is_of_ray(error: BaseException | None) -> bool:
    return error is not None and type(error).__module__.startswith("ray.")


def _take_sigterm_back() -> None:
    """Put this process' own handler over the one that Ray's native code puts before it when it starts.

    That one prints a stack and aborts the process three seconds later, whatever is being saved then
    (https://github.com/ray-project/ray/pull/64830).
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        signal.alarm(0)  # of a signal that came while Ray started


def _close(shutdown: Callable[[], None], *, patient: bool) -> None:
    """Leave Ray. What answers no more is not waited for long: its processes end with this one."""
    if patient:
        shutdown()
        return
    from ray.tune import registry

    atexit.unregister(shutdown)  # it would wait for a minute when the process ends; so would the one of Tune
    if hasattr(registry, "_unregister_all"):
        atexit.unregister(registry._unregister_all)
    with suppress(TimeoutError):
        _in_thread(shutdown).exception(timeout=_SECONDS_TO_CLOSE)


def _in_thread(work: Callable[[], T], *, until: threading.Event | None = None) -> Future[T]:
    """Start something in a thread that nobody waits for when the process ends.

    Args:
        work: what to do.
        until: keeps the thread when the work is done.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        if until:
            until.wait()

    threading.Thread(target=run, name="ablate-ray", daemon=True).start()
    return future


def _check_reachable(address: str) -> None:
    """Fail at once where Ray would try for minutes.

    Raises:
        EngineError: nothing listens at HOST:PORT.
    """
    parsed = _parsed(address.removeprefix("ray://"))
    if parsed and not answers(parsed, seconds=10):
        message = f"no Ray cluster answers at {address}; see `ray status` on its head node"
        raise EngineError(message)


def _parsed(address: str) -> Address | None:
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and port.isdigit() else None


def _addresses() -> dict[str, Address]:
    """Where the processes listen without which nothing goes on."""
    import ray

    context = ray.get_runtime_context()
    found = {}
    if head := _parsed(context.gcs_address):
        found[f"head process (GCS) at {head[0]}"] = head
    for node in ray.nodes():
        if node["NodeID"] == context.get_node_id():
            found["process on this machine (raylet)"] = (node["NodeManagerAddress"], node["NodeManagerPort"])
    return found


def _slots(resources: Resources, address: str | None) -> Slots:
    import ray

    found = slots(resources, [node["Resources"] for node in ray.nodes() if node["Alive"]])
    if found.workers:
        return found
    asked = f"{resources.cpus or 1:g} CPUs" + (f" and {found.gpus:g} GPUs" if found.gpus else "")
    if address is None:
        message = f"run.resources asks for {asked} per worker, which this machine does not have"
        raise EngineError(message)
    logging.getLogger(__name__).warning("waiting for a node with %s; the cluster has none now", asked)
    return found
