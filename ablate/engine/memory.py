"""What the compiled program of each pack takes: memory on the device, and the time to compile it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import jax

from ablate.plan import Pack, Plan
from ablate.store import Store
from ablate.systems import Signature

from .advancing import Strategy
from .executable import Executable, executable_for
from .job import lane_strategy
from .raised import in_short


@dataclass(frozen=True)
class Footprint:
    """The training program of one signature at one pack width, as XLA compiled it. Bytes are those of one device."""

    signature: str
    width: int
    """Compiled lanes, padding included."""
    devices: int
    """Over which the lanes are split."""
    strategy: Strategy
    compile_seconds: float = 0.0
    arguments: int = 0
    """Data and state of the lanes."""
    outputs: int = 0
    """New state and metrics."""
    temporaries: int = 0
    """Intermediate values."""
    aliased: int = 0
    """Outputs that take the place of arguments, because the state is donated."""
    code: int = 0
    """The program itself; 0 where the backend does not say."""
    limit: int | None = None
    """What this process may use of the device; None where the backend does not say, as on CPU."""
    error: str = ""
    """Why it does not compile; then there are no sizes."""

    @property
    def peak(self) -> int:
        """Estimate of the most that is in memory at once: arguments, outputs and temporaries, the shared part once."""
        return self.arguments + self.outputs + self.temporaries - self.aliased

    @property
    def fits(self) -> bool | None:
        """Whether the peak is within the limit; None where there is no limit to know of."""
        return None if self.limit is None or self.error else self.peak <= self.limit


def footprints(
    plan: Plan, packs: Sequence[Pack], store: Store, *, on_start: Callable[[Pack], None] = lambda pack: None
) -> Iterator[Footprint]:
    """Compile the program of each pack as a worker would, one after the other, and yield what it takes.

    Packs of one signature and width share a program, which is compiled once. Nothing is trained. A worker has all
    cores of this machine, or as many GPUs as the grid's ``run.resources`` asks for, one by default. Where it may choose
    how lanes run, it takes what the store has for the signature, else the default of the device; a long pack may yet
    choose by measurement.

    Args:
        plan: the plan of the packs, for its options.
        packs: some of its packs.
        store: where measured choices are recorded.
        on_start: called before a program is compiled, with its first pack.
    """
    asked, devices = lane_strategy(plan.grid.run.lanes), _devices_of_a_worker(plan)
    known: dict[tuple[Signature, int], Footprint] = {}
    for pack in packs:
        executable = executable_for(pack.signature, pack.lanes, asked, devices)
        if asked == "auto":
            executable = executable_for(pack.signature, pack.lanes, _chosen(executable, store), devices)
        key = (executable.signature, executable.width)
        if key not in known:
            on_start(pack)
            known[key] = _compile(executable)
        yield known[key]


def _chosen(default: Executable, store: Store) -> Strategy:
    """The strategy that was measured to be the fastest here; the default's if none was."""
    device = str(default.devices[0].device_kind)
    known = store.calibration(default.signature.id, device, len(default.devices))
    strategies: tuple[Strategy, ...] = get_args(Strategy)
    return next((one for one in strategies if known and one == known.chosen), default.strategy)


def memory_limit(device: Any) -> int | None:
    """Bytes of a device that this process may use; None where its backend does not say."""
    limit: int | None = (device.memory_stats() or {}).get("bytes_limit")
    return limit


def _compile(executable: Executable) -> Footprint:
    facts: dict[str, Any] = {
        "signature": executable.signature.id,
        "width": executable.width,
        "devices": len(executable.devices),
        "strategy": executable.strategy,
        "limit": memory_limit(executable.devices[0]),
    }
    try:
        seconds = executable.compile([executable.signature.whole])
    except Exception as error:  # whatever a component raises
        return Footprint(**facts, error=in_short(error))
    memory = executable.memory
    return Footprint(
        **facts,
        compile_seconds=seconds,
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        aliased=memory.alias_size_in_bytes,
        code=memory.generated_code_size_in_bytes,
    )


def _devices_of_a_worker(plan: Plan) -> tuple[jax.Device, ...]:
    devices = tuple(jax.local_devices())
    if devices[0].platform == "cpu":
        return devices
    resources = plan.grid.run.resources
    gpus = 1 if resources == "auto" else resources.get("gpu") or 1
    return devices[: max(1, int(gpus))]
