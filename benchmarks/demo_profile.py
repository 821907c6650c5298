"""Where every second of a run goes: by default of `make demo`.

    python -m benchmarks.demo_profile [--grid grids/activations.yaml] [--warm] [--out FILE] [PATH=VALUE]

Runs ``ablate run`` and ``ablate report`` as processes of their own and reads where the time went from what a run leaves
anyway: when its plan, its packs and their states were written, and what each pack recorded of its own compilation and
training. So nothing is slowed down by being measured. What cannot be seen from there (which import, which stage of a
compilation, which part of Ray) is then measured apart, once each, in further processes.
"""

import argparse
import functools
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import machine
from .table import FOLDER

ROOT = Path(__file__).parents[1]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="PATH=VALUE", help="as for ablate run")
    parser.add_argument("--grid", type=Path, default=ROOT / "grids/activations.yaml")
    parser.add_argument("--warm", action="store_true", help="with the compile cache of an earlier run")
    parser.add_argument("--out", type=Path, default=FOLDER / "demo_profile.json")
    parser.add_argument("--step", choices=sorted(STEPS), help="measure this, here, once")
    options = parser.parse_args()
    grid = options.grid.resolve()
    if options.step:
        print(json.dumps(STEPS[options.step](grid, options.overrides)))
        return
    with tempfile.TemporaryDirectory(prefix="ablate-profile-") as scratch:
        cache = Path(scratch) / "cache"
        if options.warm:
            _run(grid, options.overrides, Path(scratch) / "first", cache)
        parts = _run(grid, options.overrides, Path(scratch) / "runs", cache)
    steps: dict[str, float] = {}
    for name in STEPS:
        command = [sys.executable, "-m", "benchmarks.demo_profile", "--step", name, "--grid", str(grid)]
        environment = _environment() | {"ABLATE_CACHE_DIR": "off"}
        done = subprocess.run(
            [*command, *options.overrides], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, env=environment
        )
        steps |= json.loads(done.stdout.splitlines()[-1])
    record = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["ablate run", os.path.relpath(grid, ROOT), *options.overrides]) + ", then ablate report",
        "cache": "filled" if options.warm else "empty",
        "machine": machine.description(),
        "load": os.getloadavg(),
        "wall_seconds": sum(parts.values()),
        "parts": parts,
        "steps": steps,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    for title, table in (("whole run", parts), ("measured apart", steps)):
        print(title)
        for name, seconds in table.items():
            print(f"{seconds:9.2f} s  {name}")


# --- the run, from what it leaves -------------------------------------------------------------------------------


def _run(grid: Path, overrides: Sequence[str], store: Path, cache: Path) -> dict[str, float]:
    """Part -> seconds; together they are the wall time. One worker is assumed: packs follow each other."""
    cache.mkdir(mode=0o700, exist_ok=True)
    environment = _environment() | {"ABLATE_CACHE_DIR": str(cache)}
    start = time.time()
    command = [sys.executable, "-m", "ablate", "run", str(grid), "--store", str(store), *overrides]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    end = time.time()
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    parts = _parts(store, grid.stem, start, end)
    command = [sys.executable, "-m", "ablate", "report", str(grid), "--store", str(store), "--out", f"{store}.html"]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    return parts | {"ablate report": time.time() - end}


