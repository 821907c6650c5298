"""The goals, stated before the measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One goal; `benchmarks.summary` reads it from the results."""

    name: str
    text: str
    target: str
    elsewhere: str = ""
    """Where it is held or why it is not measured, if not by the suite."""


GOALS = (
    Goal("G1", "R-S end to end, cold, against plain Ray Tune", ">= 20x"),
    Goal("G2", "R-S end to end, warm cache, against tuned Ray Tune", ">= 5x"),
    Goal("G3", "end to end, cold, against the strong JAX loop", ">= 4x at width 32; >= 1.5x at width 128"),
    Goal("G4", "steady, against the sequential fused scan", ">= 0.95x at every shape; >= 1.2x median"),
    Goal("G5", "steady, against the hand-written vmap+scan", ">= 0.95x"),
    Goal("G6", "steady, against the best of PyTorch", ">= 1.2x transformer; >= 2x small MLPs"),
    Goal("G7", "GPU, lane-steps/s against one lane", ">= 100x at width 32", "needs a GPU; not measured"),
    Goal("G8", "GPU, against torch.func.vmap and an eager loop", ">= 1.5x; >= 100x", "needs a GPU; not measured"),
    Goal("G9", "R-M steady, share of the large matrix product's rate", ">= 50 %"),
    Goal("G10", "compilations = signatures x widths; time of the second run's", "exact; <= 5 % of the first"),
    Goal("G11", "wall time outside training, compilation and start-up", "<= 10 %", "`benchmarks/demo_profile.py`"),
    Goal("G12", "packed equals solo, lane order, reruns", "<= 1e-5; bitwise", "`tests/engine`"),
    Goal("G13", "halving to 1 of 64 against masked lanes", ">= 4x", "there is no halving; R-D has lanes that diverge"),
    Goal("G14", "R-K coordinate check, cold, against the sequential fused scan", ">= 2x"),
)
