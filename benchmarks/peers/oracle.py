"""P9: every trial of a shape in one program, written by hand for these networks alone, lanes split over the cores.

With the argument ``map``, the lanes of a core run one after the other inside the program; without, batched by vmap.
"""

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from benchmarks.mathematics import whole, workload
from benchmarks.task import Prepared, asked, write_curves, write_facts

WARM = 2
Lane = Callable[..., Any]


def main() -> None:
    """Train the grid."""
    task = asked()
    strategy = sys.argv[2] if len(sys.argv) > 2 else "vmap"
    prepared = Prepared.of(task)
    data = {name: jnp.asarray(array) for name, array in prepared.data.items()}
    rows = jnp.asarray(prepared.rows)
    mesh = Mesh(np.asarray(jax.devices()), ("lanes",))
    lanes, everywhere = PartitionSpec("lanes"), PartitionSpec()
    seconds = 0.0
    for number, trials in enumerate(task.grid.groups):
        lane = functools.partial(whole, workload(task.grid.workload, trials[0].shape), task.every)
        program = jax.jit(
            jax.shard_map(
                functools.partial(_mapped if strategy == "map" else _batched, lane),
                mesh=mesh,
                in_specs=(lanes, lanes, lanes, everywhere, everywhere),
                out_specs=lanes,
                check_vma=False,
            )
        )
        order = [*range(len(trials)), *[len(trials) - 1] * (-len(trials) % len(mesh.devices))]
        weights = {name: jnp.asarray(stack[order]) for name, stack in prepared.weights(number).items()}
        rates = jnp.asarray([task.rates(trials[index]) for index in order], jnp.float32)
        seeds = jnp.asarray([trials[index].seed for index in order])
        for _ in range(WARM if task.is_steady else 0):
            jax.block_until_ready(program(weights, rates, seeds, data, rows))
        start = time.perf_counter()
        train, evaluations = jax.device_get(program(weights, rates, seeds, data, rows))
        write_curves(task, trials, train, evaluations)
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(task.grid.trials) * task.steps)


def _batched(lane: Lane, weights: Any, rates: Array, seeds: Array, data: Any, rows: Array) -> Any:
    return jax.vmap(lambda weights, rates, seed: lane(weights, rates, rows[seed], data))(weights, rates, seeds)


def _mapped(lane: Lane, weights: Any, rates: Array, seeds: Array, data: Any, rows: Array) -> Any:
    return jax.lax.map(lambda own: lane(own[0], own[1], rows[own[2]], data), (weights, rates, seeds))


if __name__ == "__main__":
    main()
