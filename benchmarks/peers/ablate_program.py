"""ablate's compiled programs in the steady state, without the pack loop around them.

What `ablate_pack` takes more is Python: configurations that are read, a plan of calls, states and metrics and status on
disk. Here, as for the loop by hand, first states are on the devices when the clock starts, and curves are written.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ablate.core import to_plain
from ablate.engine import available_cpus, prepare_environment
from benchmarks.task import asked, write_curve, write_facts

WARM = 2


def main() -> None:
    """Train the grid."""
    prepare_environment(available_cpus())
    import jax

    from ablate.engine.drawing import drawings, read
    from ablate.engine.programs import compiled
    from ablate.plan import make_plan
    from ablate.store import Store
    from benchmarks.collect import SECOND, key

    task = asked()
    out = Path(task.out).resolve()
    plan = make_plan(out / f"{task.name}.yaml", Store(out / "runs"))
    paths = task.grid.paths
    trials = {(key(trial.settings, paths), trial.seed): trial for trial in task.grid.trials}
    steps = list(range(0, task.steps + 1, task.every))
    seconds = 0.0
    for pack in plan.packs:
        configs = [to_plain(run.config) for run in pack.runs]
        shared, fields, starts = read(configs)
        program = compiled(shared, len(configs), "auto", [start.whole for start in starts]).executable
        hyper = np.resize(fields, (program.width, fields.shape[1]))
        seeds = np.resize(np.asarray([run.seed for run in pack.runs], np.int32), program.width)
        filled = [*starts, *[None] * (program.width - len(starts))]

        for _ in range(WARM):
            _train(program, program.start(drawings(filled, seeds)), hyper, steps)
        first = jax.block_until_ready(program.start(drawings(filled, seeds)))
        start = time.perf_counter()
        means, evaluations = _train(program, first, hyper, steps)
        columns = [program.evaluation_metrics.index(name) for name in ("val_loss", SECOND[task.grid.workload])]
        loss = program.step_metrics.index("train_loss")
        for lane, (run, config) in enumerate(zip(pack.runs, configs, strict=True)):
            trial = trials[key(config, paths), run.seed]
            write_curve(task, trial, means[lane, 1:, loss], evaluations[lane][:, columns])
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(plan.runs) * task.steps)


def _train(program: Any, state: Any, hyper: np.ndarray, steps: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Means ``[lanes, steps, metrics]`` since the step before, and evaluations; NaN where a lane has diverged."""
    from ablate.engine.advancing import MOST_INTERVALS

    calls = []
    for number in range(0, len(steps), MOST_INTERVALS):
        until = np.tile(np.asarray(steps[number : number + MOST_INTERVALS], np.int32), (program.width, 1))
        state, rows = program.advance(state, hyper, until, np.ones(until.shape, bool))
        calls.append((rows, until.shape[1]))
    reports = [(program.read(rows), count) for rows, count in calls]
    means, evaluations, causes = (
        np.concatenate([getattr(report, name)[:, :count] for report, count in reports], 1)
        for name in ("means", "evaluation", "cause")
    )
    return means, np.where(causes[..., None] < 0, evaluations, np.nan)


if __name__ == "__main__":
    main()
