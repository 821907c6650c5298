"""Functions whose derivatives are written by hand, against what JAX finds for the formulas as they stand."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array

from ablate.systems import NORMS, PROGRAMS, root
from ablate.systems.derivatives import by_hand
from ablate.systems.models.norms import head_norm

EPS = 0.3
"""Large enough that the derivative by it is not lost in rounding."""


def draw(seed: int, *shape: int) -> Array:
    return 1 + 2 * jax.random.normal(jax.random.key(seed), shape)


def standardized(values: Array, eps: Any, axes: int | tuple[int, ...] = -1) -> Array:
    centred = values - jnp.mean(values, axes, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(jnp.square(centred), axes, keepdims=True) + eps)


def scaled(values: Array, eps: Any) -> Array:
    return values / jnp.sqrt(jnp.mean(jnp.square(values), -1, keepdims=True) + eps)


def agree(ours: Callable[..., Array], formula: Callable[..., Array], *arguments: Any) -> None:
    """The values, and the derivatives by every argument of a sum with unequal weights."""

    def total(function: Callable[..., Array]) -> Callable[..., Array]:
        def weighed(*arguments: Any) -> Array:
            found = function(*arguments)
            return jnp.sum(found * draw(9, *found.shape))

        return weighed

    def inside(*arguments: Any) -> Array:
        with by_hand():
            return ours(*arguments)

    np.testing.assert_array_equal(inside(*arguments), ours(*arguments))
    np.testing.assert_allclose(ours(*arguments), formula(*arguments), rtol=2e-5, atol=2e-5)
    which = tuple(range(len(arguments)))
    slopes, expected = (jax.grad(total(function), which)(*arguments) for function in (inside, formula))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(inside, arguments, arguments)  # so it was the derivative by hand
    for slope, right in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, right, rtol=1e-4, atol=1e-4 * float(jnp.max(jnp.abs(right))))


@pytest.mark.parametrize(("kind", "formula"), [("rms", scaled), ("layer", standardized)])
@pytest.mark.parametrize("axis", ["token", "block"])
def test_a_norm_and_its_derivatives_are_those_of_its_formula(kind: str, axis: str, formula: Any) -> None:
    def ours(rows: Array, eps: Array) -> Array:
        norm: Any = NORMS.parse({"kind": kind, "axis": axis})
        found: Array = norm.model_copy(update={"eps": eps}).apply(None, rows, 2)
        return found

    def theirs(rows: Array, eps: Array) -> Array:
        found: Array = formula(rows if axis == "token" else rows.reshape(2, -1), eps)
        return found.reshape(rows.shape)

    agree(ours, theirs, draw(0, 6, 5), jnp.asarray(EPS))


@pytest.mark.parametrize("kind", ["per_head", "whole"])
def test_queries_and_keys_are_normalised_apart(kind: Any) -> None:
    batch, length, heads, size = 2, 3, 4, 5

    def ours(both: Array, weight: Array) -> Array:
        return jnp.stack(head_norm(kind, (weight, None), both, batch))

    def formula(both: Array, weight: Array) -> Array:
        parts = both.reshape(batch, length, 2, heads, size).transpose(2, 0, 1, 3, 4)
        normed = [standardized(part, 1e-6, (1, 2, 3) if kind == "whole" else -1) for part in parts]
        return jnp.stack([normed[0] * weight[None, None, None], normed[1]]).reshape(2, batch * length, heads, size)

    agree(ours, formula, draw(1, batch * length, 2 * heads, size), draw(2, size))


def test_only_the_gradient_that_trains_is_by_hand() -> None:
    """Elsewhere, as in a diagnostic, the network can be differentiated forwards."""
    problem = {"kind": "char_lm", "context": 4, "batch": 2}
    model = {"kind": "gpt", "layers": 1, "width": 8, "heads": 2}
    config: Any = PROGRAMS.parse({"kind": "supervised", "problem": problem, "model": model})
    data = jax.tree.map(jnp.asarray, config.load())
    parameters = config.init(data, root(0)).parameters
    batch = config.problem.sample(data, root(1))

    def loss(parameters: Any) -> Any:
        return config.problem.loss(config.model.apply(parameters, batch.inputs, key=None), batch.targets)

    def trained(parameters: Any) -> Any:
        with by_hand():
            return loss(parameters)

    slope = jax.grad(loss)(parameters)
    _, along = jax.jvp(loss, (parameters,), (slope,))
    np.testing.assert_allclose(along, optax.tree.norm(slope, squared=True), rtol=1e-5)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(trained, (parameters,), (slope,))
    _, found, _ = config._gradients(parameters, batch, root(2))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), found, jax.grad(trained)(parameters))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found, slope)
