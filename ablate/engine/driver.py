"""`execute`: train what a plan still needs, inline or through Ray, and say how it ended."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from ablate.core import RESULT_STATUSES, CommandError, Problem, Status, did_you_mean
from ablate.grid import RunOptions, Variant
from ablate.plan import Plan, plugins_of
from ablate.store import Store, held

from .cluster import connected
from .devices import available_cpus, cpus_of_a_worker
from .failures import Tally
from .head_start import HeadStart
from .inline import run_inline
from .interrupts import Stop
from .job import PackReport
from .marks import forget
from .queue import JobQueue
from .slots import Resources
from .stages import Stages
from .trials import run_on_ray

MOST_BEFORE_START = 8
"""Programs that are compiled before the first worker is there, at most."""
_FAILURES: tuple[Status, ...] = ("error", "lost", "oom", "timeout", "skipped")


@dataclass(frozen=True)
class Outcome:
    """How an `execute` ended."""

    planned: int
    """Runs of the whole plan."""
    trained: int
    """Runs that this call brought to an end."""
    statuses: dict[str, Status]
    """Run id -> how it ended, over the whole plan; runs that have not ended are missing."""
    missing: int
    """Runs that this call was asked for and that have not ended."""
    interrupted: bool
    messages: tuple[str, ...]
    """What went wrong, one line or traceback per failed pack."""
    damaged: tuple[str, ...]

    @property
    def failed(self) -> int:
        """Runs that ended without a result."""
        return sum(status not in RESULT_STATUSES for status in self.statuses.values())

    @property
    def exit_code(self) -> int:
        """What the command returns."""
        if self.interrupted:
            return 130
        return 1 if self.failed or self.missing else 0


def execute(
    plan: Plan,
    root: Path,
    *,
    on_report: Callable[[PackReport], None] = lambda report: None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
    only: Sequence[Variant] | None = None,
    retry: Sequence[str] = (),
    fresh: bool = False,
    inline: bool = False,
    address: str | None = None,
    head_start: HeadStart | None = None,
) -> Outcome:
    """Train the runs of `plan` that have not ended, and write the plan into the store at `root`.

    A grid that tunes has two stages: when the runs that tune have ended, the settings are chosen, the plan is written
    again and given to `on_plan`, and the chosen settings are trained.

    Runs that raised, ran out of memory or out of time are left alone unless `retry` names their status; runs whose
    worker was lost are always taken up again. With `fresh`, what the store has of these runs counts no more, and all
    are trained from their first step. The first interrupt (Ctrl-C, SIGTERM) saves the state of what is training and
    returns; the second raises `KeyboardInterrupt` without waiting.

    Raises:
        CommandError: `retry` names no status of failure.
        StoreError: the store is locked by another driver, foreign, or cannot be written.
        EngineError: Ray cannot be started, or is gone; what was saved is kept.
    """
    for name in retry:
        if name not in _FAILURES:
            raise CommandError(
                Problem(f"--retry: no failure is called {name!r}; {did_you_mean(name, _FAILURES)}", "bad-command")
            )
    resources = _resources(plan.grid.run)
    store = Store(root.resolve())
    store.prepare()
    folder = store.grid_folder(plan.grid.name)
    with held(folder / "lock"), Stop(folder / "stop") as stop:
        if fresh:
            forget(store.root, plan.ids(only))
            plan = plan.refreshed(Store(store.root))
        stages = Stages(plan, store, stop, only, retry, on_plan)
        tally = None
        if stages.has_work:
            if head_start:
                _begin(head_start, stages, store)
            with nullcontext() if inline else connected(address, resources) as cluster:
                stages.workers = max(1, cluster.slots.workers) if cluster else 1
                queue = JobQueue(stages, lambda: stop.requested, stages.workers)
                tally = Tally(_with_end(head_start, on_report), stages, queue, stop, store.root, plan.grid.run)
                if cluster:
                    run_on_ray(queue, tally, tally.lost, cluster, resources)
                else:
                    run_inline(queue, tally)
        return _outcome(stages, Store(store.root), tally, interrupted=stop.interrupted)


def _begin(head_start: HeadStart, stages: Stages, store: Store) -> None:
    """Compile for the worker that Ray will have on this machine, unless it trains on something else than all cores."""
    options = stages.plan.grid.run
    if _resources(options).gpus or cpus_of_a_worker(options.resources) != available_cpus():
        return
    head_start.begin(stages.programs(MOST_BEFORE_START), plugins=plugins_of(stages.plan.grid), store=store.root)


def _with_end(head_start: HeadStart | None, on_report: Callable[[PackReport], None]) -> Callable[[PackReport], None]:
    """The same, but the first report of a worker ends the head start: the worker compiles itself now."""
    if head_start is None:
        return on_report

    def act(report: PackReport) -> None:
        head_start.end()
        on_report(report)

    return act


def _outcome(stages: Stages, store: Store, tally: Tally | None, *, interrupted: bool) -> Outcome:
    plan = stages.plan
    statuses = {run.run_id: status for run in plan.runs if (status := store.status(run.run_id, run.steps))}
    ended = {run_id for run_id, status in statuses.items() if status != "skipped"}
    damaged = dict.fromkeys((*tally.damaged, *store.damaged) if tally else store.damaged)
    return Outcome(
        planned=len(plan.runs) + plan.waiting,
        trained=len(stages.asked & ended),
        statuses=statuses,
        missing=len(stages.asked - set(statuses)),
        interrupted=interrupted,
        messages=tuple(tally.messages) if tally else (),
        damaged=tuple(damaged),
    )


def _resources(options: RunOptions) -> Resources:
    asked = Resources(
        max_workers=options.max_concurrent_trials, max_restarts=options.max_restarts, timeout=options.timeout
    )
    if options.resources == "auto":
        return asked
    return replace(asked, cpus=options.resources.get("cpu"), gpus=options.resources.get("gpu"))
