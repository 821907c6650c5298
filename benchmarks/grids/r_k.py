"""R-K: a coordinate check. The size of the outputs over the first steps, at eight widths. 40 trials x 10 steps.

Every width is a program of its own and trains next to nothing: the grid is all compilation. The size is the mean
absolute logit of the validation split, which every peer records at every step.
"""

from .grid import Grid, axis
from .r_s import mlp

R_K = Grid(
    name="R-K",
    question="How large are the outputs of an MLP in its first ten steps? 8 widths x 5 seeds x 10 steps, 8 programs.",
    workload="mlp",
    base=mlp(16),
    variants=axis("model.width", 16, 24, 32, 48, 64, 96, 128, 192),
    seeds=5,
    steps=10,
    every=1,
)
