"""`Run`: what the host knows of a run while its pack trains."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ablate.core import Status
from ablate.store import RunState

from .drawing import Beginning
from .job import LaneReport, RunJob


@dataclass(eq=False)
class Run:
    """One run of a pack, as the host knows it."""

    job: RunJob
    start: Beginning | None = None
    """What draws its first state, once the pack has read its configuration."""
    hyper: Float[np.ndarray, " H"] = field(default_factory=lambda: np.zeros(0, np.float32))
    """The lane fields that training reads."""
    planned: int = 0
    """Updates asked for so far; the device may be behind, and ends behind if the run diverges."""
    begun: bool = False
    """Whether it was evaluated before its first update, or comes from a checkpoint."""
    since: int = 0
    """Step of the checkpoint that it went on from."""
    step: int = 0
    status: Status | None = None
    cause: str = ""
    seconds: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    checkpoint: str | None = None
    saved: int = -1
    """The step of that checkpoint."""
    every: int | None = field(init=False)
    """Steps between evaluations on record since step 0; None if that is not known of the checkpoint it went on from."""

    def __post_init__(self) -> None:
        self.every = self.job.eval_every

    @property
    def boundary(self) -> int:
        """The next step at which the run is evaluated."""
        every = self.job.eval_every
        return min(self.job.steps, (self.planned // every + 1) * every)

    @property
    def is_open(self) -> bool:
        """Whether there are updates to ask for."""
        return self.status is None and (self.planned < self.job.steps or not self.begun)

    def state(self, message: str) -> RunState:
        """What is written of it; `message` belongs to a failure."""
        return RunState(
            step=self.step,
            since=self.since,
            status=self.status,
            cause=self.cause,
            message=message if self.status in {"error", "oom"} else "",
            seconds=self.seconds,
            checkpoint=self.checkpoint,
            every=self.every,
            recordings=self.job.recordings,
        )

    def report(self) -> LaneReport:
        """What is shown of it."""
        return LaneReport(
            run_id=self.job.run_id,
            label=self.job.label,
            seed=self.job.seed,
            step=self.step,
            steps=self.job.steps,
            status=self.status,
            metrics=dict(self.metrics),
        )
