"""`PackWriter`: what a worker writes while it trains a pack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from .atomic import replacing, write_text
from .schema import SERIES, PackRecord, PackStatus, RunState


@dataclass
class PackWriter:
    """Appends to one pack folder. Every file appears whole or not at all."""

    folder: Path
    pack_id: str
    _rows: list[tuple[str, int, str, float]] = field(default_factory=list)
    _flushed: int = 0

    def open(self, record: PackRecord) -> None:
        """Write the record of the attempt."""
        write_text(self.folder / "pack.json", record.model_dump_json(indent=1))

    def add(self, run_id: str, step: int, values: Mapping[str, float]) -> None:
        """Note metrics of a run; they are on disk after the next `flush`."""
        self._rows.extend((run_id, step, metric, value) for metric, value in values.items())

    def flush(self, runs: Mapping[str, RunState], *, updated: str, step_seconds: float | None) -> None:
        """Put the noted metrics on disk, then the status that counts on them."""
        if self._rows:
            frame = pl.DataFrame(self._rows, schema=SERIES, orient="row")
            with replacing(self.folder / f"series-{self._flushed:05d}.parquet") as temporary:
                frame.write_parquet(temporary, compression="zstd")
            self._flushed += 1
            self._rows = []
        status = PackStatus(pack_id=self.pack_id, updated=updated, runs=dict(runs), step_seconds=step_seconds)
        write_text(self.folder / "status.json", status.model_dump_json())

    def prune_states(self, keep: Sequence[str]) -> None:
        """Remove older state files, after a status that no longer needs them was flushed."""
        for path in self.folder.glob("state-*.safetensors"):
            if path.name not in keep:
                path.unlink(missing_ok=True)
