"""`Recorder`: puts the results of a pack on disk, in threads of its own, while the devices go on."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from ablate.store import DiagnosticRow, PackRecord, PackWriter, RunState, now

from . import checkpoint
from .lanes import Lanes

Row = tuple[str, int, str, float]
"""Run id, step, metric, value."""


@dataclass(frozen=True)
class Snapshot:
    """The state of some runs, to be written into one file."""

    name: str
    """The file, inside the pack folder."""
    lanes: Lanes
    """A copy that no call of the program takes back; the host reads it when the devices have made it."""
    rows: Mapping[str, int]
    """Run id -> its lane."""


@dataclass
class Recorder:
    """Writes in the order it is told to; a state file and the metrics of the same time side by side.

    What was noted is on disk after the next `flush` and a `wait`. A status that names a state file is written after
    that file, and files that no status names any more are removed after that.
    """

    writer: PackWriter
    _rows: list[Row] = field(default_factory=list)
    _readings: list[DiagnosticRow] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "ablate-recorder"))
    """Begins in order, and nothing in it waits for what was begun later."""
    _last: Future[None] | None = None

    def open(self, record: PackRecord) -> None:
        """Write the record of the attempt, before anything else. Returns at once."""
        self._last = self._pool.submit(self.writer.open, record)

    def add(self, run_id: str, step: int, values: Mapping[str, float]) -> None:
        """Note metrics of a run."""
        self._rows.extend((run_id, step, metric, value) for metric, value in values.items())

    def add_readings(self, rows: Iterable[DiagnosticRow]) -> None:
        """Note what diagnostics read."""
        self._readings.extend(rows)

    def flush(
        self, runs: Mapping[str, RunState], *, step_seconds: float | None, snapshot: Snapshot | None = None
    ) -> None:
        """Write what was noted, and the status `runs`; first the state file that it newly names. Returns at once.

        Raises:
            StoreError: an earlier write failed.
        """
        if self._last is not None and self._last.done():
            self._last.result()
        rows, self._rows = self._rows, []
        readings, self._readings = self._readings, []
        saved = None if snapshot is None else self._pool.submit(self._save, self._last, snapshot)
        self._last = self._pool.submit(self._write, self._last, saved, rows, readings, dict(runs), step_seconds)

    def wait(self) -> None:
        """Return when everything is on disk.

        Raises:
            StoreError: something could not be written.
        """
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """End the threads after what they were told to do."""
        self._pool.shutdown()

    def _save(self, previous: Future[None] | None, snapshot: Snapshot) -> None:
        if previous is not None:
            previous.result()  # after a failed write nothing more is written: a status must not outrun its files
        checkpoint.save(self.writer.folder / snapshot.name, snapshot.lanes, snapshot.rows)

    def _write(
        self,
        previous: Future[None] | None,
        saved: Future[None] | None,
        rows: Sequence[Row],
        readings: Sequence[DiagnosticRow],
        runs: Mapping[str, RunState],
        step_seconds: float | None,
    ) -> None:
        if previous is not None:
            previous.result()
        self.writer.append(rows, readings)
        if saved is not None:
            saved.result()
        self.writer.note(runs, updated=now(), step_seconds=step_seconds)
        self.writer.prune_states({state.checkpoint for state in runs.values() if state.checkpoint})
