"""R-M: R-S with hidden layers of 128. 192 trials x 1,000 steps.

Its rates are a third of those of R-S. With those, the fused scan and the hand-written vmap ended apart in 3 of 24
variants, by 0.016 at most, and so did ablate in 4: the differences that the order of additions makes grow.
"""

from .grid import Grid, axis, product
from .r_s import mlp

RATES = ({"optimizer.lr": 3e-4, "optimizer.weight_decay": 0.0}, {"optimizer.lr": 1e-3, "optimizer.weight_decay": 0.01})

R_M = Grid(
    name="R-M",
    question="R-S with hidden layers of 128 and a third of the rates: 24 variants x 8 seeds x 1,000 steps.",
    workload="mlp",
    base={**mlp(128), "optimizer": {"kind": "adamw", "lr": 3e-4, "weight_decay": 0.0}},
    variants=product(
        axis("model.layers", 2, 3),
        axis("model.activation", "relu", "gelu", "tanh"),
        axis("model.weights", "he_normal", "lecun_normal"),
        RATES,
    ),
    seeds=8,
    steps=1000,
    every=100,
)
