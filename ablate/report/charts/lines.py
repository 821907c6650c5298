"""The named data of a chart of curves, for a picture: what the page's script makes when variants are chosen there."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import polars as pl

from ablate.report.numbers import rounded
from ablate.report.theme import SERIES

from .focus import near

Rows = list[dict[str, Any]]

THIN = 5
"""Up to so many seeds are drawn as thin lines beside their mean."""

LATE = 0.9
"""The y axis fits this last share of the steps."""

GAP = 16.0
"""Least distance of two labels, in pixels."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Named data, and the ends of both axes."""

    data: dict[str, Rows]
    x: tuple[float, float]
    y: tuple[float, float]


def lines(
    runs: pl.DataFrame,
    means: pl.DataFrame,
    names: Mapping[str, str],
    baseline: str,
    *,
    height: int,
    zero: bool = False,
) -> Lines:
    """The data of one metric and context.

    Args:
        runs: Columns variant, seed, step, value (null where it is not finite).
        means: Columns variant, step, mean, low, high, for the variants that have a band.
        names: Variant -> its short label, in the order in which they are drawn.
        baseline: The variant in ink.
        height: Of the plot, in pixels.
        zero: Whether the values are differences, and the baseline a line at zero.
    """
    data: dict[str, Rows] = {name: [] for name in ("bands", "seeds", "means", "points", "labels", "zero")}
    others = [variant for variant in names if variant != baseline]
    for variant, name in names.items():
        slot = others.index(variant) if variant in others else 0
        look = {
            "v": variant,
            "name": name,
            "c": "var(--ink)" if variant == baseline else SERIES[slot % len(SERIES)],
            "dash": [6, 3] if variant != baseline and slot >= len(SERIES) else [1, 0],
        }
        _add(data, look, runs.filter(pl.col("variant") == variant), means.filter(pl.col("variant") == variant), zero)
    steps = [row["s"] for name in ("means", "seeds") for row in data[name]]
    x = (float(min(steps, default=0)), float(max(steps, default=1)))
    if zero:
        data["zero"] = [{"s": end, "y": 0} for end in x]
    y = _reach(data, x)
    data["labels"] = _apart([row | {"s": x[1]} for row in data["labels"]], y, height)
    return Lines(data, x, y)


def _add(data: dict[str, Rows], look: dict[str, Any], runs: pl.DataFrame, means: pl.DataFrame, zero: bool) -> None:
    ends: Rows = []

    def line(target: str, run: str, frame: pl.DataFrame, column: str) -> None:
        rows = [
            look | {"s": step, "step": step, "y": rounded(value, 7), "run": f"{look['v']} {run}"}
            for step, value in frame.select("step", column).drop_nulls().sort("step").rows()
        ]
        data[target] += rows
        ends.extend(rows[-1:])

    if not means.is_empty():
        line("means", "mean", means, "mean")
        data["bands"] += [
            look | {"s": step, "y": rounded(low, 7), "y2": rounded(high, 7)}
            for step, low, high in means.select("step", "low", "high").sort("step").rows()
        ]
    seeds = runs.partition_by("seed", as_dict=True, maintain_order=True)
    has_mean = not means.is_empty()
    if not has_mean or (len(seeds) <= THIN and not zero):
        for (seed,), frame in seeds.items():
            line("means" if not has_mean and len(seeds) <= 2 else "seeds", f"seed {seed}", frame, "value")
    data["labels"] += ends[:1]


def _reach(data: dict[str, Rows], x: tuple[float, float]) -> tuple[float, float]:
    """The ends of the y axis: the late part of the lines that are not far off."""
    start = x[1] - LATE * (x[1] - x[0])
    late: dict[str, list[float]] = {}
    for row in (*data["means"], *data["seeds"]):
        if row["s"] >= start:
            late.setdefault(row["run"], []).append(row["y"])
    if not late:
        return (0.0, 1.0)
    middle = median(value for values in late.values() for value in values)
    kept = near({run: max(abs(value - middle) for value in values) for run, values in late.items()})
    ends = [value for run in kept for value in late[run]] + [row["y"] for row in data["zero"]]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or abs(low) or 1.0
    return (low - room, high + room)


def _apart(labels: Rows, y: tuple[float, float], height: int) -> Rows:
    """The labels at the line ends, moved until none covers another."""
    span = y[1] - y[0]
    places = sorted((min(max(height * (y[1] - row["y"]) / span, 4.0), height - 4.0), k) for k, row in enumerate(labels))
    at = [place for place, _ in places]
    for k in range(1, len(at)):
        at[k] = max(at[k], at[k - 1] + GAP)
    if at and at[-1] > height - 4.0:
        at[-1] = height - 4.0
        for k in range(len(at) - 2, -1, -1):
            at[k] = min(at[k], at[k + 1] - GAP)
    return [labels[index] | {"y": y[1] - span * place / height} for place, (_, index) in zip(at, places, strict=True)]
