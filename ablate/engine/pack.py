"""The pack loop: trains the runs of one pack and puts their results in the store. Knows nothing of Ray."""

import math
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from ablate.core import AblateError, Status, StoreError
from ablate.plan import import_plugins, plugin_versions
from ablate.store import PackRecord, PackWriter, Store, provenance

from . import checkpoint
from .advancing import MOST_INTERVALS
from .calls import Call, ask
from .compaction import spread, target
from .drawing import drawings, read
from .executable import Executable
from .job import PackJob, PackReport, Phase
from .lanes import Lanes
from .pace import Pace
from .programs import calibrated, compile_ahead, forget_programs
from .raised import in_short, is_out_of_memory
from .readings import readings
from .recorder import Recorder, Snapshot
from .resume import as_before, take_up
from .runs import Run

SECONDS_PER_CALL = 1.0
"""Aim for a jitted call; decides how often progress is seen and how long an interrupt waits."""
FIRST_STEPS = 4
"""Updates of a call while nobody knows how long one takes."""
SECONDS_PER_FLUSH = 5.0
SECONDS_PER_CHECKPOINT = 30.0
MOST_CALLS = 8
"""Calls that wait for the devices at a time."""
FILLED_TOGETHER = 8
"""Lanes wait for a new run until this part (one in 8) of the pack is free."""


def train(job: PackJob) -> Iterator[PackReport]:
    """Train a pack, yielding a report after compilation and after each call.

    A pack may have more runs than lanes: a lane whose run has ended takes the next one. Stops early, with the state
    saved, when ``job.stop_file`` appears or the generator is closed. A component that raises ends the pack with status
    ``error``; it does not raise here. One that needs more memory than there is ends it with status ``oom``, or in phase
    ``split`` with ``job.retry_smaller``.

    Raises:
        StoreError: the results cannot be written.
    """
    if Path(job.stop_file).exists():
        yield PackReport(index=job.index, phase="stopped", lanes=())
        return
    pack = _Pack(job)
    try:
        yield from pack.run()
    except StoreError:
        raise
    except Exception as error:
        message = str(error) if isinstance(error, AblateError) else in_short(error)
        oom = is_out_of_memory(error)
        splits = oom and job.retry_smaller and len(job.runs) > 1
        if oom:
            forget_programs()
        pack.fail(None if splits else "oom" if oom else "error", message)
        yield pack.report("split" if splits else "failed", message=message)
    finally:
        pack.recorder.close()


