"""What the runs of a synthetic grid might have recorded from inside their networks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from ablate.testing.synthetic import SyntheticResults

STEPS = (250, 500, 750, 1000)
EDGES = tuple(float(edge) for edge in np.geomspace(1e-4, 1e1, 6).astype(np.float32))
LAYERS = ("blocks.0.up", "blocks.2.up", "blocks.10.up")

RECORDED = pl.Schema(
    {
        "variant": pl.String(),
        "context": pl.String(),
        "seed": pl.Int64(),
        "step": pl.Int64(),
        "diagnostic": pl.String(),
        "quantity": pl.String(),
        "layer": pl.String(),
        "values": pl.List(pl.Float32()),
        "text": pl.String(),
    }
)


def recorded(
    results: SyntheticResults,
    *,
    layers: Sequence[str] = LAYERS,
    steps: Sequence[int] = STEPS,
    called: Mapping[str, str] | None = None,
    text: str = "To be,\n  or not",
) -> pl.DataFrame:
    """A row per run, step and reading; the same every time.

    Args:
        results: The grid.
        layers: What the weights are called.
        steps: At which they were recorded.
        called: Other names for the diagnostics ``sizes``, ``bins``, ``scale``, ``written`` and ``between``.
        text: How the texts begin.
    """
    rng = np.random.default_rng(0)
    names = {name: name for name in ("sizes", "bins", "scale", "written", "between")} | dict(called or {})
    rows = []
    for run in results.plan.runs:
        for step in steps:
            for name, *rest in _readings(rng, step, layers, f"{text} {run.variant} {run.seed} {step}"):
                rows.append((run.variant, run.context, run.seed, step, names[name], *rest))
    return pl.DataFrame(rows, schema=RECORDED, orient="row")


def _readings(rng: np.random.Generator, step: int, layers: Sequence[str], text: str) -> Iterator[tuple[Any, ...]]:
    yield "bins", "edges", "", list(EDGES), None
    for layer in layers:
        yield "sizes", "weights", layer, [rng.uniform(1, 2)], None
        yield "sizes", "gradients", layer, [10 ** rng.uniform(-3, 1)], None
        shares = rng.dirichlet(np.ones(4))
        yield "bins", "weights", layer, [0.0, *shares.tolist(), 0.0, 0.0], None
    yield "scale", "largest", "", [0.0], None
    yield "written", "text", "0", [], text
    for percent in ("000.0", "050.0", "100.0"):
        yield "between", "picture", percent, rng.uniform(0, 1, 16).tolist(), None
