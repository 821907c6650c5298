"""P1: Hydra multirun with the joblib launcher: a process per core, which keeps its programs from job to job."""

import os
import sys
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from benchmarks.task import Task

_kept: dict[str, Any] = {}
"""Of this process; a worker of joblib takes many jobs."""


@hydra.main(version_base=None, config_path=None, config_name="trial")  # type: ignore[untyped-decorator]
def train(config: DictConfig) -> None:
    """One trial."""
    # Imported by name: joblib pickles what is in __main__, and would lose what the process keeps.
    from benchmarks.peers.hydra_joblib import train_one

    train_one(str(config.task), int(config.trial))


def train_one(task: str, trial: int) -> None:
    """Train a trial with what this process has from earlier ones."""
    if task not in _kept:
        from .fused import Fused

        _kept[task] = Fused(Task.read(task))
    _kept[task].train(_kept[task].task.grid.trials[trial])


def main() -> None:
    """Train the grid."""
    from hydra.core.config_store import ConfigStore

    path = Path(sys.argv[1]).resolve()
    task = Task.read(path)
    ConfigStore.instance().store("trial", OmegaConf.create({"task": str(path), "trial": 0}))
    out = Path(task.out).resolve()
    sys.argv[1:] = [
        "--multirun",
        "hydra/launcher=joblib",
        f"hydra.launcher.n_jobs={task.cores}",
        f"hydra.sweep.dir={out}/hydra",
        "hydra/job_logging=disabled",
        "hydra/hydra_logging=disabled",
        f"trial={','.join(str(trial.index) for trials in task.grid.groups for trial in trials)}",
    ]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    train()


if __name__ == "__main__":
    main()
