"""What the driver hands to a worker, and what comes back: plain data that crosses a process boundary as JSON."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ablate.core import Status


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunJob(_Message):
    """One run to train."""

    run_id: str
    label: str
    """Variant (and context), for people."""
    seed: int
    steps: int
    eval_every: int
    config: dict[str, Any]
    """The validated configuration, as `ablate.core.to_plain` wrote it."""


class PackJob(_Message):
    """Runs of one static signature, to be trained as lanes of one program."""

    index: int
    """Number of the pack in the plan."""
    title: str
    """What its runs share, in words."""
    strategy: Literal["auto", "vmap", "map"]
    runs: tuple[RunJob, ...]
    plugins: tuple[str, ...] = ()
    """Files and modules to import before the configurations are validated."""
    store: str
    """Absolute path of the store."""
    stop_file: str
    """When this file exists, workers save their state and stop."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None: about every half minute."""


class LaneReport(_Message):
    """How one run is doing."""

    run_id: str
    label: str
    seed: int
    step: int
    steps: int
    status: Status | None = None
    metrics: dict[str, float] = {}
    """Newest recorded values."""


class PackReport(_Message):
    """How a pack is doing, after one call of its program."""

    index: int
    phase: Literal["compiling", "training", "ended", "stopped", "failed"]
    lanes: tuple[LaneReport, ...]
    compile_seconds: float = 0.0
    message: str = ""
    """For a failed pack: what was raised."""
    damaged: tuple[str, ...] = ()
    """Files that could not be read and were passed over."""

    @property
    def alive(self) -> int:
        """Lanes that still train."""
        return sum(lane.status is None for lane in self.lanes)
