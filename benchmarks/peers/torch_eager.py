"""P7: a plain PyTorch loop, one trial after the other, with the fused AdamW.

All cores as threads of one process; or, with the argument ``processes``, one single-threaded process per core.
"""

import subprocess
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.grids import Trial
from benchmarks.task import Prepared, Task, asked, read_facts, write_curve, write_facts

from .torch_model import Network, Weights, optimizer_of, weights_of

WARM = 2
Loss = Callable[..., torch.Tensor]


def main(prepare: Callable[[Loss], Loss] = lambda loss: loss) -> None:
    """Train the grid; `prepare` is applied to the loss of each shape."""
    task = asked()
    shares = task.cores if sys.argv[2:3] == ["processes"] else 1
    if shares > 1:
        _spread(task, shares)
        return
    share, of = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (0, 1)
    torch.set_num_threads(1 if of > 1 else task.cores)
    prepared, seconds, steps = Prepared.of(task), 0.0, 0
    for number, trials in enumerate(task.grid.groups):
        network = Network(task, trials[0], prepared)
        loss = prepare(network.loss)
        mine = list(enumerate(trials))[share::of]
        for row, trial in mine[:WARM] if task.is_steady else ():
            train(task, trial, network, loss, weights_of(prepared, number, row), prepared)
        start = time.perf_counter()
        for row, trial in mine:
            train(task, trial, network, loss, weights_of(prepared, number, row), prepared)
        seconds += time.perf_counter() - start
        steps += len(mine) * task.steps
    if of == 1:
        write_facts(task, seconds=seconds, lane_steps=steps)
    else:
        print(seconds)


def train(task: Task, trial: Trial, network: Network, loss: Loss, weights: Weights, prepared: Prepared) -> None:
    """One trial."""
    optimizer = optimizer_of(weights, task.rates(trial))
    rows = torch.from_numpy(prepared.rows[trial.seed]).long()
    losses: list[float] = []
    with torch.no_grad():
        evaluations = [network.evaluate(weights)]
    for start in range(0, task.steps, task.every):
        total = torch.zeros(())
        for one in rows[start : start + task.every]:
            optimizer.zero_grad(set_to_none=True)
            value = loss(weights, *network.batch(one))
            torch.autograd.backward(value)
            optimizer.step()
            total += value.detach()
        losses.append(total.item() / task.every)
        with torch.no_grad():
            evaluations.append(network.evaluate(weights))
        if not torch.isfinite(total):
            break
    write_curve(task, trial, losses, torch.stack(evaluations).numpy())


def _spread(task: Task, shares: int) -> None:
    """Every process trains its share; the slowest decides."""
    command = [sys.executable, "-m", "benchmarks.peers.torch_eager", sys.argv[1]]
    children = [
        subprocess.Popen([*command, str(share), str(shares)], stdout=subprocess.PIPE, text=True)
        for share in range(shares)
    ]
    seconds = [float(child.communicate()[0].splitlines()[-1]) for child in children]
    if any(child.returncode for child in children):
        message = "a process of this peer failed"
        raise SystemExit(message)
    write_facts(task, **read_facts(task), seconds=max(seconds), lane_steps=len(task.grid.trials) * task.steps)


if __name__ == "__main__":
    main()
