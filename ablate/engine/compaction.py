"""When the lanes of a pack that still train are brought together, and where they go."""

from collections.abc import Sequence

from .executable import Executable
from .programs import Compiled, compiled, is_compiled

WORTH_COMPACTING = 2.0
"""How many times the compilation a narrower program must save before a pack changes to it."""


def target(
    old: Executable, alive: Sequence[int], *, left: int, step_seconds: float | None, compile_seconds: float
) -> Compiled | None:
    """The program to go on with, evenly over the devices and narrower if that pays; None to leave all as it is.

    Under ``map`` an idle lane costs nothing, but the device with the most living lanes is the one that all wait for.
    Under ``vmap`` on a CPU the cost grows with the width.

    Args:
        old: the program at hand.
        alive: its lanes that still train; at least one.
        left: updates that the longest of them has before it.
        step_seconds: of one update of the pack; None if it is not known.
        compile_seconds: what a program of this pack takes to compile.
    """
    devices = len(old.devices)
    if old.strategy == "map":
        per_device = old.width // devices
        busiest = max(sum(row // per_device == device for row in alive) for device in range(devices))
        return Compiled(old, 0.0, 0.0) if busiest > -(-len(alive) // devices) else None
    lanes = 1 << (len(alive) - 1).bit_length()
    if old.devices[0].platform != "cpu" or lanes > old.width // 2 or lanes < devices or not step_seconds:
        return None
    cost = 0.0 if is_compiled(old.signature, lanes, old.strategy) else compile_seconds
    if left * step_seconds * (1 - lanes / old.width) < WORTH_COMPACTING * cost:
        return None
    return compiled(old.signature, lanes, old.strategy)


def spread(count: int, executable: Executable) -> list[int]:
    """New lanes for so many runs: one on each device, then a second on each, and so on."""
    devices = len(executable.devices)
    per_device = executable.width // devices
    return [place % devices * per_device + place // devices for place in range(count)]
