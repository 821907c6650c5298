"""`Fused`: a whole training as one program, one trial at a time. What four peers have in common."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.grids import Trial
from benchmarks.mathematics import whole, workload
from benchmarks.task import Prepared, Task, write_curve


class Fused:
    """Trains trials of a task; each shape is compiled once per process."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.prepared = Prepared.of(task)
        self.data = {name: jnp.asarray(array) for name, array in self.prepared.data.items()}
        self.place = {
            trial.index: (group, row)
            for group, trials in enumerate(task.grid.groups)
            for row, trial in enumerate(trials)
        }
        self._programs: dict[tuple[Any, ...], Any] = {}

    def train(self, trial: Trial) -> None:
        """Train one trial and write its curve."""
        group, row = self.place[trial.index]
        weights = {name: jnp.asarray(stack[row]) for name, stack in self.prepared.weights(group).items()}
        rows = jnp.asarray(self.prepared.rows[trial.seed])
        rates = jnp.asarray(self.task.rates(trial), jnp.float32)
        train, evaluations = self._program(trial)(weights, rates, rows, self.data)
        write_curve(self.task, trial, *jax.device_get((train, evaluations)))

    def _program(self, trial: Trial) -> Any:
        if trial.shape not in self._programs:
            work = workload(self.task.grid.workload, trial.shape)
            self._programs[trial.shape] = jax.jit(functools.partial(whole, work, self.task.every))
        return self._programs[trial.shape]
