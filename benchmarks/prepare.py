"""Draws weights and batches with ablate's own definitions, and puts them into a file for the peers.

    python -m benchmarks.prepare TASK.json

So every peer starts from the same weights and sees the same batches, and pays nothing for drawing them; ablate draws
its own while it trains, and that is part of its time.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ablate.plan import import_plugins
from ablate.systems import PROGRAMS, root, signature, stream, whole_hyper

from .grids import Trial
from .task import Task, asked


def main() -> None:
    """Write ``task.prepared``."""
    task = asked()
    import_plugins(["benchmarks.plugin"])
    config = _config(task, task.grid.trials[0])
    data = config.load()
    arrays: dict[str, np.ndarray] = _data(task, config, data)
    arrays["rows"] = _rows(task, config, data)
    for number, trials in enumerate(task.grid.groups):
        weights = _weights(task, trials, data)
        arrays |= {f"weights/{number}/{name}": leaf for name, leaf in weights.items()}
    path = Path(task.prepared)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _config(task: Task, trial: Trial) -> Any:
    tree: dict[str, Any] = {"kind": "supervised"}
    for path, value in trial.settings.items():
        *parents, last = path.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return PROGRAMS.parse(tree)


def _data(task: Task, config: Any, data: Any) -> dict[str, np.ndarray]:
    validation = config.problem.validation(data)
    arrays = {"validation_inputs": validation.inputs, "validation_targets": validation.targets}
    if task.grid.workload == "mlp":
        arrays |= {"inputs": data.train.inputs, "targets": data.train.targets}
    else:
        arrays |= {"text": data.train}
    return {f"data/{name}": np.asarray(array) for name, array in arrays.items()}


def _rows(task: Task, config: Any, data: Any) -> np.ndarray:
    problem = config.problem

    def rows(key: Any) -> Any:
        if task.grid.workload == "mlp":
            return problem.rows(key)
        return jax.random.randint(key, (problem.batch,), 0, data.train.shape[0] - problem.context)

    def of_seed(seed: Any) -> Any:
        key = stream(root(seed), "data")
        return jax.vmap(lambda step: rows(jax.random.fold_in(key, step)))(jnp.arange(task.steps))

    found = np.asarray(jax.jit(jax.vmap(of_seed))(jnp.arange(task.seeds)))
    if task.grid.workload == "transformer":
        batch = problem.sample(jax.tree.map(jnp.asarray, data), jax.random.fold_in(stream(root(0), "data"), 0))
        windows = np.asarray(data.train)[found[0, 0][:, None] + np.arange(problem.context)]
        np.testing.assert_array_equal(windows, np.asarray(batch.inputs), "ablate draws other windows by now")
    return found


def _weights(task: Task, trials: Sequence[Trial], data: Any) -> dict[str, np.ndarray]:
    """Stacked over the trials, which may have several initialisations."""
    configs = [_config(task, trial) for trial in trials]
    rows: list[dict[str, np.ndarray]] = [{} for _ in trials]
    wholes = [signature(config).whole for config in configs]
    for shared in dict.fromkeys(wholes):
        members = [index for index, whole in enumerate(wholes) if whole == shared]

        def one(args: Any, shared: Any = shared) -> Any:
            fields, seed = args
            return shared.config(fields).init(data, root(seed)).parameters

        fields = jnp.asarray(whole_hyper([configs[index] for index in members]))
        seeds = jnp.asarray([trials[index].seed for index in members])
        leaves = _named(task, jax.jit(lambda *args, one=one: jax.lax.map(one, args))(fields, seeds))
        for row, index in enumerate(members):
            rows[index] = {name: leaf[row] for name, leaf in leaves.items()}
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _named(task: Task, parameters: Any) -> dict[str, np.ndarray]:
    if task.grid.workload == "mlp":
        leaves = {f"w{index}": leaf for index, leaf in enumerate(parameters.weights)}
        leaves |= {f"b{index}": leaf for index, leaf in enumerate(parameters.biases)}
    else:
        leaves = {name: getattr(parameters, name) for name in ("embedding", "position", "unembedding")}
        for index, block in enumerate(parameters.blocks):
            leaves |= {f"qkv{index}": block.qkv, f"out{index}": block.out}
            leaves |= {f"up{index}": block.mlp.up, f"down{index}": block.mlp.down}
    assert len(leaves) == len(jax.tree.leaves(parameters)), "ablate has parameters that the peers do not know"
    return {name: np.asarray(leaf) for name, leaf in leaves.items()}


if __name__ == "__main__":
    main()
