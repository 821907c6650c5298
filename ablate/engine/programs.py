"""The compiled programs of a worker: found again for the next pack, and chosen by measurement where that pays."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ablate.store import CalibrationRecord, Store, now
from ablate.systems import Signature

from .compile_cache import use_compile_cache
from .executable import Executable, Strategy, executable_for
from .job import LaneStrategy, lane_strategy

MOST_PROGRAMS = 4
"""Compiled programs that a worker keeps, with their data; packs of one signature follow each other."""
WORTH_CALIBRATING = 20.0
"""How many times the compilation a pack must train for before other strategies are compiled and measured."""
SECONDS_PER_MEASUREMENT = 0.5
_LEAST_STEPS = 200
"""Shorter packs are not even timed."""

_programs: dict[tuple[Signature, int, Strategy], Executable] = {}


@dataclass
class Compiled:
    """A program that is ready, and what making it ready took now."""

    executable: Executable
    seconds: float


def compiled(shared: Signature, lanes: int, strategy: LaneStrategy) -> Compiled:
    """The program for a pack; compiled now unless this process has it already."""
    fresh = executable_for(shared, lanes, strategy)
    key = (shared, fresh.width, fresh.strategy)
    known = _programs.pop(key, None)
    if known is None:
        use_compile_cache()
    seconds = 0.0 if known else fresh.compile()
    _programs[key] = known or fresh  # last: the most recently used
    while len(_programs) > MOST_PROGRAMS:
        del _programs[next(iter(_programs))]
    return Compiled(known or fresh, seconds)


def is_compiled(shared: Signature, lanes: int, strategy: LaneStrategy) -> bool:
    """Whether this process has the program for a pack."""
    fresh = executable_for(shared, lanes, strategy)
    return (shared, fresh.width, fresh.strategy) in _programs


def forget_programs() -> None:
    """Drop every program of this process."""
    _programs.clear()


def calibrated(
    shared: Signature,
    hyper: Float[np.ndarray, "S H"],
    seeds: Int[np.ndarray, " S"],
    strategy: LaneStrategy,
    steps: int,
    store: Store,
) -> Compiled:
    """The program for a pack, with the strategy that is the fastest here.

    A strategy that the grid forces is taken as it is. Otherwise the choice that the store has for this signature and
    device is taken again, so that a store is trained in one way; if it has none and the pack is long, all strategies
    are measured on lanes that are thrown away, and the choice is recorded. A short pack takes the default of its
    device.

    Args:
        shared: the signature of the pack.
        hyper: lane fields of its lanes.
        seeds: their seeds.
        strategy: what the grid asks for.
        steps: updates that a lane of the pack has before it.
        store: where choices are recorded.
    """
    lanes = len(seeds)
    if strategy != "auto":
        return compiled(shared, lanes, strategy)
    default = executable_for(shared, lanes, "auto")
    device = str(default.devices[0].device_kind)
    known = store.calibration(shared.id, device, len(default.devices))
    if known is not None:
        return compiled(shared, lanes, lane_strategy(known.chosen))
    found = compiled(shared, lanes, default.strategy)
    if lanes == 1 or steps < _LEAST_STEPS:
        return found
    pace = _measure(found.executable, hyper, seeds, seconds=0.0)
    if steps * lanes / pace < WORTH_CALIBRATING * max(found.seconds, 1.0):
        return found
    programs = {default.strategy: found}
    for other in _others(default, lanes):
        programs[other] = compiled(shared, lanes, other)
        found.seconds += programs[other].seconds
    paces = {name: _measure(one.executable, hyper, seeds) for name, one in programs.items()}
    chosen = max(paces, key=lambda name: paces[name])
    store.write_calibration(
        CalibrationRecord(
            signature=shared.id,
            device=device,
            devices=len(default.devices),
            lanes=lanes,
            chosen=chosen,
            lane_steps_per_second=dict(paces),
            created=now(),
        )
    )
    return Compiled(programs[chosen].executable, found.seconds)


def _others(default: Executable, lanes: int) -> list[Strategy]:
    """What is measured beside the default of the device."""
    others: list[Strategy] = ["vmap"] if default.strategy == "map" else ["map"]
    if default.strategy == "map" and lanes >= 16 * len(default.devices):
        others.append("map:8")
    return others


def _measure(
    executable: Executable,
    hyper: Float[np.ndarray, "S H"],
    seeds: Int[np.ndarray, " S"],
    *,
    seconds: float = SECONDS_PER_MEASUREMENT,
) -> float:
    """Updates per second over all lanes, on lanes that are thrown away.

    One update warms up; then so many are timed as take about `seconds`, at least one.
    """
    missing = executable.width - len(seeds)
    hyper = np.concatenate([hyper, np.repeat(hyper[-1:], missing, axis=0)])
    lanes = executable.init(hyper, np.concatenate([seeds, np.zeros(missing, seeds.dtype)]))
    used = np.arange(executable.width) < len(seeds)
    never = np.zeros(executable.width, bool)
    done, pace, more = 0, 0.0, [1, 1] if not seconds else [1, 1, 0]
    for updates in more:
        updates = updates or max(1, round(seconds * pace / len(seeds)))
        start = time.perf_counter()
        lanes, report = executable.advance(lanes, hyper, np.where(used, done + updates, 0), never)
        report.step.block_until_ready()
        pace = updates * len(seeds) / max(time.perf_counter() - start, 1e-9)
        done += updates
    return pace
