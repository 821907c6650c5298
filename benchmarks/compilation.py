"""What programs take to compile, and to load in a second process, one after the other and with nothing beside them.

    python -m benchmarks.compilation [--grid R-S R-H] [--repeats 5] [--out benchmarks/results/compilation.json]

In a grid that trains, the next programs compile or load while a pack trains, and both take longer for it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import machine
from .grids import GRIDS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """The command, and the process that it starts for each measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", nargs="+", choices=sorted(GRIDS), default=["R-S", "R-H"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/compilation.json")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(_seconds(options.grid[0])))
        return
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.grid}
    for repeat in range(options.repeats):
        for name, repeats in found.items():
            with tempfile.TemporaryDirectory() as cache:
                both = {mode: _in_a_process(name, cache) for mode in ("cold", "warm")}
            repeats.append(both)
            cold, warm = (sum(both[mode]) for mode in ("cold", "warm"))
            share = f"{len(both['cold'])} programs, {cold:.2f} s, again {warm:.2f} s, {100 * warm / cold:.1f} %"
            print(f"{repeat}  {name}  {share}", flush=True)
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.description(),
        "grids": found,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")


def _in_a_process(grid: str, cache: str) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.compilation", "--here", "--grid", grid]
    variables = machine.environment() | {"ABLATE_CACHE_DIR": cache}
    done = subprocess.run(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def _seconds(grid: str) -> list[float]:
    """What each program and the drawing of its first states took."""
    from ablate.engine import prepare_environment

    prepare_environment(machine.cores())
    import jax

    from ablate.core import to_plain
    from ablate.engine.drawing import read
    from ablate.engine.programs import compiled
    from ablate.plan import make_plan
    from ablate.store import Store

    jax.devices()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{grid}.yaml"
        path.write_text(GRIDS[grid].text)
        plan = make_plan(path, Store(Path(scratch) / "runs"))
    found = []
    for pack in plan.packs:
        shared, _, starts = read([to_plain(run.config) for run in pack.runs])
        found.append(compiled(shared, pack.lanes, "auto", [start.whole for start in starts]).seconds)
    return found


if __name__ == "__main__":
    main()
