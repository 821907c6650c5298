"""P3: Ray Tune at its best for this.

Actors that are reused and keep their programs, one per core and pinned to it; one fused call and one result per trial;
no loggers; the compile cache on disk.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}

import ray
from ray import tune

from benchmarks.task import Task, asked


class Trained(tune.Trainable):
    """One Tune iteration is one trial."""

    def setup(self, config: dict[str, Any]) -> None:
        """Once per actor: pin it, then import JAX, so that XLA has one thread per actor."""
        task = Task.read(config["task"])
        os.sched_setaffinity(0, {_free_core(task)})
        from .fused import Fused

        self._fused = Fused(task)
        self._trial = config["trial"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial; programs and data stay."""
        self._trial = new_config["trial"]
        return True

    def step(self) -> dict[str, Any]:
        """The whole trial."""
        self._fused.train(self._fused.task.grid.trials[self._trial])
        return {"done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing."""


def _free_core(task: Task) -> int:
    """A core that no other actor of this run has taken."""
    cores = sorted(os.sched_getaffinity(0))
    for core in cores:
        try:
            (Path(task.out) / f"core-{core}").open("x").close()
        except FileExistsError:
            continue
        return core
    return cores[0]


def main() -> None:
    """Train the grid."""
    task = asked()
    ray.init(num_cpus=task.cores, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(Trained, {"cpu": 1}),
        param_space={
            "task": str(Path(sys.argv[1]).resolve()),
            "trial": tune.grid_search(list(range(len(task.grid.trials)))),
        },
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=task.cores),
        run_config=tune.RunConfig(storage_path=str(Path(task.out).resolve() / "ray"), verbose=0),
    )
    found = tuner.fit()
    if found.errors:
        raise found.errors[0]


if __name__ == "__main__":
    main()