def _parts(root: Path, name: str, start: float, end: float) -> dict[str, float]:
    from ablate.store import PackStatus, Store

    store = Store(root)
    planned = (store.grid_folder(name) / "plan.json").stat().st_mtime
    packs = sorted(store.packs(), key=lambda pack: pack.pack_id)
    compiling = preparing = stepping = evaluating = host = between = 0.0
    previous = None
    for pack in packs:
        folder = store.pack_folder(pack.pack_id)
        status = PackStatus.model_validate_json((folder / "status.json").read_bytes())
        began = int(pack.pack_id.partition("-")[0], 16) / 1e9  # ids are named by the time
        opened, ended = ((folder / file).stat().st_mtime for file in ("pack.json", "status.json"))
        training = sum(run.seconds for run in status.runs.values())
        steps = (status.step_seconds or 0.0) * max(run.step for run in status.runs.values())
        compiling += pack.waited_seconds or 0.0
        preparing += opened - began - (pack.waited_seconds or 0.0)
        stepping += min(steps, training)
        evaluating += training - min(steps, training)
        host += ended - opened - training
        between += began - previous if previous else 0.0
        previous = ended
    first = int(packs[0].pack_id.partition("-")[0], 16) / 1e9
    return {
        "start of Python, imports, planning, writing the plan": planned - start,
        "start of Ray and of the worker, imports in the worker": first - planned,
        "waiting for compilation (trace, lower, XLA, calibration)": compiling,
        "data, initial states": preparing,
        "steps": stepping,
        "evaluations, and calls that wait for them": evaluating,
        "states and results on disk, at the end of a pack": host,
        "between packs (Tune, and the next pack's start)": between,
        "end of Ray, summary": end - (previous or end),
    }


# --- measured apart ---------------------------------------------------------------------------------------------


def imports(grid: Path, overrides: Sequence[str]) -> dict[str, float]:
    """Of the driver, in the order in which they are needed."""
    found = {}
    for name in ("click", "ablate.grid", "jax", "ablate.systems", "ablate.plan", "ablate.engine.driver", "ray.tune"):
        found[f"import {name} (after those above)"] = _seconds(functools.partial(importlib.import_module, name))
    return found


def planning(grid: Path, overrides: Sequence[str]) -> dict[str, float]:
    """Reading and validating the grid, and loading its data."""
    from ablate.plan import make_plan
    from ablate.store import Store

    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch))
        found = {"make the plan": _seconds(lambda: make_plan(grid, store, overrides))}
        plan = make_plan(grid, store, overrides)
    found["load the data"] = _seconds(plan.packs[0].signature.static_config().load)
    return found


def compilation(grid: Path, overrides: Sequence[str]) -> dict[str, float]:
    """All programs of the grid, without a cache: stages as JAX reports them."""
    from ablate.engine import available_cpus, footprints, prepare_environment

    prepare_environment(available_cpus())
    from jax import monitoring

    from ablate.plan import make_plan
    from ablate.store import Store

    names = {
        "/jax/core/compile/jaxpr_trace_duration": "trace",
        "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
        "/jax/core/compile/backend_compile_duration": "compile in XLA",
    }
    found = dict.fromkeys(names.values(), 0.0)

    def add(event: str, duration_secs: float, **_: str | int) -> None:
        if event in names:
            found[names[event]] += duration_secs

    with tempfile.TemporaryDirectory() as scratch:
        store = Store(Path(scratch))
        plan = make_plan(grid, store, overrides)
        monitoring.register_event_duration_secs_listener(add)
        programs = {(one.signature, one.width) for one in footprints(plan, plan.packs, store)}
    note = f"{len(programs)} signatures and widths; programs that compile at once count each"
    return {f"{stage} ({note})": seconds for stage, seconds in found.items()}


def ray(grid: Path, overrides: Sequence[str]) -> dict[str, float]:
    """A local cluster, one worker, JAX in it, and the end."""
    import ray

    found = {"ray.init": _seconds(lambda: ray.init(include_dashboard=False, log_to_driver=False))}

    class Worker:
        def ready(self) -> None:
            """Nothing."""

        def load(self) -> None:
            import jax

            jax.devices()

    worker: Any = None

    def begin() -> None:
        nonlocal worker
        worker = ray.remote(Worker).remote()
        ray.get(worker.ready.remote())

    found["an actor"] = _seconds(begin)
    found["import of JAX in the actor"] = _seconds(lambda: ray.get(worker.load.remote()))
    found["ray.shutdown"] = _seconds(ray.shutdown)
    return found


STEPS: dict[str, Callable[[Path, Sequence[str]], dict[str, float]]] = {
    "imports": imports,
    "planning": planning,
    "compilation": compilation,
    "ray": ray,
}


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}


if __name__ == "__main__":
    main()
