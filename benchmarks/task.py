"""`Task`: what a peer is asked to do, and where it leaves what it did. Numpy only, so that no peer pays for more."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .grids import GRIDS, Grid, Trial

Mode = Literal["cold", "warm", "steady"]
"""From process start with an empty compile cache; with the cache of the cold run; training alone, after a warm-up."""


@dataclass(frozen=True)
class Task:
    """One run of one peer. Crosses the process boundary as a JSON file."""

    name: str
    """Of the grid."""
    seeds: int
    steps: int
    every: int
    few: bool
    """Only the first and the last variant."""
    prepared: str
    """File with data, weights and batches; see `benchmarks.prepare`."""
    out: str
    """Folder for what the peer leaves."""
    mode: Mode
    cores: int
    rate_factor: float = 1.0
    """Multiplies every learning rate. Anything but 1 is a peer that must be refused: the test of the gate."""

    @cached_property
    def grid(self) -> Grid:
        """The grid, cut to what is asked for."""
        whole = GRIDS[self.name]
        return (whole.quick if self.few else whole).cut(seeds=self.seeds, steps=self.steps, every=self.every)

    @property
    def is_steady(self) -> bool:
        """Whether training alone is timed."""
        return self.mode == "steady"

    def rates(self, trial: Trial) -> tuple[float, float]:
        """Learning rate and weight decay."""
        lr, decay = trial.rates
        return self.rate_factor * lr, decay

    def write(self, path: Path) -> None:
        """As JSON."""
        Path(self.out).mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path | str) -> "Task":
        """From JSON."""
        return cls(**json.loads(Path(path).read_text()))


def asked() -> Task:
    """The task that the command line of a peer names."""
    return Task.read(sys.argv[1])


@dataclass(frozen=True)
class Prepared:
    """Data, and what is drawn at random: the same arrays for every peer."""

    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, task: Task) -> "Prepared":
        """From the file that the task names."""
        with np.load(task.prepared) as file:
            return cls({name: file[name] for name in file.files})

    @property
    def data(self) -> dict[str, np.ndarray]:
        """Arrays of the problem."""
        return self._under("data/")

    @property
    def rows(self) -> np.ndarray:
        """Which examples make a batch: ``[seeds, steps, batch]``, int32."""
        return self.arrays["rows"]

    def weights(self, group: int) -> dict[str, np.ndarray]:
        """Initial weights of a group of trials, each ``[trials, ...]``."""
        return self._under(f"weights/{group}/")

    def _under(self, prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Curve:
    """What a trial leaves."""

    train_loss: list[float]
    """Mean over each interval."""
    val_loss: list[float]
    """At the start and after each interval."""
    second: list[float]
    """The other number of an evaluation: mean absolute logit (mlp) or accuracy (transformer)."""

    def final(self, grid: Grid) -> float:
        """Validation loss after the last step; NaN for a trial that diverged."""
        complete = len(self.val_loss) == grid.steps // grid.every + 1
        return self.val_loss[-1] if complete and math.isfinite(self.val_loss[-1]) else math.nan


def write_curve(task: Task, trial: Trial, train: Any, evaluations: Any) -> None:
    """Put a trial's loss curve on disk: `train` is ``[n]``, `evaluations` ``[n + 1, 2]``."""
    pairs = np.asarray(evaluations, float)
    curve = Curve(np.asarray(train, float).tolist(), pairs[:, 0].tolist(), pairs[:, 1].tolist())
    path = Path(task.out) / "trials" / f"{trial.index:04d}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(curve)))


def write_curves(task: Task, trials: Sequence[Trial], train: Any, evaluations: Any) -> None:
    """`write_curve` for several, stacked."""
    for row, trial in enumerate(trials):
        write_curve(task, trial, train[row], evaluations[row])


def read_curves(task: Task) -> dict[int, Curve]:
    """Trial -> its curve."""
    paths = sorted((Path(task.out) / "trials").glob("*.json"))
    return {int(path.stem): Curve(**json.loads(path.read_text())) for path in paths}


def write_facts(task: Task, **facts: float) -> None:
    """Further numbers of a run, such as ``seconds`` and ``lane_steps`` of the steady state."""
    (Path(task.out) / "facts.json").write_text(json.dumps(facts))


def read_facts(task: Task) -> dict[str, float]:
    """What `write_facts` wrote."""
    path = Path(task.out) / "facts.json"
    found: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return found
