"""`PackWriter`: what a worker writes while it trains a pack."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from .atomic import replacing, write_text
from .schema import DIAGNOSTICS, SERIES, DiagnosticRow, PackRecord, PackStatus, RunState


@dataclass
class PackWriter:
    """Appends to one pack folder. Every file appears whole or not at all."""

    folder: Path
    pack_id: str
    _series: dict[str, int] = field(default_factory=dict)
    """Metrics and diagnostics files so far, and their sizes."""

    def open(self, record: PackRecord) -> None:
        """Write the record of the attempt."""
        write_text(self.folder / "pack.json", record.model_dump_json(indent=1))

    def flush(
        self,
        rows: Sequence[tuple[str, int, str, float]],
        runs: Mapping[str, RunState],
        *,
        updated: str,
        step_seconds: float | None,
        readings: Sequence[DiagnosticRow] = (),
    ) -> None:
        """Put metrics (run id, step, metric, value) and diagnostics on disk, then the status that counts on them."""
        self.append(rows, readings)
        self.note(runs, updated=updated, step_seconds=step_seconds)

    def append(self, rows: Sequence[tuple[str, int, str, float]], readings: Sequence[DiagnosticRow] = ()) -> None:
        """Put metrics and diagnostics on disk; they count when a status has been written after them."""
        if rows:
            columns = dict(zip(SERIES.names(), zip(*rows, strict=True), strict=True))
            self._write("series", pl.DataFrame(columns, schema=SERIES))
        if readings:
            self._write("diagnostics", pl.DataFrame(readings, schema=DIAGNOSTICS, orient="row"))

    def note(self, runs: Mapping[str, RunState], *, updated: str, step_seconds: float | None) -> None:
        """Write the status of runs."""
        status = PackStatus(
            pack_id=self.pack_id, updated=updated, runs=dict(runs), step_seconds=step_seconds, series=self._series
        )
        write_text(self.folder / "status.json", status.model_dump_json())

    def _write(self, sort: str, frame: pl.DataFrame) -> None:
        name = f"{sort}-{sum(other.startswith(sort) for other in self._series):05d}.parquet"
        content = BytesIO()  # of a full disk polars makes an error of its own, Python an OSError
        frame.write_parquet(content, compression="zstd", statistics=False)  # files are read whole
        with replacing(self.folder / name) as temporary:
            temporary.write_bytes(content.getvalue())
        self._series[name] = len(content.getvalue())

    def prune_states(self, keep: Collection[str]) -> None:
        """Remove older state files, after a status that no longer needs them was flushed."""
        for path in self.folder.glob("state-*.safetensors"):
            if path.name not in keep:
                path.unlink(missing_ok=True)
