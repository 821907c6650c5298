"""Conformance checks of interventions and diagnostics."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ablate.systems import PROGRAMS, Diagnostic, Intervention, Program, in_training, root, signature, whole_hyper

from ._rules import check_component, compare, same_shapes

_SMALL = {
    "kind": "supervised",
    "problem": {"kind": "spirals", "points": 64, "batch": 16},
    "model": {"kind": "mlp", "width": 8},
    "optimizer": {"kind": "adamw", "lr": 0.01, "eps": 1e-4, "clip": 1.0},
}
"""With a smaller `eps`, Adam would make updates of gradients that are nothing but the rounding of a sum."""


def check_intervention(intervention: Intervention, program: Program | None = None, *, steps: int = 6) -> None:
    """Keeps structures, stays finite, does nothing at its `neutral` fields, is the same in a pack and alone.

    Args:
        intervention: give it settings with which it acts within a few updates.
        program: what it acts on, a ``supervised`` one without interventions; by default a small MLP.
        steps: updates.
    """
    check_component(intervention)
    vanilla = PROGRAMS.parse(_SMALL) if program is None else program
    acting, quiet = (
        vanilla.model_copy(update={"interventions": {"it": each}})
        for each in (intervention, intervention.model_copy(update=dict(intervention.neutral)))
    )
    solo = _train(acting, steps)
    shares = bool(intervention.neutral) and signature(quiet) == signature(acting)
    (expected, losses), rows = _train(vanilla, steps)(_row(vanilla)), [_row(acting), *([_row(quiet)] if shares else [])]
    alone = [solo(row) for row in rows]
    if intervention.neutral:
        state, quiet_losses = alone[1] if shares else _train(quiet, steps)(_row(quiet))
        for part in ("parameters", "optimizer"):
            message = f"{dict(intervention.neutral)} changes the {part}"
            compare(getattr(state, part), getattr(expected, part), message, rtol=0, atol=0)
        np.testing.assert_array_equal(quiet_losses, losses, err_msg=f"{dict(intervention.neutral)} changes the loss")
    changed = alone[0][0].parameters
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(changed)), "parameters are not finite"
    pairs = zip(jax.tree.leaves(changed), jax.tree.leaves(expected.parameters), strict=True)
    assert any(bool(jnp.any(leaf != other)) for leaf, other in pairs), "it does nothing with these settings"
    packed, _ = jax.vmap(solo)(jnp.stack(rows))
    for index, (one, _) in enumerate(alone):
        lane = jax.tree.map(partial(_row_of, index), packed.parameters)
        compare(lane, one.parameters, "it is not the same in a pack", rtol=1e-4, atol=1e-5)


def check_diagnostic(diagnostic: Diagnostic, program: Program | None = None) -> None:
    """Finite numbers or rows of them, the same names and numbers in a pack and alone, and each named only once.

    Args:
        diagnostic: the component.
        program: what it looks at, a ``supervised`` one without diagnostics; by default a small MLP.
    """
    check_component(diagnostic)
    config = (PROGRAMS.parse(_SMALL) if program is None else program).model_copy(
        update={"diagnostics": {"it": diagnostic}}
    )
    whole, data = signature(config).whole, jax.tree.map(jnp.asarray, config.load())

    def look(row: Array, seed: Array) -> dict[str, Array]:
        drawn = whole.config(row)
        traced = in_training(drawn)
        state, _ = traced.step(data, drawn.init(data, root(seed)))
        return traced.diagnose(data, state)

    alone = jax.jit(look)(_row(config), jnp.int32(1))
    assert alone, "it measures nothing here"
    for name, values in alone.items():
        assert name.count("/") == 2, f"{name}: quantities and layers must not have a slash in them"
        assert values.ndim <= 1, f"{name} is neither a number nor a row of numbers"
        assert bool(jnp.all(jnp.isfinite(values))), f"{name} is not finite"
        assert config.described(name, values.reshape(-1).tolist()) is not None or values.dtype == jnp.float32
    packed = jax.jit(jax.vmap(look, (None, 0)))(_row(config), jnp.arange(3))
    for name, values in packed.items():
        np.testing.assert_allclose(values[1], alone[name], rtol=1e-4, atol=1e-5, err_msg=f"{name} differs in a pack")


def _row(config: Program) -> Array:
    return jnp.asarray(whole_hyper([config])[0])


def _train(config: Program, steps: int) -> Callable[[Array], Any]:
    """The state and the training losses after so many updates, as a function of the lane fields."""
    whole, data = signature(config).whole, jax.tree.map(jnp.asarray, config.load())

    @jax.jit
    def train(row: Array) -> Any:
        drawn = whole.config(row)
        program = in_training(drawn)

        def step(state: Any, _: None) -> Any:
            after, metrics = program.step(data, state)
            same_shapes(state, after)
            return after, metrics["train_loss"]

        return jax.lax.scan(step, drawn.init(data, root(0)), length=steps)

    return train


def _row_of(index: int, leaf: Array) -> Array:
    return leaf[index]
