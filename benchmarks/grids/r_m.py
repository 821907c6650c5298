"""R-M: R-S with hidden layers of 128. 192 trials x 1,000 steps."""

from .grid import Grid
from .r_s import VARIANTS, mlp

R_M = Grid(
    name="R-M",
    question="R-S with hidden layers of 128: 24 variants x 8 seeds x 1,000 steps.",
    workload="mlp",
    base=mlp(128),
    variants=VARIANTS,
    seeds=8,
    steps=1000,
    every=100,
)
