"""The compiled programs of a worker: found again for the next pack, and chosen by measurement where that pays."""

import gc
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float

from ablate.store import CalibrationRecord, Store, now
from ablate.systems import Signature

from .advancing import Strategy
from .compile_cache import use_compile_cache
from .drawing import Drawing
from .executable import FEW_PARAMETERS, Executable, executable_for
from .job import LaneStrategy, lane_strategy
from .source import MOST_AHEAD

MOST_PROGRAMS = 4
"""Compiled programs that a worker keeps, with their data; packs of one signature follow each other."""
WORTH_CALIBRATING = 20.0
"""How many times the compilation a pack must train for before other strategies are compiled and measured."""
SECONDS_PER_MEASUREMENT = 0.5
LEAST_COMPILATION = 3.0
"""Seconds that a compilation counts for at least: the one at hand may have come from the cache, the others may not."""
LEAST_PACE = 5_000.0
"""Updates per second over all lanes that any machine is taken to make of a network of few parameters."""
_LEAST_STEPS = 200
"""Shorter packs are not even timed."""
_NO_TIME = 0.01
"""Seconds that no one notices."""
_MOST_AHEAD = 2

_Key = tuple[Signature, int, Strategy]

_programs: dict[_Key, Executable] = {}
_ahead: dict[_Key, tuple[Executable, Future[float]]] = {}
"""What is compiled in other threads: for this pack, begun while the one before it trained, and for the next."""
_guesses: WeakKeyDictionary[Executable, float] = WeakKeyDictionary()
"""Updates per second over all lanes, as a first look said."""
_threads = ThreadPoolExecutor(_MOST_AHEAD, "ablate-compile")


@dataclass
class Compiled:
    """A program that is ready, and what making it ready took."""

    executable: Executable
    seconds: float
    """Of compilation; 0 if this process had the program already."""
    waited: float
    """Seconds that the pack waited for it; less where it was compiled while another pack trained."""


def compiled(shared: Signature, lanes: int, strategy: LaneStrategy, drawn_by: Collection[Signature] = ()) -> Compiled:
    """The program for a pack, with what draws first states; compiled now unless this process has it, or is about to."""
    start = time.perf_counter()
    use_compile_cache()
    fresh = executable_for(shared, lanes, strategy)
    key = _key(fresh)
    known = _programs.pop(key, None)
    seconds = 0.0
    if known is None and key in _ahead:
        known, compiling = _ahead.pop(key)
        try:
            seconds = compiling.result()
        except Exception:  # raised again below, where it belongs
            known = None
    executable = known or fresh
    seconds += executable.compile(drawn_by)
    _programs[key] = executable  # last: the most recently used
    while len(_programs) > MOST_PROGRAMS:
        del _programs[next(iter(_programs))]
    return Compiled(executable, seconds, time.perf_counter() - start)


def chosen(shared: Signature, lanes: int, strategy: LaneStrategy, store: Store) -> Executable:
    """What `calibrated` begins with, not compiled yet."""
    use_compile_cache()
    default = executable_for(shared, lanes, strategy)
    known = _calibration(default, store) if strategy == "auto" else None
    return executable_for(shared, lanes, lane_strategy(known.chosen)) if known else default


def compile_ahead(
    shared: Signature, lanes: int, strategy: LaneStrategy, store: Store, drawn_by: Collection[Signature]
) -> None:
    """Begin to compile what the next pack will need, in a thread; `compiled` finds it."""
    fresh = chosen(shared, lanes, strategy, store)
    key = _key(fresh)
    if key in _programs or key in _ahead:
        return
    _ahead[key] = (fresh, _threads.submit(fresh.compile, drawn_by))
    while len(_ahead) > _MOST_AHEAD:
        _, compiling = _ahead.pop(next(iter(_ahead)))
        compiling.cancel()


def is_compiled(shared: Signature, lanes: int, strategy: LaneStrategy) -> bool:
    """Whether this process has the program for a pack."""
    return _key(executable_for(shared, lanes, strategy)) in _programs


def forget_programs() -> None:
    """Drop every program of this process, and what else held their arrays: an error that was raised, and its frames."""
    _programs.clear()
    _ahead.clear()
    gc.collect()


def _key(executable: Executable) -> _Key:
    return executable.signature, executable.width, executable.strategy


def _calibration(default: Executable, store: Store) -> CalibrationRecord | None:
    return store.calibration(default.signature.id, str(default.devices[0].device_kind), len(default.devices))


