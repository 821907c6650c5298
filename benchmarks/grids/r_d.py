"""R-D: one run in five diverges, at different steps. 160 trials x 1,000 steps.

A coupled weight decay above 2 / lr multiplies the weights by ``|1 - lr * decay|`` per step, so the step at which a run
diverges is known and is the same for everybody.
"""

from .grid import Grid
from .r_s import mlp


def _rates(lr: float, decay: float) -> dict[str, float]:
    return {"optimizer.lr": lr, "optimizer.weight_decay": decay}


R_D = Grid(
    name="R-D",
    question="Rates of an MLP 32-32-32-10, of which two of ten diverge: 10 variants x 16 seeds x 1,000 steps.",
    workload="mlp",
    base=mlp(32),
    variants=(
        *(_rates(lr, decay) for lr in (1e-3, 3e-3) for decay in (0.0, 0.001, 0.01, 0.1)),
        _rates(1e-2, 210.0),  # the weights grow by 1.1 per step: diverges in the first third
        _rates(1e-2, 900.0),  # by 8: diverges within twenty steps
    ),
    seeds=16,
    steps=1000,
    every=100,
)
