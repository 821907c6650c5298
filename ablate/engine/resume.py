"""Where runs go on: the newest good state that the store has of each, and the way in which their lanes ran."""

from collections.abc import Sequence

import jax

from ablate.core import StoreError
from ablate.store import Store

from . import checkpoint
from .job import LaneStrategy, PackJob, lane_strategy
from .lanes import Lanes
from .runs import Run


def take_up(run: Run, store: Store, *, like: Lanes, causes: Sequence[str]) -> Lanes | None:
    """The newest good checkpoint of a run, as one lane on the host, and `run` set to it; None if it has to begin.

    A checkpoint is good if it can be read, is not beyond the run's budget, and what was recorded before it is enough.

    Args:
        run: what the pack knows of it; changed if there is a checkpoint.
        store: where its attempts are; damaged files are added to `Store.damaged`.
        like: host arrays of lanes of the same program, for the structure.
        causes: what ``Lanes.cause`` counts.
    """
    for attempt in reversed(store.attempts.get(run.job.run_id, ())):
        asked = (run.job.eval_every, run.job.steps, run.job.recordings)
        if attempt.state.checkpoint is None or not attempt.state.records(*asked):
            continue
        try:
            saved = checkpoint.load(attempt.folder / attempt.state.checkpoint, run.job.run_id, like=like)
        except StoreError as error:
            store.damaged.append(str(error))
            continue
        if int(saved.step) <= run.job.steps:
            run.every = None if attempt.state.every is None else run.job.eval_every
            run.seconds, run.begun = attempt.state.seconds, int(saved.step) > 0
            run.since = run.step = run.planned = int(saved.step)
            if int(saved.cause) >= 0:
                run.status, run.cause = "diverged", causes[int(saved.cause)]
            elif run.step >= run.job.steps:
                run.status = "done"
            return saved
    return None


def as_before(job: PackJob, store: Store) -> tuple[LaneStrategy, int]:
    """How lanes run, and how many: as the grid asks, or, where that leaves it to us, as runs that go on here began.

    The width, too, where lanes are batched on a CPU: at another one, sums may be added in another order. Such networks
    are small, and an idle lane costs little.
    """
    if job.strategy == "auto":
        for run in job.runs:
            attempt = store.attempt(run.run_id)
            record = store.pack(attempt.pack_id) if attempt and attempt.state.checkpoint else None
            if record is not None:
                strategy = lane_strategy(record.strategy)
                keeps = strategy == "vmap" and jax.local_devices()[0].platform == "cpu"
                return strategy, record.width if keeps else job.width
    return job.strategy, job.width
