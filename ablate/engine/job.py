"""What the driver hands to a worker, and what comes back: plain data that crosses a process boundary as JSON."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ablate.core import Status

LaneStrategy = Literal["auto", "vmap", "map", "map:8"]
"""How a pack is asked to run its lanes; ``auto`` is settled by the worker, which knows its devices."""


def lane_strategy(lanes: str) -> LaneStrategy:
    """What ``run.lanes`` of a grid asks of a pack, or what a pack records; ``auto`` for anything else."""
    asked: dict[str, LaneStrategy] = {"strict": "map", "map": "map", "map:8": "map:8", "vmap": "vmap"}
    return asked.get(lanes, "auto")


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
    recordings: tuple[str, ...] = ()
    """Diagnostics of that configuration, as `ablate.systems.Program.recordings` names them."""


class NextProgram(_Message):
    """What a worker will most likely have to compile for its next pack."""

    configs: tuple[dict[str, Any], ...]
    """Of its runs, each variant once."""
    lanes: int
    strategy: LaneStrategy


class Programs(_Message):
    """What is compiled while the workers start."""

    programs: tuple[NextProgram, ...]
    """In the order in which they will be needed."""
    plugins: tuple[str, ...] = ()
    """As in `PackJob`."""
    store: str
    """As in `PackJob`."""


class PackJob(_Message):
    """Runs of one static signature, to be trained as lanes of one program."""

    index: int = 0
    """Number of the pack among those of this command."""
    made: int = 0
    """When it was put into the queue, in nanoseconds since 1970, if its runs may be marked as skipped after that."""
    title: str
    """What its runs share, in words."""
    strategy: LaneStrategy
    runs: tuple[RunJob, ...]
    lanes: int | None = None
    """How many train at a time, the others take their places; None: all."""
    plugins: tuple[str, ...] = ()
    """Files and modules to import before the configurations are validated."""
    store: str
    """Absolute path of the store."""
    stop_file: str
    """When this file exists, workers save their state and stop."""
    checkpoint_every: int | None = None
    """Steps between checkpoints; None: about every half minute."""
    ahead: NextProgram | None = None
    """What to compile while this pack trains."""
    retry_smaller: bool = False
    """Whether the pack may be trained again in halves if memory runs out; then that is no failure of its runs yet."""

    @property
    def run_ids(self) -> frozenset[str]:
        """Of its runs."""
        return frozenset(run.run_id for run in self.runs)

    @property
    def program(self) -> NextProgram:
        """What it trains with."""
        configs = {run.label: run.config for run in self.runs}
        return NextProgram(configs=tuple(configs.values()), lanes=self.width, strategy=self.strategy)

    @property
    def width(self) -> int:
        """Lanes that train at a time."""
        return self.lanes or len(self.runs)


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


Phase = Literal["compiling", "training", "ended", "stopped", "failed", "split"]
"""``split``: memory ran out, and the runs that have not ended are to go on in smaller packs."""


class PackReport(_Message):
    """How a pack is doing, after one call of its program."""

    index: int
    phase: Phase
    lanes: tuple[LaneReport, ...]
    compile_seconds: float = 0.0
    waited_seconds: float = 0.0
    """For compilation; less where the program was compiled while another pack trained."""
    message: str = ""
    """For a pack that failed or is split: what was raised."""
    damaged: tuple[str, ...] = ()
    """Files that could not be read and were passed over."""

    @property
    def alive(self) -> int:
        """Lanes that still train."""
        return sum(lane.status is None for lane in self.lanes)
