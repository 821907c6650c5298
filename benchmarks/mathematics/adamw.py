"""AdamW as optax and PyTorch have it: decoupled decay, times the learning rate, on matrices only."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

B1, B2, EPS = float(np.float32(0.9)), float(np.float32(0.999)), 1e-8
"""As float32 has them. With 0.999 itself, ``1 - b2`` differs by 1e-5 of itself, which is enough to leave the gate."""

Parameters = dict[str, Array]


class State(NamedTuple):
    """What a step changes."""

    parameters: Parameters
    first: Parameters
    second: Parameters
    done: Int[Array, ""]
    """Finished updates."""


def fresh(parameters: Parameters) -> State:
    """Before the first step."""
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    return State(parameters, zeros, jax.tree.map(jnp.zeros_like, parameters), jnp.zeros((), jnp.int32))


def update(state: State, gradients: Parameters, rates: Float[Array, "2"]) -> State:
    """One step; `rates` are the learning rate and the weight decay."""
    count = state.done + 1
    lr, decay = rates[0], rates[1]
    first = jax.tree.map(lambda old, new: B1 * old + (1 - B1) * new, state.first, gradients)
    second = jax.tree.map(lambda old, new: B2 * old + (1 - B2) * new * new, state.second, gradients)
    one, two = 1 - B1**count, 1 - B2**count

    def move(parameter: Array, mean: Array, square: Array) -> Array:
        direction = (mean / one) / (jnp.sqrt(square / two) + EPS)
        return parameter - lr * (direction + decay * parameter if parameter.ndim >= 2 else direction)

    return State(jax.tree.map(move, state.parameters, first, second), first, second, count)
