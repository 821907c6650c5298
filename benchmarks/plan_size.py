"""Time and peak memory of planning grids of 1,000, 10,000 and 100,000 variants.

    python benchmarks/plan_size.py [--rounds 3] [--against ../old-clone] [--out benchmarks/results/plan_size.json]

Each measurement is a process of its own; the sizes (and, with --against, the two clones) take turns, round after round.
Expanding must not import JAX. Planning reads the grid anew: it expands, validates every variant and makes the ids.
Reported: wall time, processor time (which other work on the machine inflates less), and the peak memory so far.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

SIZES = {1_000: (10, 10), 10_000: (100, 10), 100_000: (100, 100)}
"""Variants without the base -> learning rates and weight decays, which are crossed with ten activations."""

GRID = """
question: How long does planning take?
base:
  problem: {{kind: char_lm, corpus: pydoc, context: 64, batch: 16}}
  model: {{kind: gpt, layers: 2, width: 64, heads: 4, activation: gelu}}
  optimizer: {{kind: adamw, lr: 1e-3, schedule: {{kind: warmup_cosine, warmup: 100, horizon: 2000, final: 0.1}}}}
  train: {{steps: 2000, eval_every: 100}}
metric: {{name: val_loss, goal: minimize}}
seeds: 1
grid:
  optimizer.lr: {{log: [1e-5, 1e-1], count: {}}}
  optimizer.weight_decay: {{log: [1e-5, 1e-1], count: {}}}
  model.activation:
    - gelu
    - relu
    - tanh
    - identity
    - leaky_relu
    - {{kind: leaky_relu, slope: 0.1}}
    - {{kind: leaky_relu, slope: 0.2}}
    - {{kind: soft_shrink, amount: 1.0, scale: 3.0}}
    - {{kind: soft_shrink, amount: 2.0, scale: 3.0}}
    - {{kind: soft_shrink, amount: 2.0, scale: 2.0}}
"""


def measure(size: int, *, writes: bool) -> dict[str, Any]:
    """Seconds of each stage, and the peak memory of the process up to its end in MB."""
    found: dict[str, Any] = {}

    def timed(name: str, stage: Callable[[], T]) -> T:
        begin, worked = time.perf_counter(), time.process_time()
        result = stage()
        found[name] = {
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - worked,
            "peak_mb": peak_mb(),
        }
        return result

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "grid.yaml"
        path.write_text(GRID.format(*SIZES[size]))
        from ablate.grid import expand, load

        variants = len(timed("expand", lambda: expand(load(path))).variants)
        assert variants == size + 1
        assert "jax" not in sys.modules
        from ablate.plan import make_plan
        from ablate.store import Store

        store = Store(Path(scratch) / "runs")
        plan = timed("plan", lambda: make_plan(path, store))
        timed("packs", lambda: plan.packs)
        if writes:
            record = timed("record", lambda: plan.record)
            timed("write", lambda: store.write_plan(record))
            found["file_mb"] = (store.grid_folder(record.name) / "plan.json").stat().st_size / 1e6
            timed("read", lambda: store.plan(record.name))
    return found


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def spawn(size: int, clone: Path | None) -> dict[str, Any]:
    """`measure` in a process of its own; of another clone, what every version has."""
    command = [sys.executable, __file__, "--size", str(size), *(["--no-write"] if clone else [])]
    home = clone or Path(__file__).parents[1]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "PYTHONPATH": str(home.resolve())}
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--against", type=Path, help="another clone of the repository, to compare with")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--size", type=int, help="measure this size, here, once")
    parser.add_argument("--no-write", action="store_true", help="with --size: leave out the stages after packing")
    options = parser.parse_args()
    if options.size:
        print(json.dumps(measure(options.size, writes=not options.no_write)))
        return
    peers = {"this": None, **({"other": options.against} if options.against else {})}
    rounds: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for size in options.sizes:
            found = {name: spawn(size, clone) for name, clone in peers.items()}
            rounds.append({"round": number, "size": size, "peers": found, "load": os.getloadavg()[0]})
            for name, stages in found.items():
                shown = "  ".join(
                    f"{stage} {one['seconds']:.2f} s (cpu {one['cpu_seconds']:.2f}), {one['peak_mb']:.0f} MB"
                    for stage, one in stages.items()
                    if isinstance(one, dict)
                )
                print(f"round {number}  {size:>7,} variants  {name}: {shown}", flush=True)
    for size in options.sizes:
        mine = [one["peers"] for one in rounds if one["size"] == size]
        for clock in ("seconds", "cpu_seconds"):
            each = statistics.median(one["this"]["plan"][clock] for one in mine)
            print(f"{size:,} variants, plan: median {each:.2f} {clock}, {1e6 * each / size:.0f} us per variant")
            if options.against:
                ratios = sorted(one["other"]["plan"][clock] / one["this"]["plan"][clock] for one in mine)
                print(f"  other / this: median {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
    if options.out:
        import jax
        import pydantic

        record = {
            "versions": {"python": platform.python_version(), "jax": jax.__version__, "pydantic": pydantic.VERSION},
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "rounds": rounds,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
