"""`Store`: the results folder, for writing and for reading.

    runs/
      store.json                        format version
      grids/NAME/plan.json              what the last `ablate run` of the grid planned
      grids/NAME/confirmation.json      what the last `ablate confirm` of the grid planned
      grids/NAME/notes/ID.json          remarks of the researcher, one file each
      grids/NAME/looks/ID.json          reports that showed tests, one file for each set of seeds
      grids/NAME/lock                   while a driver trains it
      calibration/ID.json               the lane strategy that was the fastest for a signature on a device
      packs/ID/pack.json                one attempt to train some runs together
      packs/ID/status.json              how far each of them is; replaced at each flush
      packs/ID/series-00000.parquet     their metrics, one file per flush
      packs/ID/diagnostics-00000.parquet    what was read from inside their networks, if anything
      packs/ID/state-00000500.safetensors   their newest state

Runs are found by id, whatever grid planned them, so two grids that ask for the same run share it.
"""

import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import ValidationError

from ablate.core import NoResultsError, Problem, Status, StoreError, did_you_mean, digest

from .atomic import write_text
from .schema import (
    DIAGNOSTICS,
    FORMAT,
    RUNS,
    SERIES,
    CalibrationRecord,
    ConfirmationRecord,
    LookRecord,
    NoteRecord,
    PackRecord,
    PackStatus,
    PlanRecord,
    Record,
    RunRecord,
    RunState,
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Attempt:
    """The state of one run in one pack."""

    pack_id: str
    state: RunState
    folder: Path


@dataclass
class Store:
    """A results folder; see the module for its layout.

    Reading never changes it and never fails on a torn or foreign file: those are listed in `damaged`.
    """

    root: Path
    only: frozenset[str] | None = None
    """Run ids: attempts of other runs need not be known. Packs without these runs are then left unread."""
    damaged: list[str] = field(default_factory=list)
    _forgotten: dict[str, str] = field(default_factory=dict)
    """Run id -> the pack before which its attempts count no more."""

    # --- writing -----------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the folder, or check that this version can add to it.

        Raises:
            StoreError: it holds something else, or cannot be written.
        """
        marker = self.root / "store.json"
        if marker.exists():
            found = self._json(marker)
            if not isinstance(found, Mapping) or found.get("format") != FORMAT:
                message = f"{self.root} is not a store of this version (format {FORMAT}); use another --store"
                raise StoreError(message)
            return
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            message = f"{self.root} exists and is not an ablate store; use another --store"
            raise StoreError(message)
        write_text(marker, json.dumps({"format": FORMAT}))

    def write_plan(self, plan: PlanRecord) -> None:
        """Record what a grid planned; the previous plan is replaced."""
        write_text(self.grid_folder(plan.name) / "plan.json", plan.model_dump_json(indent=1))

    def write_confirmation(self, name: str, confirmation: ConfirmationRecord) -> None:
        """Record what confirms a grid; the previous confirmation is replaced."""
        write_text(self.grid_folder(name) / "confirmation.json", confirmation.model_dump_json(indent=1))

    def write_note(self, name: str, note: NoteRecord) -> None:
        """Add a remark to a grid; the same one at the same second is kept once."""
        moment = re.sub(r"[^0-9T]", "", note.created.partition("+")[0])
        path = self.grid_folder(name) / "notes" / f"{moment}-{digest(note.model_dump(), size=4)}.json"
        write_text(path, note.model_dump_json(indent=1))

    def write_look(self, name: str, look: LookRecord) -> None:
        """Record that tests were shown; the first look at a plan's seeds is kept."""
        what = look.model_dump(include={"metric", "seeds", "runs"})
        path = self.grid_folder(name) / "looks" / f"{digest(what, size=8)}.json"
        if not path.exists():
            write_text(path, look.model_dump_json(indent=1))

    def write_calibration(self, record: CalibrationRecord) -> None:
        """Record which strategy was the fastest."""
        path = self._calibration_path(record.signature, record.device, record.devices)
        write_text(path, record.model_dump_json(indent=1))

    def grid_folder(self, name: str) -> Path:
        """Where a grid's plan and lock lie."""
        return self.root / "grids" / name

    def pack_folder(self, pack_id: str) -> Path:
        """Where a pack's files lie."""
        return self.root / "packs" / pack_id

    # --- reading -----------------------------------------------------------------------------------------------

    def grids(self) -> tuple[str, ...]:
        """Names of the grids with a plan."""
        return tuple(sorted(path.parent.name for path in self.root.glob("grids/*/plan.json")))

    def plan(self, name: str) -> PlanRecord:
        """The plan of a grid.

        Raises:
            NoResultsError: it was never run in this store.
        """
        path = self.grid_folder(name) / "plan.json"
        plan = self._record(path, PlanRecord)
        if plan is None:
            others = f"; {did_you_mean(name, self.grids())}" if self.grids() else ""
            message = f"no results of {name!r} in the store {self.root}{others}; first: ablate run GRID"
            raise NoResultsError(Problem(message, "no-results"))
        return plan

    def confirmation(self, name: str) -> ConfirmationRecord | None:
        """The confirmation of a grid, if there is one."""
        return self._record(self.grid_folder(name) / "confirmation.json", ConfirmationRecord)

    def notes(self, name: str) -> tuple[NoteRecord, ...]:
        """The remarks on a grid, oldest first."""
        paths = sorted((self.grid_folder(name) / "notes").glob("*.json"))
        found = [record for path in paths if (record := self._record(path, NoteRecord))]
        return tuple(sorted(found, key=lambda note: note.created))

    def looks(self, name: str) -> tuple[LookRecord, ...]:
        """The reports of a grid that showed tests, oldest first."""
        paths = sorted((self.grid_folder(name) / "looks").glob("*.json"))
        found = [record for path in paths if (record := self._record(path, LookRecord))]
        return tuple(sorted(found, key=lambda look: look.created))

    def calibration(self, signature: str, device: str, devices: int) -> CalibrationRecord | None:
        """What was measured for a signature on so many devices of a kind, if anything was."""
        return self._record(self._calibration_path(signature, device, devices), CalibrationRecord)

    def _calibration_path(self, signature: str, device: str, devices: int) -> Path:
        return self.root / "calibration" / f"{signature}-{digest([device, devices], size=4)}.json"

    def pack(self, pack_id: str) -> PackRecord | None:
        """The record of one attempt, if it can be read."""
        return self._record(self.pack_folder(pack_id) / "pack.json", PackRecord)

    def packs(self) -> tuple[PackRecord, ...]:
        """Every attempt, oldest first."""
        paths = sorted(self.root.glob("packs/*/pack.json"))
        return tuple(record for path in paths if (record := self._record(path, PackRecord)))

    @cached_property
    def attempts(self) -> Mapping[str, tuple[Attempt, ...]]:
        """Run id -> its attempts, best last: ended before not ended, then further before less far.

        Without those whose metrics are torn, those that went on from such a one, and those that are to be forgotten.
        """
        self._forgotten.clear()
        found: dict[str, list[Attempt]] = {}
        for folder in self._pack_folders():
            path = folder / "status.json"
            status = self._record(path, PackStatus)
            if status and self._has_series(folder, status):
                for run_id, state in status.runs.items():
                    if state.forgets:
                        self._forgotten[run_id] = folder.name
                        found.pop(run_id, None)
                        continue
                    attempts = found.setdefault(run_id, [])
                    if state.since <= max((attempt.state.step for attempt in attempts), default=0):
                        attempts.append(Attempt(status.pack_id, state, folder))
        return {run_id: tuple(sorted(attempts, key=_progress)) for run_id, attempts in found.items()}

    def _pack_folders(self) -> Iterator[Path]:
        """Those whose attempts are to be known, oldest first."""
        packs = str(self.root / "packs")
        try:
            names = sorted(os.listdir(packs))  # noqa: PTH208 (no paths: of thousands, few are looked into)
        except OSError:
            return
        for name in names:
            if self.only is None or not self.only.isdisjoint(_members(packs, name) or self.only):
                yield self.root / "packs" / name

    def _has_series(self, folder: Path, status: PackStatus) -> bool:
        """Whether the metrics files of a pack are as they were written."""
        for name, size in status.series.items():
            try:
                found = (folder / name).stat().st_size
            except OSError:
                found = 0
            if found != size:
                self.damaged.append(
                    f"{folder / name}: torn ({found} of {size} bytes); its runs have to be trained again"
                )
                return False
        return True

    def step_seconds(self) -> dict[str, float]:
        """Signature -> seconds per update of one run, as measured when it last trained here."""
        speeds: dict[str, float] = {}
        for pack in self.packs():
            status = self._record(self.pack_folder(pack.pack_id) / "status.json", PackStatus)
            if status and status.step_seconds:
                speeds[pack.signature] = status.step_seconds / len(pack.run_ids)
        return speeds

    def attempt(self, run_id: str) -> Attempt | None:
        """The attempt that got furthest, or None if the run never started."""
        attempts = self.attempts.get(run_id)
        return attempts[-1] if attempts else None

    def status(self, run_id: str, budget: int) -> Status | None:
        """How a run ended at this budget, which may be smaller or larger than what was trained; None if it has not."""
        attempt = self.attempt(run_id)
        return _status_at(attempt.state if attempt else None, budget)

    def has_ended(self, run_id: str, budget: int, every: int | None = None, recordings: Collection[str] = ()) -> bool:
        """Whether a run needs no more training at this budget: it reached it, or diverged before it.

        Args:
            run_id: the run.
            budget: its steps.
            every: steps between the evaluations that must be on record, that at the budget included. None: any.
            recordings: diagnostics that must be on record, if `every` is given.
        """
        return any(
            attempt.state.has_ended(budget)
            and (every is None or _has_recorded(attempt.state, every, budget, recordings))
            for attempt in self.attempts.get(run_id, ())
        )

    def reached(self, run_id: str, budget: int, every: int, recordings: Collection[str] = ()) -> int:
        """The step from which a run would be continued towards a budget with such a recording; 0 if from its start."""
        attempts = self.attempts.get(run_id, ())
        return max((one.state.step for one in attempts if one.state.records(every, budget, recordings)), default=0)

    def runs(self, planned: Iterable[RunRecord]) -> pl.DataFrame:
        """One row per planned run, schema `RUNS`."""
        rows = []
        for run in planned:
            attempt = self.attempt(run.run_id)
            state = attempt.state if attempt else None
            rows.append(
                {
                    "run_id": run.run_id,
                    "variant": run.variant,
                    "context": run.context,
                    "seed": run.seed,
                    "budget": run.steps,
                    "status": _status_at(state, run.steps),
                    "step": state.step if state else None,
                    "cause": state.cause if state else "",
                    "message": state.message if state else "",
                    "seconds": state.seconds if state else None,
                    "pack_id": attempt.pack_id if attempt else None,
                }
            )
        return pl.DataFrame(rows, schema=RUNS)

    def series(self, run_ids: Iterable[str]) -> pl.DataFrame:
        """Every recorded metric of some runs, schema `SERIES`, each step once, in order.

        A resumed run repeats the steps after its checkpoint; they are the same numbers, and are kept once.
        """
        return self._recorded("series", SERIES, run_ids, ["run_id", "metric", "step"])

    def diagnostics(self, run_ids: Iterable[str]) -> pl.DataFrame:
        """What some runs recorded from inside their networks, schema `DIAGNOSTICS`, each step once, in order."""
        keys = ["run_id", "diagnostic", "quantity", "layer", "step"]
        return self._recorded("diagnostics", DIAGNOSTICS, run_ids, keys)

    def _recorded(self, sort: str, schema: pl.Schema, run_ids: Iterable[str], keys: list[str]) -> pl.DataFrame:
        """The rows of some runs in the Parquet files of a sort, once for equal `keys`, in their order."""
        wanted = set(run_ids)
        _ = self.attempts  # knows what is forgotten
        forgotten = {run_id: pack_id for run_id, pack_id in self._forgotten.items() if run_id in wanted}
        frames = []
        for path in sorted(self.root.glob(f"packs/*/{sort}-*.parquet")):
            frame = self._parquet(path, schema)
            if frame is not None:
                kept = sorted(one for one in wanted if forgotten.get(one, "") <= path.parent.name)
                frames.append(frame.filter(pl.col("run_id").is_in(kept)))
        if not frames:
            return pl.DataFrame(schema=schema)
        return pl.concat(frames).unique(keys, keep="last", maintain_order=True).sort(keys)

    # --- reading files that may be torn ------------------------------------------------------------------------

    def _record(self, path: Path, schema: type[R]) -> R | None:
        return self._read(path, lambda: schema.model_validate_json(path.read_bytes()))

    def _json(self, path: Path) -> object:
        return self._read(path, lambda: json.loads(path.read_bytes()))

    def _parquet(self, path: Path, schema: pl.Schema) -> pl.DataFrame | None:
        return self._read(path, lambda: pl.read_parquet(path).select(schema.names()).cast(schema))

    def _read(self, path: Path, read: Callable[[], "T"]) -> "T | None":
        try:
            return read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, ValidationError, pl.exceptions.PolarsError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.damaged.append(f"{path}: unreadable, skipped ({reason})")
            return None


T = TypeVar("T")

_known_members: dict[tuple[str, str], frozenset[str]] = {}


def _members(packs: str, name: str) -> frozenset[str] | None:
    """Ids of the runs of a pack, which never change, so that they are read once; None if there is no record of them."""
    if (packs, name) not in _known_members:
        try:
            record = json.loads(Path(packs, name, "pack.json").read_bytes())
            _known_members[packs, name] = frozenset(record["run_ids"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
    return _known_members[packs, name]


def _has_recorded(state: RunState, every: int, budget: int, recordings: Collection[str]) -> bool:
    at_the_end = state.every is None or state.step <= budget or budget % state.every == 0
    return state.records(every, budget, recordings) and at_the_end


def _progress(attempt: Attempt) -> tuple[bool, int, str]:
    state = attempt.state
    return (state.status == "diverged", state.step, attempt.pack_id)


def _status_at(state: RunState | None, budget: int) -> Status | None:
    """The status of a run at a grid's budget, which may be smaller or larger than what was trained."""
    if state is None:
        return None
    if state.status == "diverged":
        return "diverged" if state.step < budget else "done"
    if state.step >= budget:
        return "done"
    return None if state.status == "done" else state.status
