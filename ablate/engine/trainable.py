"""The Ray Tune trainable: carries one pack at a time, in an actor that is reused for the next one.

Imports neither JAX nor anything that does until the actor has prepared its environment.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ray import tune

from ablate.core import StoreError

from .devices import prepare_environment
from .job import PackJob, PackReport


class PackTrainable(tune.Trainable):
    """One Tune trial is one pack; one Tune iteration is one jitted call of it.

    All state that matters is in the store, written by the pack loop. Tune's own checkpoints stay empty: a trial that
    lost its worker starts again and finds its runs' states there.
    """

    def setup(self, config: dict[str, Any], jobs: Sequence[str] = (), cpus: int = 1) -> None:
        """Once per actor."""
        prepare_environment(cpus)
        self._jobs = jobs
        self._reports: Iterator[PackReport] = iter(())
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack; compiled programs stay."""
        self._close()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One call."""
        try:
            report = next(self._reports)
        except StoreError as error:
            report = PackReport(index=self._index, phase="failed", lanes=(), message=str(error))
        return {"report": report.model_dump_json(), "done": report.phase in {"ended", "stopped", "failed"}}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: see the class."""

    def load_checkpoint(self, checkpoint: Mapping[str, Any] | str | None) -> None:
        """Nothing: see the class."""

    def cleanup(self) -> None:
        """Save what is being trained."""
        self._close()

    def _begin(self, config: Mapping[str, Any]) -> None:
        from .pack import train

        job = PackJob.model_validate_json(self._jobs[config["pack"]])
        self._index = job.index
        self._reports = train(job)

    def _close(self) -> None:
        close = getattr(self._reports, "close", None)
        if close is not None:
            close()
