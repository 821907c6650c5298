"""P5: a Python loop over jitted steps, as good as such a loop gets.

Compiled once per shape, state donated, batches cut and on the device before the loop, losses summed on the device and
fetched once per interval.
"""

import functools
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from benchmarks.grids import Trial
from benchmarks.mathematics import Batch, State, Workload, evaluate, fresh, step, workload
from benchmarks.task import Prepared, Task, asked, write_curve, write_facts

WARM = 2


def main() -> None:
    """Train the grid."""
    task = asked()
    prepared = Prepared.of(task)
    data = {name: jnp.asarray(array) for name, array in prepared.data.items()}
    seconds = 0.0
    for number, trials in enumerate(task.grid.groups):
        loop = Loop(task, prepared, number, data)
        loop.train(trials[:WARM] if task.is_steady else ())
        start = time.perf_counter()
        loop.train(trials)
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(task.grid.trials) * task.steps)


class Loop:
    """The trials of one shape."""

    def __init__(self, task: Task, prepared: Prepared, group: int, data: dict[str, Array]) -> None:
        self.task, self.data = task, data
        self.rows, self.weights = prepared.rows, prepared.weights(group)
        work = workload(task.grid.workload, task.grid.groups[group][0].shape)
        self.advance = jax.jit(functools.partial(_advance, work), donate_argnums=(0, 1))
        self.measure = jax.jit(functools.partial(evaluate, work))
        self.cut = jax.jit(work.batch)
        self.batches: dict[int, list[Batch]] = {}

    def train(self, trials: Sequence[Trial]) -> None:
        """One after the other."""
        for row, trial in enumerate(trials):
            if trial.seed not in self.batches:
                self.batches[trial.seed] = [self.cut(self.data, rows) for rows in self.rows[trial.seed]]
            self._train(row, trial, self.batches[trial.seed])

    def _train(self, row: int, trial: Trial, batches: Sequence[Batch]) -> None:
        task = self.task
        state = fresh({name: jnp.array(stack[row]) for name, stack in self.weights.items()})
        rates = jnp.asarray(task.rates(trial), jnp.float32)
        losses: list[float] = []
        evaluations = [self.measure(state.parameters, self.data)]
        for start in range(0, task.steps, task.every):
            total = jnp.zeros(())
            for batch in batches[start : start + task.every]:
                state, total = self.advance(state, total, rates, batch)
            evaluations.append(self.measure(state.parameters, self.data))
            losses.append(float(total) / task.every)
            if not np.isfinite(losses[-1]):
                break
        write_curve(task, trial, losses, jax.device_get(evaluations))


def _advance(
    work: Workload, state: State, total: Float[Array, ""], rates: Float[Array, "2"], batch: Batch
) -> tuple[State, Float[Array, ""]]:
    state, loss = step(work, state, rates, batch)
    return state, total + loss


if __name__ == "__main__":
    main()
