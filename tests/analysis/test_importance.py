"""A model of importance for designs that no analysis of variance fits: only where optuna is, and by its name."""

from typing import Any

import numpy as np
import pytest

from ablate.analysis import Factors, analyze, importance
from ablate.testing.synthetic import SyntheticResults, synthetic_results


def search(count: int = 24, seeds: int = 3) -> SyntheticResults:
    """Random settings of three paths: the learning rate matters, the activation a little, dropout not at all."""
    rng = np.random.default_rng(0)
    changes: dict[str, dict[str, Any]] = {}
    effects = {}
    for place in range(count):
        rate = float(10 ** rng.uniform(-4, -2))
        activation = str(rng.choice(["relu", "tanh", "elu"]))
        label = f"v{place}"
        changes[label] = {
            "optimizer.lr": rate,
            "model.activation": {"kind": activation},
            "model.dropout": float(rng.uniform(0, 0.5)),
        }
        effects[label] = 0.3 * np.log10(rate) + 0.02 * (activation == "relu")
    return synthetic_results(0, variants=list(changes), changes=changes, effects=effects, seeds=seeds, noise=0.01)


def factors(made: SyntheticResults) -> Factors:
    found = analyze(made.plan, made.runs, made.series).factors
    assert found is not None
    assert found.design == "other"
    return found


def test_the_path_that_matters_has_the_largest_share() -> None:
    pytest.importorskip("optuna")
    found = factors(search())
    (one,) = found.importance
    assert one.shares[0][0] == "optimizer.lr"
    assert sum(share for _, share in one.shares) == pytest.approx(1.0)
    assert {path for path, _ in one.shares} == {"optimizer.lr", "model.activation", "model.dropout"}
    assert "Model-based" in found.words
    assert factors(search()) == found, "the same results give the same shares"
    assert factors(search(count=6)).importance == (), "too few runs"


def test_without_optuna_the_report_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "find_spec", lambda name: None)
    found = factors(search(count=12))
    assert found.importance == ()
    assert "pip install 'ablate-grid[importance]'" in found.words
