"""P8: every trial of a shape at once: torch.func.vmap over the gradient, and AdamW on the stacked weights."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from benchmarks.grids import Trial
from benchmarks.task import Prepared, Task, asked, write_curves, write_facts

from .torch_model import B1, B2, EPS, Network, Weights

WARM_STEPS = 5


def main() -> None:
    """Train the grid."""
    task = asked()
    torch.set_num_threads(task.cores)
    prepared, seconds = Prepared.of(task), 0.0
    for number, trials in enumerate(task.grid.groups):
        network = Network(task, trials[0], prepared)
        weights = {name: torch.from_numpy(stack) for name, stack in prepared.weights(number).items()}
        if task.is_steady:
            train(task, trials, network, weights, prepared, WARM_STEPS)
        start = time.perf_counter()
        train(task, trials, network, weights, prepared, task.steps)
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(task.grid.trials) * task.steps)


@torch.no_grad()
def train(
    task: Task, trials: Sequence[Trial], network: Network, weights: Weights, prepared: Prepared, steps: int
) -> None:
    """All trials of a shape, as lanes."""
    rates = torch.tensor([task.rates(trial) for trial in trials])
    rows = torch.from_numpy(prepared.rows[[trial.seed for trial in trials]]).long()
    gradient, measure = vmap(grad_and_value(network.loss)), vmap(network.evaluate)
    weights = {name: leaf.clone() for name, leaf in weights.items()}
    first = {name: torch.zeros_like(leaf) for name, leaf in weights.items()}
    second = {name: torch.zeros_like(leaf) for name, leaf in weights.items()}
    losses, evaluations, total = [], [measure(weights)], torch.zeros(len(trials))
    for count in range(1, steps + 1):
        gradients, values = gradient(weights, *network.batch(rows[:, count - 1]))
        total += values
        for name, leaf in weights.items():
            _move(leaf, gradients[name], first[name], second[name], rates, count)
        if count % task.every == 0:
            losses.append(total / task.every)
            evaluations.append(measure(weights))
            total = torch.zeros(len(trials))
    if losses:
        write_curves(task, trials, torch.stack(losses, 1).numpy(), torch.stack(evaluations, 1).numpy())


def _move(leaf: Tensor, gradient: Tensor, first: Tensor, second: Tensor, rates: Tensor, count: int) -> None:
    """One AdamW update of a stacked leaf, in place."""
    shape = (-1, *[1] * (leaf.ndim - 1))
    lr, decay = rates[:, 0].view(shape), rates[:, 1].view(shape)
    first.lerp_(gradient, 1 - B1)
    second.mul_(B2).addcmul_(gradient, gradient, value=1 - B2)
    one, two = (float(1 - np.float32(decay) ** np.float32(count)) for decay in (B1, B2))  # as float32 programs have it
    direction = (first / one) / ((second / two).sqrt_() + EPS)
    leaf.sub_(lr * (direction + decay * leaf if leaf.ndim >= 3 else direction))


if __name__ == "__main__":
    main()
