"""R-S: many runs of a very small network, where almost everything is overhead. 192 trials x 1,000 steps."""

from typing import Any

from .grid import Grid, axis, product

POINTS = {"kind": "benchmark_points", "batch": 64}
RATES = ({"optimizer.lr": 1e-3, "optimizer.weight_decay": 0.0}, {"optimizer.lr": 3e-3, "optimizer.weight_decay": 0.01})


def mlp(width: int) -> dict[str, Any]:
    """The base: 32 inputs, hidden layers of `width`, 10 classes."""
    return {
        "problem": POINTS,
        "model": {"kind": "mlp", "layers": 2, "width": width, "activation": "relu", "weights": "he_normal"},
        "optimizer": {"kind": "adamw", "lr": 1e-3, "weight_decay": 0.0},
    }


VARIANTS = product(
    axis("model.layers", 2, 3),
    axis("model.activation", "relu", "gelu", "tanh"),
    axis("model.weights", "he_normal", "lecun_normal"),
    RATES,
)

R_S = Grid(
    name="R-S",
    question="Depth, activation, initialisation and rates of an MLP 32-32-32-10: 24 variants x 8 seeds x 1,000 steps.",
    workload="mlp",
    base=mlp(32),
    variants=VARIANTS,
    seeds=8,
    steps=1000,
    every=100,
)
