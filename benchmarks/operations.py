"""Where an update spends its time on a CPU: XLA's operations, by the time that a core is in each.

    python -m benchmarks.operations grids/activations.yaml [--pack 0] [--lanes vmap] [--updates 20] [--most 40]

Trains the first lanes of one pack of a grid with the profiler on. Every operation pays the profiler about 0.4
microseconds (that is what copies of one number take), so many small ones look larger than they are: to decide anything,
leave something out and time that, in turn with the whole. What a loop does is listed operation by operation, and so
more than once per update.
"""

import argparse
import collections
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.engine import prepare_environment

from . import machine

_OPERATION = re.compile(r"^\s*(?:ROOT )?%(\S+) = (\S+?)(?:\{\S*\})? ")
_ORIGIN = re.compile(r'op_name="([^"]*)"')
_AROUND = re.compile(r"(while|call|conditional|ThunkExecutor|PjitFunction)")
"""What only holds others."""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--pack", type=int, default=0)
    parser.add_argument("--lanes", choices=("auto", "map", "vmap", "map:8"), default="auto")
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--most", type=int, default=40, help="operations to show")
    options = parser.parse_args()
    prepare_environment(machine.cores())
    times, counts, text, title = _traced(options.grid, options.pack, options.lanes, options.updates)
    total = sum(times.values())
    print(f"{title}: {total:.0f} us of a core for an update of a lane, with the profiler on")
    print("| us | share | times | operation | result | from |\n|---|---|---|---|---|---|")
    origins = dict(_operations(text))
    for name, microseconds in times.most_common(options.most):
        shape, origin = origins.get(name, ("", ""))
        share = microseconds / total
        print(f"| {microseconds:.2f} | {share:.1%} | {counts[name]:.1f} | {name} | {shape} | {origin} |")


def _traced(path: Path, number: int, lanes: Any, updates: int) -> tuple[Any, Any, str, str]:
    """Microseconds and occurrences of each operation per update of a lane, the program's text, and what it trains."""
    import jax
    import numpy as np
    from jax.profiler import ProfileData, ProfileOptions

    from ablate.core import to_plain
    from ablate.engine.drawing import drawings, read
    from ablate.engine.executable import executable_for
    from ablate.plan import make_plan
    from ablate.store import Store

    with tempfile.TemporaryDirectory() as scratch:
        pack = make_plan(path, Store(Path(scratch) / "runs")).packs[number]
        runs = pack.runs[: pack.lanes]
        shared, rows, starts = read([to_plain(run.config) for run in runs])
        program = executable_for(shared, len(runs), lanes)
        program.compile([start.whole for start in starts])
        idle = program.width - len(runs)
        rows = np.resize(rows, (program.width, rows.shape[1]))
        state = program.start(drawings([*starts, *[None] * idle], np.arange(program.width)))
        never = np.zeros((program.width, 1), bool)

        def train(until: int) -> None:
            nonlocal state
            state, report = program.advance(state, rows, np.full((program.width, 1), until), never)
            jax.block_until_ready(report)

        train(updates)
        options = ProfileOptions()
        options.host_tracer_level, options.python_tracer_level = 3, 0  # type: ignore[assignment]
        with jax.profiler.trace(scratch, profiler_options=options):
            train(2 * updates)
        (found,) = Path(scratch).rglob("*.xplane.pb")
        times: collections.Counter[str] = collections.Counter()
        counts: collections.Counter[str] = collections.Counter()
        for plane in ProfileData.from_file(str(found)).planes:
            for event in (event for line in plane.lines for event in line.events):
                if not _AROUND.match(event.name):
                    times[event.name] += event.duration_ns / 1e3 / updates / program.width  # type: ignore[assignment]
                    counts[event.name] += 1 / updates / program.width  # type: ignore[assignment]
    return times, counts, program.text, f"{pack.title}, {program.width} lanes, {program.strategy}"


def _operations(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Name, shape of the result, and where in the Python code it comes from, of each operation of a program."""
    for line in text.splitlines():
        if found := _OPERATION.match(line):
            origin = _ORIGIN.search(line)
            yield found[1], (found[2], "/".join(origin[1].split("/")[-2:]) if origin else "")


if __name__ == "__main__":
    main()