class _Pack:
    def __init__(self, job: PackJob) -> None:
        self.job = job
        self.runs = [Run(run) for run in job.runs]
        self.waiting = deque(self.runs)
        self.slots: list[Run | None] = []
        """The run of each lane; None for one that is idle."""
        self.pack_id = f"{time.time_ns():016x}-{secrets.token_hex(3)}"
        self.store = Store(Path(job.store), job.run_ids)
        self.recorder = Recorder(PackWriter(self.store.pack_folder(self.pack_id), self.pack_id))
        self.compile_seconds = self.waited = 0.0
        self.executable: Executable
        self.state: Lanes
        self._pace = Pace()
        self._flushed = self._saved = self._clock = time.perf_counter()
        self._reported = self._clock
        self._touched: dict[str, Run] = {}
        """Runs that went on since the last report."""
        self._saved_step = self._saves = 0

    # --- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> Iterator[PackReport]:
        yield self.report("compiling")
        import_plugins(self.job.plugins)
        self._prepare()
        pending: deque[Call] = deque()
        self._clock = time.perf_counter()
        try:
            call = self._first_call()
            while call:
                pending.append(call)
                while self._is_enough(pending):
                    self._harvest(pending.popleft())
                if self._wants_checkpoint() or self._is_stopping():
                    while pending:
                        self._harvest(pending.popleft())
                    stopping = self._is_stopping()
                    self._save(goes_on=not stopping)
                    if stopping:
                        self.recorder.wait()
                        yield self.report("stopped")
                        return
                elif time.perf_counter() - self._flushed > SECONDS_PER_FLUSH:
                    self._flush()
                while pending and not any(run and run.is_open for run in self.slots):
                    self._harvest(pending.popleft())  # only what is not known yet could open a lane
                if self._touched and time.perf_counter() - self._reported >= SECONDS_PER_CALL / 2:
                    yield self.report("training", self._touched)
                call = self._next_call()
            self._save(goes_on=False)
            self.recorder.wait()
        except GeneratorExit:
            while pending:
                self._harvest(pending.popleft())
            self._save(goes_on=False)
            self.recorder.wait()
            raise
        yield self.report("ended")

    def _first_call(self) -> Call | None:
        """The devices have work before the attempt is put on record."""
        try:
            return self._next_call()
        finally:
            self.recorder.open(self._record())

    def _next_call(self) -> Call | None:
        """Put waiting runs in free lanes, and ask for the next updates; None when no run is left."""
        self._arrange()
        pace = self._pace.seconds
        steps = max(1, round(SECONDS_PER_CALL / pace)) if pace else FIRST_STEPS
        most = MOST_INTERVALS if pace else 2  # an evaluation, then the first updates
        intervals = ask(self.slots, steps, most=most)
        if not intervals:
            return None
        until, evaluate = (np.asarray([getattr(one, what) for one in intervals]).T for what in ("until", "evaluate"))
        self.state, rows = self.executable.advance(self.state, self.hyper, until, evaluate)
        return Call(rows, tuple(self.slots), intervals)

    def _is_enough(self, pending: Sequence[Call]) -> bool:
        """Whether the devices have work ahead: two calls, or as many short ones as take about half a second.

        Not before one has told how long an update takes: then the next is as long as it should be.
        """
        pace = self._pace.seconds
        if len(pending) <= 1 or not pace:
            return len(pending) > 1 or not pace
        ahead = sum(call.steps for call in list(pending)[1:]) * pace
        return ahead > SECONDS_PER_CALL / 2 or len(pending) > MOST_CALLS

    def _harvest(self, call: Call) -> None:
        """Wait for a call, and note what it did."""
        report = self.executable.read(call.rows)
        now_ = time.perf_counter()
        elapsed, self._clock = now_ - self._clock, now_
        self._pace.add(elapsed, call.steps, evaluated=call.evaluates)
        lanes = [(row, run, run.step) for row, run in enumerate(call.runs) if run]
        metrics = len(self.executable.evaluation_metrics)  # behind them is what diagnostics read
        told = (report.step, report.cause, report.means, report.evaluation[..., :metrics])
        steps, causes, means, evaluations = (of_all.tolist() for of_all in told)
        for number, interval in enumerate(call.intervals):
            for row, run, _ in lanes:
                run.step = steps[row][number]
                if run.status is not None:
                    continue
                if causes[row][number] >= 0:
                    run.status, run.cause = "diverged", self.executable.causes[causes[row][number]]
                    self._note(run, means[row][number])
                    continue
                if interval.evaluate[row]:
                    self._note(run, means[row][number], evaluations[row][number])
                    if self.executable.diagnosis:
                        found = np.asarray(report.evaluation[row, number, metrics:])
                        self.recorder.add_readings(readings(self.executable, run, found))
                if run.step >= run.job.steps:
                    run.status = "done"
        total = sum(run.step - before for _, run, before in lanes)
        for _, run, before in lanes:
            run.seconds += elapsed * (run.step - before) / max(total, 1)
            self._touched[run.job.run_id] = run

    def _note(self, run: Run, means: Sequence[float], evaluation: Sequence[float] = ()) -> None:
        """Record a run's metrics: the means since the last evaluation, if there was a step, and an evaluation."""
        values = {} if all(map(math.isnan, means)) else dict(zip(self.executable.step_metrics, means, strict=True))
        if evaluation:
            values |= dict(zip(self.executable.evaluation_metrics, evaluation, strict=True))
        self.recorder.add(run.job.run_id, run.step, values)
        run.metrics |= values

    # --- which run is in which lane ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Compile, and give the first runs their lanes."""
        shared, fields, starts = read(run.job.config for run in self.runs)
        for run, row, start in zip(self.runs, fields, starts, strict=True):
            run.hyper, run.start = row, start
        strategy, lanes = as_before(self.job, self.store)
        first = self.runs[:lanes]
        rows = fields[: len(first)]
        drawn = drawings(starts[:lanes], np.asarray([run.job.seed for run in first]))
        steps = sum(run.steps for run in self.job.runs) // len(first)
        if ahead := self.job.ahead:
            following, _, later = read(ahead.configs)
            compile_ahead(following, ahead.lanes, ahead.strategy, self.store, [start.whole for start in later])
        drawn_by = [start.whole for start in starts]
        found = calibrated(shared, rows, drawn, strategy, steps, self.store, width=lanes, drawn_by=drawn_by)
        self.executable, self.compile_seconds, self.waited = found.executable, found.seconds, found.waited
        self._pace = self.executable.pace
        self.most = len(first)
        self.slots = [None] * self.executable.width
        self.hyper = np.resize(rows, (self.executable.width, rows.shape[1]))
        self.seeds = np.zeros(self.executable.width, np.int32)
        self.state = self._fill(range(self.most))

    def _arrange(self) -> None:
        """Between two calls: a lane whose run has ended takes the next run, or is left out if that saves time."""
        ended = [row for row, run in enumerate(self.slots) if run and run.status is not None]
        alive = any(run and run.is_open for run in self.slots)
        if not ended:
            return
        if self.waiting:
            if alive and len(ended) < min(len(self.waiting), self.executable.width // FILLED_TOGETHER):
                return  # a fill initialises and copies the state of all lanes
            self._save_ended()
            fresh = self._fill(ended)
            chosen = np.isin(np.arange(self.executable.width), ended)
            self.state = self.executable.replace(self.state, fresh, chosen)
        elif alive:
            self._compact()

    def _fill(self, rows: Sequence[int]) -> Lanes:
        """Give waiting runs these lanes; the lanes of the pack as they begin, those that resume as they were saved."""
        self.hyper, self.seeds = self.hyper.copy(), self.seeds.copy()  # a pending call may read the old ones
        for row in rows:
            run = self.waiting.popleft() if self.waiting else None
            self.slots[row] = run
            if run:
                self.hyper[row], self.seeds[row] = run.hyper, run.job.seed
        runs = {row: run for row in rows if (run := self.slots[row])}
        filled = [run.start if (run := runs.get(row)) else None for row in range(len(self.slots))]
        fresh = self.executable.start(drawings(filled, self.seeds))
        if not any(run.job.run_id in self.store.attempts for run in runs.values()):
            return fresh
        like = checkpoint.to_host(fresh)
        causes = self.executable.causes
        found = {row: take_up(run, self.store, like=like, causes=causes) for row, run in runs.items()}
        resumed = {row: saved for row, saved in found.items() if saved is not None}
        if not resumed:
            return fresh
        host = jax.tree.map(np.array, like)
        for row, saved in resumed.items():
            for all_, one in zip(jax.tree.leaves(host), jax.tree.leaves(saved), strict=True):
                all_[row] = one
        return self.executable.place(checkpoint.from_host(host, like=fresh))

    def _compact(self) -> None:
        """Bring the lanes that still train together, where `compaction.target` says that it pays."""
        alive = [row for row, run in enumerate(self.slots) if run and run.status is None]
        left = max(run.job.steps - run.step for run in self.slots if run and run.status is None)
        pace, compiling = self._pace.seconds, self.compile_seconds
        found = target(self.executable, alive, left=left, step_seconds=pace, compile_seconds=compiling)
        if found is None:
            return
        if found.executable is not self.executable:
            self.compile_seconds += found.seconds
            self.waited += found.waited
        self._save_ended()
        order = np.full(found.executable.width, alive[0])
        places: list[Run | None] = [None] * found.executable.width
        for row, new in zip(alive, spread(len(alive), found.executable), strict=True):
            order[new], places[new] = row, self.slots[row]
        self.state = found.executable.gather(self.state, order)
        self.hyper, self.seeds, self.slots = self.hyper[order], self.seeds[order], places
        self.executable, self._pace = found.executable, found.executable.pace

    # --- pacing and saving -------------------------------------------------------------------------------------

    def _record(self) -> PackRecord:
        devices = [str(device.device_kind) for device in self.executable.devices]
        return PackRecord(
            pack_id=self.pack_id,
            signature=self.executable.signature.id,
            run_ids=tuple(run.job.run_id for run in self.runs),
            width=self.executable.width,
            lanes=self.most,
            strategy=self.executable.strategy,
            devices=len(devices),
            compile_seconds=self.compile_seconds,
            waited_seconds=self.waited,
            provenance=provenance(devices, plugin_versions(self.job.plugins)),
        )

    def _wants_checkpoint(self) -> bool:
        every = self.job.checkpoint_every
        if every is None:
            return time.perf_counter() - self._saved > SECONDS_PER_CHECKPOINT
        return max(run.step for run in self.runs) - self._saved_step >= every

    def _is_stopping(self) -> bool:
        return Path(self.job.stop_file).exists()

    def _save(self, *, goes_on: bool) -> None:
        """Save every run in a lane that went on since it was saved. No call may be pending."""
        self._snapshot([run for run in self.slots if run and run.step != run.saved], goes_on=goes_on)
        self._saved, self._saved_step = time.perf_counter(), max(run.step for run in self.runs)

    def _save_ended(self) -> None:
        """Save the final states of runs that are about to lose their lanes; a call may be pending, they are frozen."""
        self._snapshot([run for run in self.slots if run and run.status is not None and run.step != run.saved])

    def _snapshot(self, runs: Sequence[Run], *, goes_on: bool = True) -> None:
        """State first, then the metrics and the status that names it, then the old states go: all in the recorder.

        A pack that goes on saves a copy, because the next call takes the lanes back.
        """
        if not runs:
            self._flush()
            return
        name = f"state-{self._saves:05d}.safetensors"
        self._saves += 1
        lane = {id(run): row for row, run in enumerate(self.slots) if run}
        lanes = self.executable.copy(self.state) if goes_on else self.state
        snapshot = Snapshot(name, lanes, {run.job.run_id: lane[id(run)] for run in runs})
        for run in runs:
            run.checkpoint, run.saved = name, run.step
        self._flush(snapshot=snapshot)

    def _flush(self, message: str = "", snapshot: Snapshot | None = None) -> None:
        states = {run.job.run_id: run.state(message) for run in self.runs if run.begun or run.status is not None}
        self.recorder.flush(states, step_seconds=self._pace.seconds, snapshot=snapshot)
        self._flushed = time.perf_counter()

    def fail(self, status: Status | None, message: str) -> None:
        """Give the runs that have not ended a status, if any, and write what is known."""
        for run in self.runs:
            if run.status is None:
                run.status = status
        try:
            self._flush(message)
            self.recorder.wait()
        except StoreError:
            raise
        except Exception:  # it is the recorder that failed; the driver notes what the report says
            return

    def report(self, phase: Phase, runs: Mapping[str, Run] | None = None, *, message: str = "") -> PackReport:
        shown = list(self.runs if runs is None else runs.values())
        self._reported, self._touched = time.perf_counter(), {}
        return PackReport(
            index=self.job.index,
            phase=phase,
            lanes=tuple(run.report() for run in shown),
            compile_seconds=self.compile_seconds,
            waited_seconds=self.waited,
            message=message,
            damaged=tuple(self.store.damaged),
        )
