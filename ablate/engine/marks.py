"""What the driver notes in the store about runs whose worker cannot."""

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from ablate.core import Status
from ablate.store import PackWriter, RunState, Store, now

from .job import PackJob


def mark(root: Path, budgets: Mapping[str, int], status: Status, message: str) -> None:
    """Note how runs ended, unless the store knows that or of a result; what they had is kept.

    Args:
        root: the store.
        budgets: run id -> its steps.
        status: how they ended.
        message: why.

    Raises:
        StoreError: the store cannot be written.
    """
    if not budgets:
        return
    store = Store(root, frozenset(budgets))
    states: dict[str, RunState] = {}
    for run_id, budget in budgets.items():
        attempt = store.attempt(run_id)
        if not store.has_ended(run_id, budget) and (attempt is None or attempt.state.status != status):
            step = attempt.state.step if attempt else 0
            states[run_id] = RunState(step=step, since=step, status=status, message=message)
    if states:
        pack_id = f"{time.time_ns():016x}-{status}"
        PackWriter(store.pack_folder(pack_id), pack_id).flush((), states, updated=now(), step_seconds=None)


def forget(root: Path, run_ids: Collection[str]) -> None:
    """Note that what the store has of some runs counts no more. Nothing is deleted.

    Raises:
        StoreError: the store cannot be written.
    """
    known = Store(root, frozenset(run_ids)).attempts
    states = {run_id: RunState(step=0, forgets=True) for run_id in run_ids if run_id in known}
    if states:
        pack_id = f"{time.time_ns():016x}-forgotten"
        PackWriter(Store(root).pack_folder(pack_id), pack_id).flush((), states, updated=now(), step_seconds=None)


def without_skipped(job: PackJob) -> PackJob:
    """The job without runs that the driver marked as skipped after it had made the job."""
    if not job.made:
        return job
    store = Store(Path(job.store), job.run_ids)
    made = f"{job.made:016x}"

    def is_skipped(run_id: str) -> bool:
        attempt = store.attempt(run_id)
        return attempt is not None and attempt.state.status == "skipped" and attempt.pack_id > made

    return job.model_copy(update={"runs": tuple(run for run in job.runs if not is_skipped(run.run_id))})
