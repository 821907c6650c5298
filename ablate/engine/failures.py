"""`Tally`: takes in what packs report, and does what the grid wants done about failures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ablate.core import Status, StoreError
from ablate.grid import RunOptions

from .interrupts import Stop
from .job import LaneReport, PackJob, PackReport
from .marks import mark
from .queue import JobQueue
from .stages import STOPPED, Stages


class Tally:
    """Passes reports on, counts what went wrong, and acts on it.

    - A pack that ran out of memory, or whose workers died too often, comes back into the queue in halves.
    - A pack that raised an error stops its variants, or everything, if the grid says so.
    - When the store cannot be written, no more packs are started.
    - What a worker could not write is noted from here.
    """

    def __init__(
        self,
        on_report: Callable[[PackReport], None],
        stages: Stages,
        queue: JobQueue,
        stop: Stop,
        root: Path,
        options: RunOptions,
    ) -> None:
        self.messages: dict[str, None] = {}
        """What went wrong, one line per kind, in order."""
        self.damaged: dict[str, None] = {}
        """Files that could not be read."""
        self._on_report = on_report
        self._stages = stages
        self._queue = queue
        self._stop = stop
        self._root = root
        self._options = options
        self._started: set[int] = set()
        self._has_store = True

    def __call__(self, report: PackReport) -> None:
        """Take in a report of a worker."""
        self._started.add(report.index)
        self.damaged.update(dict.fromkeys(report.damaged))
        if report.phase == "split":
            self._queue.put(self._stages.halves(self._stages.job(report.index)))
        elif report.phase == "failed" and not report.lanes:
            self._store_failed(report.message)
        elif report.phase == "failed":
            self._failed(report)
        self._on_report(report)

    def lost(self, job: PackJob, status: Status, message: str) -> None:
        """Take in that a pack will not be reported on any more.

        If its workers died, that may be for lack of memory, or because of one of its runs.
        """
        splits = status == "lost" and job.retry_smaller and len(job.runs) > 1
        lanes = tuple(
            LaneReport(
                run_id=run.run_id,
                label=run.label,
                seed=run.seed,
                step=0,
                steps=run.steps,
                status=None if splits else status,
            )
            for run in job.runs
        )
        phase: Literal["split", "failed"] = "split" if splits else "failed"
        self(PackReport(index=job.index, phase=phase, lanes=lanes, message=f"{job.title}: {message}"))

    def _failed(self, report: PackReport) -> None:
        self.messages[report.message] = None
        for status in ("error", "oom", "lost", "timeout"):
            lanes = {lane.run_id: lane.steps for lane in report.lanes if lane.status == status}
            self._mark(lanes, status, report.message)
        raised = {lane.run_id for lane in report.lanes if lane.status == "error"}
        if raised and self._options.on.error == "stop_all":
            self._stop.request()
        elif raised and self._options.on.error == "stop_variant":
            unwanted = {run.run_id: run.steps for run in self._stages.of_variants_of(raised, but=self._started)}
            self._queue.drop(lambda run: run.run_id in unwanted)
            self._mark(unwanted, "skipped", STOPPED)

    def _mark(self, budgets: Mapping[str, int], status: Status, message: str) -> None:
        try:
            mark(self._root, budgets, status, message)
        except StoreError as error:
            self._store_failed(str(error))

    def _store_failed(self, message: str) -> None:
        """Packs that train would all say the same, with other paths."""
        if self._has_store:
            self._has_store = False
            self.messages[message] = None
        self._stop.request()
