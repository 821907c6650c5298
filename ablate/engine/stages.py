"""The packs of a plan as jobs, stage by stage."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from ablate.core import Status, to_plain
from ablate.grid import Variant
from ablate.plan import Pack, Plan, plugins_of
from ablate.store import Store

from .interrupts import Stop
from .job import NextProgram, PackJob, RunJob, lane_strategy
from .marks import mark

STOPPED = "not started: a run of its variant raised an error (run.on.error: stop_variant)"
"""Message of a skipped run."""

_STICKY: tuple[Status, ...] = ("error", "oom", "timeout")
"""Failures that would most likely happen again: trained again only when asked."""


class Stages:
    """The packs of a plan, stage by stage; what a stage brings is written into the store's plan."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        stop: Stop,
        only: Sequence[Variant] | None,
        retry: Sequence[str],
        on_plan: Callable[[Plan], None],
    ) -> None:
        self.plan = plan
        self.asked: set[str] = set()
        """Ids of the runs that were given out."""
        self.workers = 1
        """How many packs can train at the same time."""
        self._jobs: dict[int, PackJob] = {}
        self._store = store
        self._stop = stop
        self._only = only
        self._retry = retry
        self._on_plan = on_plan
        _write(store, plan)

    @property
    def has_work(self) -> bool:
        """Whether the first stage has anything to train."""
        return bool(self._packs())

    def __call__(self) -> Sequence[PackJob]:
        """The next stage; empty if nothing more can be done now."""
        if self._stop.requested:
            return ()
        if self.asked:
            if not self.plan.waiting:
                return ()
            self._store = Store(self._store.root)
            self.plan = self.plan.refreshed(self._store)
            _write(self._store, self.plan)
            self._on_plan(self.plan)
        mark(self._store.root, self._stopped(), "skipped", STOPPED)
        return [self._added(_job(self.plan, pack, self._store, self._stop)) for pack in self._packs()]

    def programs(self, most: int) -> list[NextProgram]:
        """Of the first packs of this stage, as far as one worker would train them."""
        return [_job(self.plan, pack, self._store, self._stop).program for pack in self._packs()[:most]]

    def job(self, index: int) -> PackJob:
        """A job that was given out."""
        return self._jobs[index]

    def halves(self, job: PackJob) -> tuple[PackJob, ...]:
        """The runs of a job that have not ended, in two jobs of half as many lanes."""
        store = Store(self._store.root, job.run_ids)
        left = [run for run in job.runs if not store.has_ended(run.run_id, run.steps, run.eval_every, run.recordings)]
        lanes = max(1, (job.lanes or len(job.runs)) // 2)
        middle = -(-len(left) // 2)
        parts = [part for part in (left[:middle], left[middle:]) if part]
        return tuple(
            self._added(job.model_copy(update={"runs": tuple(part), "lanes": min(lanes, len(part))})) for part in parts
        )

    def of_variants_of(self, run_ids: Collection[str], *, but: Collection[int]) -> Iterator[RunJob]:
        """Runs of the variants that some runs belong to, in jobs other than `but`."""
        variant_of = {run.run_id: run.variant for run in self.plan.runs}
        stopped = {variant_of[run_id] for run_id in run_ids}
        for index, job in self._jobs.items():
            if index not in but:
                yield from (run for run in job.runs if variant_of[run.run_id] in stopped)

    def _packs(self) -> tuple[Pack, ...]:
        skip = self._failed(*_STICKY) | self.asked | set(self._stopped())
        return self.plan.remaining(self._only, skip=frozenset(skip), workers=self.workers)

    def _failed(self, *statuses: Status) -> set[str]:
        """Runs that failed in one of these ways before and are not to be retried."""
        wanted = set(statuses) - set(self._retry)
        return {
            run.run_id
            for run in self.plan.runs
            if (attempt := self._store.attempt(run.run_id)) and attempt.state.status in wanted
        }

    def _stopped(self) -> dict[str, int]:
        """Runs that are not to be started because their variant had an error before, and their budgets."""
        if self.plan.grid.run.on.error != "stop_variant":
            return {}
        failed = self._failed("error")
        variants = {run.variant for run in self.plan.runs if run.run_id in failed}
        done = failed | self.plan.ended
        return {run.run_id: run.steps for run in self.plan.runs if run.variant in variants and run.run_id not in done}

    def _added(self, job: PackJob) -> PackJob:
        can_be_skipped = self.plan.grid.run.on.error == "stop_variant"
        made = time.time_ns() if can_be_skipped else 0
        job = job.model_copy(update={"index": len(self._jobs), "made": made})
        self._jobs[job.index] = job
        self.asked |= {run.run_id for run in job.runs}
        return job


def _write(store: Store, plan: Plan) -> None:
    if plan.confirmation is None:
        store.write_plan(plan.record)
    else:
        store.write_confirmation(plan.grid.name, plan.confirmation)


def _job(plan: Plan, pack: Pack, store: Store, stop: Stop) -> PackJob:
    options = plan.grid.run
    return PackJob(
        title=pack.title,
        strategy=lane_strategy(options.lanes),
        runs=tuple(
            RunJob(
                run_id=run.run_id,
                label=run.label,
                seed=run.seed,
                steps=run.steps,
                eval_every=run.config.train.eval_every,
                config=to_plain(run.config),
                recordings=run.recordings,
            )
            for run in pack.runs
        ),
        lanes=pack.lanes,
        plugins=plugins_of(plan.grid),
        store=str(store.root),
        stop_file=str(stop.path),
        checkpoint_every=options.checkpoint_every,
        retry_smaller=options.on.oom == "retry_alone",
    )
