"""How lanes run fastest: `vmap` against `map`, over sizes of networks and numbers of lanes.

    python -m benchmarks.lane_strategies [--rounds 8] [--out benchmarks/results/lane_strategies.json]

Both programs of the engine train the same lanes, in turn, in calls of about a twelfth of a second; the best call of
each counts, since other work on the machine only adds. `ablate.engine.executable.FEW_PARAMETERS` comes from this table.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.engine import prepare_environment

from . import machine

WIDTHS = (4, 16)
SECONDS = 0.08


def networks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and configurations."""
    optimizer = {"kind": "adamw", "lr": 1e-3}
    for width, batch, layers in ((32, 64, 2), (64, 64, 2), (128, 64, 2), (256, 64, 2), (32, 256, 2), (64, 256, 3)):
        yield (
            f"MLP, width {width}, {layers} layers, batch {batch}",
            {
                "kind": "supervised",
                "problem": {"kind": "spirals", "points": 512, "batch": batch},
                "model": {"kind": "mlp", "width": width, "layers": layers},
                "optimizer": optimizer,
            },
        )
    for width, context, batch, layers in ((16, 8, 4, 1), (32, 16, 4, 1), (32, 32, 8, 2), (64, 64, 8, 2)):
        yield (
            f"char-GPT, width {width}, {layers} layers, batch {batch} x {context}",
            {
                "kind": "supervised",
                "problem": {"kind": "char_lm", "corpus": "pydoc", "context": context, "batch": batch},
                "model": {"kind": "gpt", "width": width, "layers": layers, "heads": 2},
                "optimizer": optimizer,
            },
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/lane_strategies.json")
    options = parser.parse_args()
    prepare_environment(machine.cores())
    rows = []
    for name, config in networks():
        for lanes in WIDTHS:
            parameters, best = _measured(config, lanes, options.rounds)
            rows.append({"network": name, "parameters": parameters, "lanes": lanes, "microseconds": best})
            gain = best["map"] / best["vmap"]
            print(
                f"| {name} | {parameters:,} | {lanes} | {best['map']:.0f} | {best['vmap']:.0f} | {gain:.2f} |",
                flush=True,
            )
    record = {"machine": machine.description(), "rounds": options.rounds, "rows": rows}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n")


def _measured(config: dict[str, Any], lanes: int, rounds: int) -> tuple[int, dict[str, float]]:
    """Parameters, and strategy -> microseconds of a core for one update of one lane."""
    import numpy as np

    from ablate.engine.drawing import drawings, read
    from ablate.engine.executable import Strategy, executable_for

    shared, rows, starts = read([config] * lanes)
    never, strategies = np.zeros((lanes, 1), bool), ("map", "vmap")
    programs, states = {}, {}
    for strategy in strategies:
        chosen: Strategy = strategy  # type: ignore[assignment]
        programs[strategy] = executable_for(shared, lanes, chosen)
        programs[strategy].compile([shared.whole])
        states[strategy] = programs[strategy].start(drawings(starts, np.arange(lanes)))
    done = 0

    def seconds(strategy: str, updates: int) -> float:
        start = time.perf_counter()
        until = np.full((lanes, 1), done + updates)
        states[strategy], report = programs[strategy].advance(states[strategy], rows, until, never)
        report.block_until_ready()
        return time.perf_counter() - start

    per_update = max(seconds(strategy, 5) for strategy in strategies) / 5
    done, updates = 5, max(2, round(SECONDS / per_update))
    best = dict.fromkeys(strategies, float("inf"))
    for _ in range(rounds):
        for strategy in strategies:
            best[strategy] = min(best[strategy], seconds(strategy, updates))
        done += updates
    cores = len(programs["map"].devices)
    scale = 1e6 * cores / updates / lanes
    return programs["map"].parameters, {strategy: scale * value for strategy, value in best.items()}


if __name__ == "__main__":
    main()
