"""Invented results in a store on disk, as `ablate run` would have left them."""

from pathlib import Path

from ablate.store import PackRecord, PackWriter, RunState, Store
from ablate.testing.synthetic import SyntheticResults


def record(root: Path, found: SyntheticResults) -> Store:
    """Write a plan and one pack with all its runs."""
    store = Store(root)
    store.prepare()
    store.write_plan(found.plan)
    writer = PackWriter(store.pack_folder("01"), "01")
    ids = tuple(run.run_id for run in found.plan.runs)
    writer.open(
        PackRecord(
            pack_id="01",
            signature="00000000",
            run_ids=ids,
            width=len(ids),
            strategy="map",
            devices=1,
            compile_seconds=1.0,
            provenance=found.plan.provenance,
        )
    )
    states = {
        row["run_id"]: RunState(
            step=row["step"],
            status=row["status"],
            cause=row["cause"],
            message=row["message"],
            seconds=row["seconds"] or 0.0,
        )
        for row in found.runs.iter_rows(named=True)
        if row["step"] is not None
    }
    rows = list(found.series.select("run_id", "step", "metric", "value").iter_rows())
    writer.flush(rows, states, updated=found.plan.provenance.created, step_seconds=0.01)
    return store
