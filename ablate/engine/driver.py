"""`execute`: train what a plan still needs, inline or through Ray, and say how it ended."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Self

from ablate.core import RESULT_STATUSES, CommandError, Problem, Status, did_you_mean, to_plain
from ablate.grid import Variant
from ablate.plan import Pack, Plan, plugins_of
from ablate.store import PackWriter, RunState, Store, held, now

from .cluster import Resources, run_on_ray
from .inline import run_inline
from .job import PackJob, PackReport, RunJob

_FAILURES: tuple[Status, ...] = ("error", "lost", "oom", "timeout", "skipped")
_STICKY: frozenset[Status] = frozenset({"error", "oom", "timeout"})
"""Failures that would most likely happen again: trained again only when asked."""


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
    only: Sequence[Variant] | None = None,
    retry: Sequence[str] = (),
    inline: bool = False,
    address: str | None = None,
) -> Outcome:
    """Train the runs of `plan` that have not ended, and write the plan into the store at `root`.

    Runs that raised, ran out of memory or out of time are left alone unless `retry` names their status; runs whose
    worker was lost are always taken up again. The first interrupt (Ctrl-C, SIGTERM) saves the
    state of what is training and returns.

    Raises:
        CommandError: `retry` names no status of failure.
        StoreError: the store is locked by another driver, foreign, or cannot be written.
        EngineError: Ray cannot be started.
    """
    for name in retry:
        if name not in _FAILURES:
            raise CommandError(
                Problem(f"--retry: no failure is called {name!r}; {did_you_mean(name, _FAILURES)}", "bad-command")
            )
    store = Store(root.resolve())
    store.prepare()
    with held(store.grid_folder(plan.grid.name) / "lock"):
        store.write_plan(plan.record)
        skip = _failed(store, plan, retry)
        stop_file = store.grid_folder(plan.grid.name) / "stop"
        stop_file.unlink(missing_ok=True)
        packs = plan.remaining(only, skip=skip)
        jobs = [_job(plan, index, pack, store, stop_file) for index, pack in enumerate(packs)]
        tally = _Tally(on_report, stop_file if plan.grid.run.on.error == "stop_all" else None)
        with _Interrupts(stop_file) as interrupts:
            if jobs and inline:
                run_inline(jobs, tally)
            elif jobs:
                run_on_ray(jobs, tally, _resources(plan), address=address)
        stop_file.unlink(missing_ok=True)
        return tally.outcome(plan, store, jobs, interrupted=interrupts.seen)


class _Tally:
    """Counts what packs report."""

    def __init__(self, on_report: Callable[[PackReport], None], stop_on_failure: Path | None) -> None:
        self._on_report = on_report
        self._stop_on_failure = stop_on_failure
        self._messages: list[str] = []
        self._damaged: dict[str, None] = {}
        self._lost: list[PackReport] = []

    def __call__(self, report: PackReport) -> None:
        if report.phase == "failed":
            self._messages.append(report.message)
            if self._stop_on_failure:
                self._stop_on_failure.touch()
            if any(lane.status == "lost" for lane in report.lanes):
                self._lost.append(report)
        self._damaged.update(dict.fromkeys(report.damaged))
        self._on_report(report)

    def outcome(self, plan: Plan, store: Store, jobs: Sequence[PackJob], *, interrupted: bool) -> Outcome:
        for report in self._lost:
            _record_lost(store, report)
        found = Store(store.root)
        rows = found.runs(plan.record).select("run_id", "status").drop_nulls()
        statuses: dict[str, Status] = dict(rows.iter_rows())
        asked = {run.run_id for job in jobs for run in job.runs}
        return Outcome(
            planned=len(plan.runs),
            trained=len(asked & set(statuses)),
            statuses=statuses,
            missing=len(asked - set(statuses)),
            interrupted=interrupted,
            messages=tuple(self._messages),
            damaged=tuple({**self._damaged, **dict.fromkeys(found.damaged)}),
        )


def _failed(store: Store, plan: Plan, retry: Sequence[str]) -> frozenset[str]:
    """Runs that failed before and are not to be retried."""
    return frozenset(
        run.run_id
        for run in plan.runs
        if (attempt := store.attempt(run.run_id))
        and attempt.state.status in _STICKY
        and attempt.state.status not in retry
    )


def _record_lost(store: Store, report: PackReport) -> None:
    """Note, from the driver, the runs whose workers are gone; what they had is kept."""
    found = Store(store.root)
    states: dict[str, RunState] = {}
    for lane in report.lanes:
        attempt = found.attempt(lane.run_id)
        step = attempt.state.step if attempt else 0
        if attempt is None or attempt.state.status is None:
            states[lane.run_id] = RunState(step=step, status="lost", message=report.message)
    if states:
        pack_id = f"{time.time_ns():016x}-lost"
        PackWriter(store.pack_folder(pack_id), pack_id).flush(states, updated=now(), step_seconds=None)


def _job(plan: Plan, index: int, pack: Pack, store: Store, stop_file: Path) -> PackJob:
    strategy = {"strict": "map"}.get(plan.grid.run.lanes, plan.grid.run.lanes)
    return PackJob(
        index=index,
        title=pack.title,
        strategy=strategy if strategy in {"vmap", "map"} else "auto",
        runs=tuple(
            RunJob(
                run_id=run.run_id,
                label=run.label,
                seed=run.seed,
                steps=run.steps,
                eval_every=run.config.train.eval_every,
                config=to_plain(run.config),
            )
            for run in pack.runs
        ),
        plugins=plugins_of(plan.grid),
        store=str(store.root),
        stop_file=str(stop_file),
        checkpoint_every=plan.grid.run.checkpoint_every,
    )


def _resources(plan: Plan) -> Resources:
    run = plan.grid.run
    asked = Resources(max_workers=run.max_concurrent_trials, max_restarts=run.max_restarts)
    if run.resources == "auto":
        return asked
    return replace(asked, cpus=run.resources.get("cpu"), gpus=run.resources.get("gpu"))


class _Interrupts:
    """While entered, the first SIGINT or SIGTERM creates `stop_file`, which workers watch; a second one raises."""

    def __init__(self, stop_file: Path) -> None:
        self.seen = False
        self._stop_file = stop_file
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
        self._stop_file.touch()
