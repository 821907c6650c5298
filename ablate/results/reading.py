"""One grid of a store, read and analysed."""

from contextlib import suppress
from dataclasses import dataclass

import polars as pl

from ablate.analysis import Analysis, analyze, look_of
from ablate.core import StoreError
from ablate.store import ConfirmationRecord, NoteRecord, PackRecord, PlanRecord, Store


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a report needs."""

    plan: PlanRecord
    confirmation: ConfirmationRecord | None
    runs: pl.DataFrame
    """Schema ``RUNS``: the runs that rank, those that tune and those that confirm, in this order."""
    series: pl.DataFrame
    """Schema ``SERIES``, of the same runs."""
    packs: tuple[PackRecord, ...]
    """Those in which they were trained."""
    notes: tuple[NoteRecord, ...]
    analysis: Analysis


def read_grid(store: Store, name: str) -> Reading:
    """Read and analyse a grid as it was last run.

    Raises:
        NoResultsError: it was never run in this store.
    """
    plan, confirmation = store.plan(name), store.confirmation(name)
    planned = [*plan.runs]
    planned += plan.tuning.runs if plan.tuning else ()
    planned += confirmation.runs if confirmation else ()
    runs = store.runs(planned)
    series = store.series(run.run_id for run in planned)
    used = set(runs["pack_id"].drop_nulls())
    packs = tuple(pack for pack in store.packs() if pack.pack_id in used)
    return Reading(
        plan=plan,
        confirmation=confirmation,
        runs=runs,
        series=series,
        packs=packs,
        notes=store.notes(name),
        analysis=analyze(plan, runs, series, confirmation=confirmation, packs=packs, looks=store.looks(name)),
    )


def record_look(store: Store, reading: Reading, created: str) -> None:
    """Write down that this was shown, if it has tests; does nothing where the store cannot be written.

    Args:
        store: where it was read.
        reading: what is shown.
        created: UTC, ISO 8601.
    """
    seeds = max((row.n for row in reading.analysis.ranking if row.verdict != "baseline"), default=0)
    look = look_of(reading.plan, seeds, created)
    if look is not None:
        with suppress(StoreError, OSError):
            store.write_look(reading.plan.name, look)


def read_diagnostics(store: Store, reading: Reading) -> pl.DataFrame:
    """What was read from inside the networks of the runs that rank, up to the budget.

    The columns of `RUNS` that say which run it was (run_id, variant, context, seed, budget), and those of
    `DIAGNOSTICS`. Empty where the grid asks for no diagnostics.
    """
    runs = reading.runs.head(len(reading.plan.runs)).select("run_id", "variant", "context", "seed", "budget")
    found = store.diagnostics(runs["run_id"])
    return runs.join(found, on="run_id", how="inner", maintain_order="left_right").filter(
        pl.col("step") <= pl.col("budget")
    )
