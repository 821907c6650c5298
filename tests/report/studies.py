"""Grids for the sections on factors, cost and seeds."""

from itertools import product
from typing import Any

from ablate.analysis import Analysis, analyze
from ablate.testing.synthetic import SyntheticResults, synthetic_results

ACTIVATIONS = ("gelu", "relu", "tanh")
INITS = ("glorot_normal", "he_normal")
RATES = (0.0003, 0.001, 0.003)


def full_grid(**more: Any) -> SyntheticResults:
    """Three factors, 18 cells; the largest learning rate is the best, and relu and he_normal go well together."""
    base = {"model.activation": "gelu", "model.init": "glorot_normal", "optimizer.lr": 0.001}
    gains = {"tanh": 0.02, "relu": -0.03, "he_normal": 0.01, 0.0003: -0.05, 0.003: 0.03}
    changes, effects, parameters = {}, {}, {"base": 100_000}
    for place, cell in enumerate(product(ACTIVATIONS, INITS, RATES)):
        changed = {path: value for path, value in zip(base, cell, strict=True) if value != base[path]}
        if changed:
            label = ", ".join(f"{path.rsplit('.')[-1]}={value}" for path, value in changed.items())
            changes[label] = changed
            effects[label] = sum(gains.get(value, 0.0) for value in cell) + 0.03 * (cell[:2] == ("relu", "he_normal"))
            parameters[label] = 100_000 + 20_000 * place
    arguments: dict[str, Any] = {"noise": 0.012, "parameters": parameters, "changes": changes, "effects": effects}
    return synthetic_results(0, **{"variants": list(changes), **arguments, **more})


def read(results: SyntheticResults) -> Analysis:
    """As the report reads it."""
    return analyze(results.plan, results.runs, results.series, confirmation=results.confirmation)
