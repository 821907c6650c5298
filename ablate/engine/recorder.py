"""`Recorder`: puts the results of a pack on disk, in other threads, while the devices go on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any

from ablate.store import DiagnosticRow, PackRecord, PackWriter, RunState, now

from . import checkpoint
from .lanes import Lanes

Row = tuple[str, int, str, float]
"""Run id, step, metric, value."""

_threads = ThreadPoolExecutor(2, "ablate-recorder")
"""Of all packs of a process, since starting and ending two takes a quarter of a millisecond. They begin in order, and
nothing in them waits for what was begun later."""


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
    _last: Future[None] | None = None
    _begun: list[Future[None]] = field(default_factory=list)

    def open(self, record: PackRecord) -> None:
        """Write the record of the attempt, before anything else. Returns at once."""
        self._begin(self.writer.open, record)

    def add(self, run_id: str, step: int, values: Mapping[str, float]) -> None:
        """Note metrics of a run."""
        self._rows += [(run_id, step, metric, value) for metric, value in values.items()]

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
        previous, saved = self._last, None
        if snapshot is not None:
            saved = self._begin(self._save, previous, snapshot)
        self._begin(self._write, previous, saved, rows, readings, dict(runs), step_seconds)

    def wait(self) -> None:
        """Return when everything is on disk.

        Raises:
            StoreError: something could not be written.
        """
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """Return when the threads have done, or failed to do, what they were told."""
        wait_for(self._begun)

    def _begin(self, write: Callable[..., None], *arguments: Any) -> Future[None]:
        self._begun = [one for one in self._begun if not one.done()]
        self._last = _threads.submit(write, *arguments)
        self._begun.append(self._last)
        return self._last

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
