"""R-H: three widths and six activations, so that almost every variant is a program of its own. 144 trials."""

from .grid import Grid, axis, product
from .r_s import mlp

R_H = Grid(
    name="R-H",
    question="Widths 32, 64 and 128 and six activations of an MLP: 18 variants x 8 seeds x 1,000 steps, 18 programs.",
    workload="mlp",
    base=mlp(32),
    variants=product(
        axis("model.width", 32, 64, 128),
        axis("model.activation", "relu", "gelu", "tanh", "silu", "sigmoid", "squared_relu"),
    ),
    seeds=8,
    steps=1000,
    every=100,
)
