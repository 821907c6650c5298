"""ablate in the steady state: its pack loop in this process, with programs that are compiled and lanes calibrated.

Each pack is trained twice in one store, first under other run ids and seeds; the second time counts, from the first
report after compilation to the end, with everything that the loop does: evaluations, results and states on disk.
"""

import time
from pathlib import Path

from ablate.core import collect_rarely, to_plain
from ablate.engine import PackJob, RunJob, available_cpus, prepare_environment
from benchmarks.task import asked, write_facts

_OTHER_SEEDS = 1000


def main() -> None:
    """Train the grid."""
    collect_rarely()  # as a worker does
    prepare_environment(available_cpus())
    from ablate.engine.job import lane_strategy
    from ablate.engine.pack import train
    from ablate.plan import Pack, make_plan, plugins_of
    from ablate.store import Store

    task = asked()
    out = Path(task.out).resolve()
    path = out / f"{task.name}.yaml"
    store = Store(out / "runs")
    plan = make_plan(path, store)
    store.prepare()
    store.write_plan(plan.record)

    def job(pack: Pack, *, counts: bool) -> PackJob:
        runs = tuple(
            RunJob(
                run_id=run.run_id if counts else f"warm-{run.run_id}",
                label=run.label,
                seed=run.seed + (0 if counts else _OTHER_SEEDS),
                steps=run.steps,
                eval_every=run.config.train.eval_every,
                config=to_plain(run.config),
            )
            for run in pack.runs
        )
        return PackJob(
            index=0,
            title=pack.title,
            strategy=lane_strategy(plan.grid.run.lanes),
            runs=runs,
            lanes=pack.lanes,
            plugins=plugins_of(plan.grid),
            store=str(store.root),
            stop_file=str(out / "stop"),
        )

    seconds = 0.0
    for pack in plan.packs:
        for _ in train(job(pack, counts=False)):
            pass
        reports = train(job(pack, counts=True))
        next(reports)
        start = time.perf_counter()
        for report in reports:
            assert report.phase != "failed", report.message
        seconds += time.perf_counter() - start
    write_facts(task, seconds=seconds, lane_steps=len(plan.runs) * task.steps)


if __name__ == "__main__":
    main()
