"""The pack loop: trains the runs of one pack and puts their results in the store. Knows nothing of Ray."""

import secrets
import statistics
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from ablate.core import AblateError, Status, StoreError
from ablate.plan import import_plugins
from ablate.store import PackRecord, PackWriter, RunState, Store, now, provenance
from ablate.systems import PROGRAMS, Signature, hyper, signature

from . import checkpoint
from .executable import Executable, Lanes, Report, Strategy
from .job import LaneReport, PackJob, PackReport, RunJob

SECONDS_PER_CALL = 1.0
"""Aim for a jitted call; decides how often progress is seen and how long an interrupt waits."""
SECONDS_PER_FLUSH = 5.0
SECONDS_PER_CHECKPOINT = 30.0
MOST_PROGRAMS = 4
"""Compiled programs that a worker keeps, with their data; packs of one signature follow each other."""

_executables: dict[tuple[Signature, int, Strategy], Executable] = {}
"""Programs of this process; a reused worker compiles each signature and width once."""


def train(job: PackJob) -> Iterator[PackReport]:
    """Train a pack, yielding a report after compilation and after each call.

    Stops early, with the state saved, when ``job.stop_file`` appears or the generator is closed. A component that
    raises ends the pack with status ``error``; it does not raise here.

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
        message = str(error) if isinstance(error, AblateError) else _in_short(error)
        pack.fail("oom" if _is_out_of_memory(error) else "error", message)
        yield pack.report("failed", message=message)


@dataclass
class _Lane:
    """Host-side record of one run."""

    job: RunJob
    planned: int = 0
    """Updates asked for so far; the device may be behind, and ends behind if the lane diverges."""
    step: int = 0
    status: Status | None = None
    cause: str = ""
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None

    @property
    def boundary(self) -> int:
        """The next step at which the run is evaluated."""
        every = self.job.eval_every
        return min(self.job.steps, (self.planned // every + 1) * every)


@dataclass(frozen=True)
class _Call:
    """A call that the device works on."""

    report: Report
    until: list[int]
    evaluated: list[bool]
    steps: int
    """Longest advance of a lane."""


class _Pack:
    def __init__(self, job: PackJob) -> None:
        self.job = job
        self.lanes = [_Lane(run) for run in job.runs]
        self.pack_id = f"{time.time_ns():016x}-{secrets.token_hex(3)}"
        self.store = Store(Path(job.store))
        self.writer = PackWriter(self.store.pack_folder(self.pack_id), self.pack_id)
        self.compile_seconds = 0.0
        self._step_seconds: deque[float] = deque(maxlen=50)
        self._flushed = self._saved = self._clock = time.perf_counter()
        self._saved_step = 0

    # --- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> Iterator[PackReport]:
        yield self.report("compiling")
        import_plugins(self.job.plugins)
        configs = [PROGRAMS.parse(run.config) for run in self.job.runs]
        self.executable = self._compile(signature(configs[0]))
        self.hyper = self._pad(hyper(configs))
        self.state = self._start()
        self.writer.open(self._record())
        pending: deque[_Call] = deque()
        self._clock = time.perf_counter()
        try:
            for call in self._calls():
                pending.append(call)
                if len(pending) > 1:
                    yield self._harvest(pending.popleft())
                if self._wants_checkpoint() or self._is_stopping():
                    while pending:
                        yield self._harvest(pending.popleft())
                    self._save()
                    if self._is_stopping():
                        yield self.report("stopped")
                        return
                elif time.perf_counter() - self._flushed > SECONDS_PER_FLUSH:
                    self._flush()
            while pending:
                yield self._harvest(pending.popleft())
            self._save()
        except GeneratorExit:
            while pending:
                self._harvest(pending.popleft())
            self._save()
            raise
        yield self.report("ended")

    def _calls(self) -> Iterator[_Call]:
        """Dispatch calls until no run is left; the first one only evaluates runs that start afresh."""
        fresh = [lane.planned == 0 for lane in self.lanes]
        if any(fresh):
            yield self._dispatch([lane.planned for lane in self.lanes], fresh)
        while True:
            open_ = [lane.status is None and lane.planned < lane.job.steps for lane in self.lanes]
            if not any(open_):
                return
            steps = self._steps_per_call()
            until = [
                min(lane.boundary, lane.planned + steps) if wanted else lane.planned
                for lane, wanted in zip(self.lanes, open_, strict=True)
            ]
            evaluated = [
                wanted and target == lane.boundary
                for lane, wanted, target in zip(self.lanes, open_, until, strict=True)
            ]
            yield self._dispatch(until, evaluated)

    def _dispatch(self, until: list[int], evaluated: list[bool]) -> _Call:
        steps = max(target - lane.planned for lane, target in zip(self.lanes, until, strict=True))
        self.state, report = self.executable.advance(self.state, self.hyper, self._pad(until), self._pad(evaluated))
        for lane, target in zip(self.lanes, until, strict=True):
            lane.planned = target
        return _Call(report, until, evaluated, steps)

    def _harvest(self, call: _Call) -> PackReport:
        """Wait for a call, and note what it did."""
        report: Report = jax.device_get(call.report)
        now_ = time.perf_counter()
        elapsed, self._clock = now_ - self._clock, now_
        done = [int(step) - lane.step for lane, step in zip(self.lanes, report.step, strict=False)]
        if call.steps and not (any(call.evaluated) and self._step_seconds):
            self._step_seconds.append(elapsed / call.steps)
        for row, lane in enumerate(self.lanes):
            lane.step += done[row]
            lane.seconds += elapsed * done[row] / max(sum(done), 1)
            self._note(lane, report, row, evaluated=call.evaluated[row])
        return self.report("training")

    def _note(self, lane: _Lane, report: Report, row: int, *, evaluated: bool) -> None:
        """Record a lane's metrics at an evaluation, and its end."""
        if lane.status is not None:
            return
        diverged = report.cause[row] >= 0
        if diverged or evaluated:
            means = dict(zip(self.executable.step_metrics, report.means[row].tolist(), strict=True))
            values = {} if np.isnan(report.means[row]).all() else means
            if not diverged:
                values |= dict(zip(self.executable.evaluation_metrics, report.evaluation[row].tolist(), strict=True))
            self.writer.add(lane.job.run_id, lane.step, values)
            lane.metrics |= values
        if diverged:
            lane.status, lane.cause = "diverged", self.executable.causes[int(report.cause[row])]
        elif lane.step >= lane.job.steps:
            lane.status = "done"

    # --- starting ----------------------------------------------------------------------------------------------

    def _compile(self, shared: Signature) -> Executable:
        devices = tuple(jax.local_devices())[: len(self.job.runs)]
        width = -(-len(self.job.runs) // len(devices)) * len(devices)
        strategy = self.job.strategy
        if strategy == "auto":
            strategy = "map" if devices[0].platform == "cpu" else "vmap"
        key = (shared, width, strategy)
        executable = _executables.pop(key, None)
        if executable is None:
            executable = Executable(shared, width, strategy, devices)
            self.compile_seconds = executable.compile()
        _executables[key] = executable  # last: the most recently used
        while len(_executables) > MOST_PROGRAMS:
            del _executables[next(iter(_executables))]
        return executable

    def _start(self) -> Lanes:
        """Fresh lanes, with the newest good checkpoint of each run that has one put in its place."""
        seeds = np.asarray(self._pad([lane.job.seed for lane in self.lanes]), np.int32)
        state = self.executable.init(self.hyper, seeds)
        resumed = {row: found for row, lane in enumerate(self.lanes) if (found := self._resume(lane, state))}
        if not resumed:
            return state
        host = jax.tree.map(np.array, checkpoint.to_host(state))
        for row, saved in resumed.items():
            lane = self.lanes[row]
            lane.step = lane.planned = int(saved.step)
            if int(saved.cause) >= 0:
                lane.status, lane.cause = "diverged", self.executable.causes[int(saved.cause)]
            elif lane.step >= lane.job.steps:
                lane.status = "done"
            for all_, one in zip(jax.tree.leaves(host), jax.tree.leaves(saved), strict=True):
                all_[row] = one
        return self.executable.place(checkpoint.from_host(host, like=state))

    def _resume(self, lane: _Lane, fresh: Lanes) -> Lanes | None:
        for attempt in reversed(self.store.attempts.get(lane.job.run_id, ())):
            if attempt.state.checkpoint is None:
                continue
            try:
                path = attempt.folder / attempt.state.checkpoint
                saved = checkpoint.load(path, lane.job.run_id, like=checkpoint.to_host(fresh))
            except StoreError as error:
                self.store.damaged.append(str(error))
                continue
            if int(saved.step) <= lane.job.steps:
                lane.seconds = attempt.state.seconds
                return saved
        return None

    def _record(self) -> PackRecord:
        devices = [str(device.device_kind) for device in self.executable.devices]
        return PackRecord(
            pack_id=self.pack_id,
            signature=self.executable.signature.id,
            run_ids=tuple(lane.job.run_id for lane in self.lanes),
            width=self.executable.width,
            strategy=self.executable.strategy,
            devices=len(devices),
            compile_seconds=self.compile_seconds,
            provenance=provenance(devices),
        )

    def _pad(self, rows: "Sequence[int] | Sequence[bool] | np.ndarray") -> np.ndarray:
        """Fill up to the width with copies of the last lane; a padding lane is always at its target, so it is idle."""
        array = np.asarray(rows)
        missing = self.executable.width - len(array)
        if array.dtype != np.float32 and missing:
            return np.concatenate([array, np.zeros(missing, array.dtype)])
        return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array

    # --- pacing and saving -------------------------------------------------------------------------------------

    def _steps_per_call(self) -> int:
        if not self._step_seconds:
            return 4
        return max(1, round(SECONDS_PER_CALL / statistics.median(self._step_seconds)))

    def _wants_checkpoint(self) -> bool:
        every = self.job.checkpoint_every
        if every is None:
            return time.perf_counter() - self._saved > SECONDS_PER_CHECKPOINT
        return max(lane.step for lane in self.lanes) - self._saved_step >= every

    def _is_stopping(self) -> bool:
        return Path(self.job.stop_file).exists()

    def _save(self) -> None:
        """State first, then the metrics and the status that names it, then the old states go."""
        name = f"state-{max(lane.step for lane in self.lanes):08d}.safetensors"
        host = checkpoint.to_host(self.state)
        checkpoint.save(self.writer.folder / name, host, [lane.job.run_id for lane in self.lanes])
        for lane in self.lanes:
            lane.checkpoint = name
        self._flush()
        self.writer.prune_states([name])
        self._saved, self._saved_step = time.perf_counter(), max(lane.step for lane in self.lanes)
        self._clock = time.perf_counter()  # saving is not training

    def _flush(self, message: str = "") -> None:
        states = {
            lane.job.run_id: RunState(
                step=lane.step,
                status=lane.status,
                cause=lane.cause,
                message=message if lane.status in {"error", "oom"} else "",
                seconds=lane.seconds,
                checkpoint=lane.checkpoint,
            )
            for lane in self.lanes
        }
        seconds = statistics.median(self._step_seconds) if self._step_seconds else None
        self.writer.flush(states, updated=now(), step_seconds=seconds)
        self._flushed = time.perf_counter()

    def fail(self, status: Status, message: str) -> None:
        for lane in self.lanes:
            if lane.status is None:
                lane.status = status
        self._flush(message)

    def report(self, phase: str, message: str = "") -> PackReport:
        return PackReport.model_validate(
            {
                "index": self.job.index,
                "phase": phase,
                "lanes": [
                    LaneReport(
                        run_id=lane.job.run_id,
                        label=lane.job.label,
                        seed=lane.job.seed,
                        step=lane.step,
                        steps=lane.job.steps,
                        status=lane.status,
                        metrics=lane.metrics,
                    )
                    for lane in self.lanes
                ],
                "compile_seconds": self.compile_seconds,
                "message": message,
                "damaged": self.store.damaged,
            }
        )


def _in_short(error: Exception) -> str:
    """What was raised, and the innermost line of it that is not in an installed package: most likely the user's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or list(frames)
    place = f" (at {own[-1].filename}:{own[-1].lineno}, in {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {str(error).strip()[:2000]}{place}"


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
