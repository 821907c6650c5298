"""P2: Ray Tune as its first tutorial has it: a function trainable per trial, which jits a step and loops over it.

Naive, and labelled so: every trial is a fresh worker process that imports and compiles for itself, with its learning
rate as a constant of the program.
"""

import sys
from pathlib import Path
from typing import Any

from ray import tune

from benchmarks.task import Prepared, Task, asked, write_curve


def train(config: dict[str, Any]) -> None:
    """One trial."""
    import jax
    import jax.numpy as jnp

    from benchmarks.mathematics import evaluate, fresh, step, workload

    task = Task.read(config["task"])
    trial = task.grid.trials[config["trial"]]
    prepared = Prepared.of(task)
    data = {name: jnp.asarray(array) for name, array in prepared.data.items()}
    group, row = next(
        (number, trials.index(trial)) for number, trials in enumerate(task.grid.groups) if trial in trials
    )
    work, (lr, decay) = workload(task.grid.workload, trial.shape), task.rates(trial)

    @jax.jit
    def advance(state: Any, rows: Any) -> Any:
        return step(work, state, jnp.asarray([lr, decay], jnp.float32), work.batch(data, rows))

    @jax.jit
    def measure(parameters: Any) -> Any:
        return evaluate(work, parameters, data)

    state = fresh({name: jnp.asarray(stack[row]) for name, stack in prepared.weights(group).items()})
    losses, evaluations = [], [measure(state.parameters)]
    for start in range(0, task.steps, task.every):
        interval = []
        for rows in prepared.rows[trial.seed][start : start + task.every]:
            state, loss = advance(state, rows)
            interval.append(loss)
        losses.append(float(sum(interval)) / task.every)
        evaluations.append(measure(state.parameters))
        tune.report({"train_loss": losses[-1], "val_loss": float(evaluations[-1][0])})
    write_curve(task, trial, losses, jax.device_get(evaluations))


def main() -> None:
    """Train the grid."""
    task, path = asked(), str(Path(sys.argv[1]).resolve())
    tuner = tune.Tuner(
        train,
        param_space={"task": path, "trial": tune.grid_search(list(range(len(task.grid.trials))))},
        run_config=tune.RunConfig(storage_path=str(Path(task.out).resolve() / "ray"), verbose=0),
    )
    found = tuner.fit()
    if found.errors:
        raise found.errors[0]


if __name__ == "__main__":
    main()
