"""The mathematics that every JAX peer trains by, written once and without ablate: models, loss, AdamW, evaluation.

That ablate gives the same losses is what the gate checks.
"""

from .adamw import State, fresh, update
from .training import Batch, Workload, evaluate, step, whole, workload

__all__ = ["Batch", "State", "Workload", "evaluate", "fresh", "step", "update", "whole", "workload"]
