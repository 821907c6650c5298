"""P6: one process, one trial after the other, each a single call of a compiled scan. The reference of the gate."""

import time

from benchmarks.task import asked, write_facts

from .fused import Fused

WARM = 2


def main() -> None:
    """Train the grid."""
    task = asked()
    fused = Fused(task)
    seconds = 0.0
    for trials in task.grid.groups:
        for trial in trials[:WARM] if task.is_steady else ():
            fused.train(trial)
        start = time.perf_counter()
        for trial in trials:
            fused.train(trial)
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(task.grid.trials) * task.steps)


if __name__ == "__main__":
    main()