def calibrated(
    shared: Signature,
    hyper: Float[np.ndarray, "S H"],
    starts: Sequence[Drawing],
    strategy: LaneStrategy,
    steps: int,
    store: Store,
    *,
    width: int | None = None,
    drawn_by: Collection[Signature] = (),
) -> Compiled:
    """The program for a pack, with the strategy that is the fastest here.

    A strategy that the grid forces is taken as it is. Otherwise the choice that the store has for this signature and
    device is taken again, so that a store is trained in one way; if it has none and the pack is long, all strategies
    are measured on lanes that are thrown away, and the choice is recorded. A short pack takes the default of its
    device.

    Args:
        shared: the signature of the pack.
        hyper: lane fields of its lanes.
        starts: what draws their first states.
        strategy: what the grid asks for.
        steps: updates that a lane of the pack has before it.
        store: where choices are recorded.
        width: lanes of a program whose strategy is forced. Default: as many as there are.
        drawn_by: what will draw the first states of all runs of the pack.
    """
    lanes = len(hyper)
    if strategy != "auto":
        return compiled(shared, width or lanes, strategy, drawn_by)
    default = executable_for(shared, lanes, "auto")
    known = _calibration(default, store)
    if known is not None:
        return compiled(shared, lanes, lane_strategy(known.chosen), drawn_by)
    found = compiled(shared, lanes, default.strategy, drawn_by)
    if lanes == 1 or steps < _LEAST_STEPS:
        return found
    least = WORTH_CALIBRATING * max(found.seconds, LEAST_COMPILATION)
    is_small = found.executable.parameters < FEW_PARAMETERS
    if is_small and steps * lanes < least * LEAST_PACE:
        return found
    if found.executable not in _guesses:
        _guesses[found.executable] = _measure(found.executable, hyper, starts, seconds=0.0)
    if steps * lanes / _guesses[found.executable] < least:
        return found
    start = time.perf_counter()
    programs = {default.strategy: found}
    for other in _others(default, lanes):
        programs[other] = compiled(shared, lanes, other, drawn_by)
    paces = {name: _measure(one.executable, hyper, starts) for name, one in programs.items()}
    chosen = max(paces, key=lambda name: paces[name])
    store.write_calibration(
        CalibrationRecord(
            signature=shared.id,
            device=str(default.devices[0].device_kind),
            devices=len(default.devices),
            lanes=lanes,
            chosen=chosen,
            lane_steps_per_second=dict(paces),
            created=now(),
        )
    )
    seconds = sum(one.seconds for one in programs.values())
    return Compiled(programs[chosen].executable, seconds, found.waited + time.perf_counter() - start)


def _others(default: Executable, lanes: int) -> list[Strategy]:
    """What is measured beside the default of the device."""
    others: list[Strategy] = ["vmap"] if default.strategy == "map" else ["map"]
    if default.strategy == "map" and lanes >= 16 * len(default.devices):
        others.append("map:8")
    return others


def _measure(
    executable: Executable,
    hyper: Float[np.ndarray, "S H"],
    starts: Sequence[Drawing],
    *,
    seconds: float = SECONDS_PER_MEASUREMENT,
) -> float:
    """Updates per second over all lanes, on lanes that are thrown away.

    One update warms up, the best of three calls is a first guess; then so many are timed as take about `seconds`, if
    any. A call of the guess is one update, or as many as a lane draws for together where they take no time to speak of.
    """
    count = len(hyper)
    hyper = np.concatenate([hyper, np.repeat(hyper[-1:], executable.width - count, axis=0)])
    lanes, used = executable.start(starts), np.arange(executable.width) < count
    never = np.zeros((executable.width, 1), bool)
    done = 0

    def pace(updates: int) -> float:
        nonlocal lanes, done
        done += updates
        start = time.perf_counter()
        lanes, rows = executable.advance(lanes, hyper, np.where(used, done, 0)[:, None], never)
        rows.block_until_ready()
        return updates * count / max(time.perf_counter() - start, 1e-9)

    pace(1)
    guess = pace(1)
    together = max(1, min(MOST_AHEAD, int(_NO_TIME * guess / count)))
    guess = max(guess, pace(together), pace(together))  # what the machine did else for a moment is not taken for slow
    return pace(max(1, round(seconds * guess / count))) if seconds else guess
