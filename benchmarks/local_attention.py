"""What attention over a short history costs: masked and local, at several windows and contexts.

    python -m benchmarks.local_attention [--rounds 6] [--out benchmarks/results/local_attention.json]

The shipped char-GPT (2 layers, width 64, 4 heads), batch 16, one lane per core, the engine's own program. Reported:
milliseconds of a core for one update of one lane, the best of several calls. All cells of one context are measured in
turn, in one process, so that other work on the machine hits all of them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ablate.engine import prepare_environment

from . import machine

CONTEXTS, WINDOWS = (128, 256, 512), (16, 32, 64)
SECONDS = 0.5
"""Aim for one timed call."""


def cells(context: int) -> dict[str, dict[str, Any]]:
    """Name -> fields of the model."""
    found: dict[str, dict[str, Any]] = {"all that is past": {}}
    for window in WINDOWS:
        found[f"masked, {window}"] = {"history": window}
        found[f"local, {window}"] = {"history": window, "attention": {"kind": "local", "block": window}}
    return {name: fields for name, fields in found.items() if fields.get("history", 0) < context}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/local_attention.json")
    options = parser.parse_args()
    prepare_environment(machine.cores())
    rows = []
    for context in CONTEXTS:
        for name, best in _measured(context, options.rounds).items():
            rows.append({"context": context, "attention": name, "milliseconds": best})
            print(f"| {context} | {name} | {best:.1f} |", flush=True)
    record = {"machine": machine.description(), "rounds": options.rounds, "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")


def _measured(context: int, rounds: int) -> dict[str, float]:
    import numpy as np

    from ablate.engine.drawing import drawings, read
    from ablate.engine.executable import executable_for

    lanes = machine.cores()
    never, programs, states, rows, done = np.zeros((lanes, 1), bool), {}, {}, {}, dict.fromkeys(cells(context), 0)
    for name, fields in cells(context).items():
        config = {
            "kind": "supervised",
            "problem": {"kind": "char_lm", "corpus": "pydoc", "context": context, "batch": 16},
            "model": {"kind": "gpt", "layers": 2, "width": 64, "heads": 4, **fields},
            "optimizer": {"kind": "adamw", "lr": 1e-3},
        }
        shared, rows[name], starts = read([config] * lanes)
        programs[name] = executable_for(shared, lanes, "map")
        programs[name].compile([shared.whole])
        states[name] = programs[name].start(drawings(starts, np.arange(lanes)))

    def seconds(name: str, updates: int) -> float:
        done[name] += updates
        start = time.perf_counter()
        until = np.full((lanes, 1), done[name])
        states[name], report = programs[name].advance(states[name], rows[name], until, never)
        report.block_until_ready()
        return (time.perf_counter() - start) / updates

    updates = {name: max(2, round(SECONDS / min(seconds(name, 2) for _ in range(2)))) for name in programs}
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(rounds):
        for name in programs:
            best[name] = min(best[name], seconds(name, updates[name]))
    return {name: 1e3 * value for name, value in best.items()}


if __name__ == "__main__":
    main()
