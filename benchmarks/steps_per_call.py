"""Journal A's multi-step updates: what a jitted call of several steps saves, and that it changes no bit.

    python -m benchmarks.steps_per_call [--rounds 5] [--out benchmarks/results/steps_per_call.json]

The engine's own program trains the same lanes for the same number of steps, in calls of 1, 10, 100 and all of them,
with a wait after each call, as a loop that looks at its losses has it. All states must be equal, bit for bit. The
number of steps is an argument of the program, so one program is timed. Rounds go through the lengths in turn.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from ablate.engine import prepare_environment

from . import machine

STEPS, LANES = 400, 2
MODELS: dict[str, dict[str, Any]] = {
    "MLP, width 32": {
        "kind": "supervised",
        "problem": {"kind": "spirals", "points": 256, "batch": 64},
        "model": {"kind": "mlp", "width": 32, "layers": 2},
        "optimizer": {"kind": "adamw", "lr": 1e-3},
    },
    "char-GPT, width 64": {
        "kind": "supervised",
        "problem": {"kind": "char_lm", "corpus": "pydoc", "context": 64, "batch": 16},
        "model": {"kind": "gpt", "layers": 2, "width": 64, "heads": 4},
        "optimizer": {"kind": "adamw", "lr": 1e-3, "clip": 1.0},
    },
}
LENGTHS = (1, 10, 100, STEPS)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/steps_per_call.json")
    options = parser.parse_args()
    prepare_environment(machine.cores())
    models: dict[str, dict[int, list[float]]] = {}
    for name, config in MODELS.items():
        times = models[name] = _measured(config, options.rounds)
        for length, seconds in times.items():
            print(f"{name:20} calls of {length:>4} steps: {1e3 * statistics.median(seconds) / STEPS:8.3f} ms per step")
    record = {"machine": machine.description(), "steps": STEPS, "lanes": LANES, "models": models}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")


def _measured(config: dict[str, Any], rounds: int) -> dict[int, list[float]]:
    """Length of a call -> seconds of `STEPS` steps, one per round.

    Raises:
        SystemExit: two lengths end in different bits.
    """
    import jax
    import numpy as np

    from ablate.engine.drawing import drawings, read
    from ablate.engine.executable import executable_for

    shared, rows, starts = read([config] * LANES)
    drawn, never = drawings(starts, np.arange(LANES)), np.zeros((LANES, 1), bool)
    executable = executable_for(shared, LANES, "auto")
    executable.compile([shared.whole])
    times: dict[int, list[float]] = {length: [] for length in LENGTHS}
    ends: set[bytes] = set()
    for number in range(rounds + 1):
        for length in LENGTHS:
            lanes = jax.block_until_ready(executable.start(drawn))
            start = time.perf_counter()
            for until in range(length, STEPS + 1, length):
                lanes, report = executable.advance(lanes, rows, np.full((LANES, 1), until), never)
                jax.block_until_ready(report)
            if number:  # the first round warms up
                times[length].append(time.perf_counter() - start)
            state = lanes.program.parameters
            ends.add(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)))
    if len(ends) != 1:
        message = "the length of a call changed the parameters"
        raise SystemExit(message)
    return times


if __name__ == "__main__":
    main()
