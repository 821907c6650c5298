"""What the results say: times, ratios within a repeat, and the goals."""

import itertools
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .grids import GRIDS
from .task import Mode

TORCH = ("torch_eager", "torch_processes", "torch_compiled", "torch_vmap")


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeats."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        """None without a value."""
        if not values:
            return None
        many = values if len(values) > 1 else [*values, *values]
        low, median, high = statistics.quantiles(many, n=4, method="inclusive")
        return cls(median, low, high, len(values))


@dataclass(frozen=True)
class Results:
    """One file of the suite."""

    record: Mapping[str, Any]

    @property
    def grid(self) -> str:
        """Its name."""
        return str(self.record["grid"])

    def runs(self, peer: str, mode: Mode) -> Iterator[Mapping[str, Any]]:
        """Those that have a number."""
        for run in self.record["runs"]:
            if run["peer"] == peer and run["mode"] == mode and _seconds(run) is not None:
                yield run

    def seconds(self, peer: str, mode: Mode) -> Spread | None:
        """Wall time of the process, or in the mode ``steady`` of the training alone."""
        return Spread.of([_seconds(run) or 0.0 for run in self.runs(peer, mode)])

    def pace(self, peer: str) -> Spread | None:
        """Lane-steps per second in the steady state."""
        return Spread.of([run["lane_steps"] / (_seconds(run) or 1.0) for run in self.runs(peer, "steady")])

    def ratio(self, peer: str, mode: Mode, to: str = "") -> Spread | None:
        """Time of a peer in units of the time of ablate in the same repeat: above 1, ablate is faster."""
        other = to or ("ablate_pack" if mode == "steady" else "ablate")
        base = {run["repeat"]: _seconds(run) or 0.0 for run in self.runs(other, mode)}
        return Spread.of(
            [(_seconds(run) or 0.0) / base[run["repeat"]] for run in self.runs(peer, mode) if run["repeat"] in base]
        )

    def fact(self, peer: str, mode: Mode, name: str) -> float | None:
        """Median of a further number."""
        found = [run["facts"][name] for run in self.runs(peer, mode) if name in run["facts"]]
        return statistics.median(found) if found else None

    def counts(self, peer: str) -> dict[str, int]:
        """Runs of a peer without a number, by reason."""
        mine = [run for run in self.record["runs"] if run["peer"] == peer]
        reasons = {
            "failed": sum(bool(run["failed"]) for run in mine),
            "discarded": sum(run["discarded"] for run in mine),
            "refused": sum(run["agreement"].get("accepted") is False for run in mine),
        }
        return {reason: count for reason, count in reasons.items() if count}


def read(folder: Path) -> dict[str, Results]:
    """Grid -> its results, of the files in a folder that are not quick ones."""
    found = {}
    for name in GRIDS:
        path = folder / f"{name}.json"
        if path.exists():
            record = json.loads(path.read_text("utf-8"))
            if not record["quick"]:
                found[name] = Results(record)
    return found


def flops_per_step(grid: str) -> float:
    """Multiplications and additions of the matrix products of one step of one trial, on average; MLPs only."""
    found: list[float] = []
    for trial in GRIDS[grid].trials:
        layers, width, _ = trial.shape
        sizes = [32, *[width] * layers, 10]
        products = [a * b for a, b in itertools.pairwise(sizes)]
        # Forward, and backward to weights and to inputs; the inputs of the first layer need no gradient.
        found.append(2.0 * trial.settings["problem.batch"] * (3 * sum(products) - products[0]))
    return statistics.mean(found)


def measured(results: Mapping[str, Results]) -> dict[str, str]:
    """Goal -> what was measured, for the goals that these results can tell something about."""
    readers: dict[str, Callable[[], str]] = {
        "G1": lambda: _ratios(results, ["R-S"], "ray_plain", "cold"),
        "G2": lambda: _ratios(results, ["R-S"], "ray_tuned", "warm"),
        "G3": lambda: _ratios(results, ["R-S", "R-M"], "strong_loop", "cold"),
        "G4": lambda: _ratios(results, list(GRIDS), "fused_scan", "steady"),
        "G5": lambda: _by_hand(results),
        "G6": lambda: _best_of_torch(results),
        "G9": lambda: _roof(results),
        "G10": lambda: _compilations(results),
        "G14": lambda: _ratios(results, ["R-K"], "fused_scan", "cold"),
    }
    return {goal: text for goal, reader in readers.items() if (text := reader())}


def _by_hand(results: Mapping[str, Results]) -> str:
    """Lanes batched by hand, or mapped by hand where that was measured; against the pack loop, then its programs."""

    def against(ours: str) -> str:
        batched = _ratios(results, list(GRIDS), "oracle_vmap", "steady", to=ours)
        mapped = _ratios(results, list(GRIDS), "oracle_map", "steady", mark=" (map)", to=ours)
        return ", ".join(filter(None, (batched, mapped)))

    return "; programs alone: ".join(filter(None, map(against, ("ablate_pack", "ablate_program"))))


def _ratios(
    results: Mapping[str, Results], grids: Sequence[str], peer: str, mode: Mode, mark: str = "", to: str = ""
) -> str:
    found = {name: results[name].ratio(peer, mode, to) for name in grids if name in results}
    return ", ".join(f"{name} {spread.median:.2f}x{mark}" for name, spread in found.items() if spread)


def _best_of_torch(results: Mapping[str, Results]) -> str:
    parts = []
    for name, one in results.items():
        ratios = {peer: spread.median for peer in TORCH if (spread := one.ratio(peer, "steady"))}
        if ratios:
            best = min(ratios, key=lambda peer: ratios[peer])
            parts.append(f"{name} {ratios[best]:.2f}x ({best})")
    return ", ".join(parts)


def _roof(results: Mapping[str, Results]) -> str:
    one = results.get("R-M")
    pace = one.pace("ablate_pack") if one else None
    if one is None or pace is None or "gemm_2048_gflops" not in one.record["roofs"]:
        return ""
    roof = max(value for name, value in one.record["roofs"].items() if name.startswith("gemm_"))
    return f"{100 * pace.median * flops_per_step('R-M') / 1e9 / roof:.0f} %"


def _compilations(results: Mapping[str, Results]) -> str:
    """Seconds are those of one process: beside ``ablate run`` another one compiles, whose time no pack records."""
    parts = []
    for name, one in results.items():
        done, programs = one.fact("ablate", "cold", "compilations"), one.fact("ablate", "cold", "programs")
        cold, warm = (one.fact("ablate_inline", mode, "compile_seconds") for mode in ("cold", "warm"))
        if done is not None and programs is not None:
            again = f", {100 * warm / cold:.1f} %" if cold and warm is not None else ""
            parts.append(f"{name} {done:.0f} of {programs:.0f}{again}")
    return "; ".join(parts)


def _seconds(run: Mapping[str, Any]) -> float | None:
    """As `benchmarks.runs.Run.seconds`."""
    if run["discarded"]:
        return None
    found: float | None = run["steady_seconds"] if run["mode"] == "steady" else run["wall_seconds"]
    return found
