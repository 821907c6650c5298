"""The Ray Tune trainable: carries one pack at a time, in an actor that is reused for the next one.

Imports neither JAX nor anything that does until the actor has prepared its environment.
"""

import signal
import socket
import sys
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from ray import tune

from ablate.core import StoreError, collect_rarely

from .devices import prepare_environment
from .job import PackJob, PackReport
from .marks import without_skipped


class PackTrainable(tune.Trainable):
    """One Tune trial is one pack; one Tune iteration is one jitted call of it.

    All state that matters is in the store, written by the pack loop. Tune's own checkpoints stay empty: a trial that
    lost its worker starts again and finds its runs' states there.

    SIGTERM is taken as the notice that the machine is about to be taken away: the worker saves what it trains and ends,
    and the pack goes on from there in another one.
    """

    def setup(self, config: dict[str, Any], cpus: int = 1, gpus: float = 0.0) -> None:
        """Once per actor. Does nothing that can hang: an actor can only be killed when it has started."""
        collect_rarely()
        prepare_environment(cpus, gpus)
        self._is_busy = self._is_preempted = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._preempt)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack; compiled programs stay."""
        self._reports.close()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One call.

        Raises:
            SystemExit: the worker has to end; everything is saved.
        """
        self._is_busy = True
        try:
            report = next(self._reports)
            if self._is_preempted:
                self._reports.close()
                sys.exit("told to end; what was trained is saved")
        except StoreError as error:
            report = PackReport(index=self._job.index, phase="failed", lanes=(), message=str(error))
        finally:
            self._is_busy = False
        return {"report": report.model_dump_json(), "done": report.phase not in {"compiling", "training"}}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: see the class."""

    def load_checkpoint(self, checkpoint: Mapping[str, Any] | str | None) -> None:
        """Nothing: see the class."""

    def cleanup(self) -> None:
        """Save what is being trained."""
        self._reports.close()

    def _preempt(self, number: int, frame: object) -> None:
        self._is_preempted = True
        if not self._is_busy:
            sys.exit("told to end")

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._job = PackJob.model_validate_json(config["job"])
        self._reports = _train(self._job)


def _train(job: PackJob) -> Generator[PackReport]:
    if not (Path(job.store) / "store.json").exists():
        message = f"there is no store {job.store} on {socket.gethostname()}; all nodes must see the folder of --store"
        raise StoreError(message)
    from .pack import train

    job = without_skipped(job)
    if job.runs:
        yield from train(job)
    else:
        yield PackReport(index=job.index, phase="ended", lanes=())
