"""Linear recurrences: ``h_t = factor_t * h_(t-1) + drive_t``, with h = 0 before the first position."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

Scan = Literal["associative", "sequential"]
"""In log(T) parallel rounds, or one position after the other. Equal to float tolerance."""

Factor = Inexact[Array, " S"] | Inexact[Array, "B T S"]
"""The same at every position, or one for each."""


def linear_recurrence(factor: Factor, drive: Inexact[Array, "B T S"], scan: Scan) -> Inexact[Array, "B T S"]:
    """The state at each position, elementwise in S.

    Args:
        factor: multiplies the state of the position before; of the dtype of `drive`, real or complex.
        drive: what is added at each position.
        scan: how it is computed.
    """
    return _associative(factor, drive) if scan == "associative" else _sequential(factor, drive)


def _associative(factor: Factor, drive: Inexact[Array, "B T S"]) -> Inexact[Array, "B T S"]:
    def join(early: tuple[Array, Array], late: tuple[Array, Array]) -> tuple[Array, Array]:
        return early[0] * late[0], early[1] * late[0] + late[1]

    factors = factor if factor.ndim == 3 else jnp.broadcast_to(factor[None, None], drive.shape)
    _, states = jax.lax.associative_scan(join, (factors, drive), axis=1)
    return jnp.asarray(states)


def _sequential(factor: Factor, drive: Inexact[Array, "B T S"]) -> Inexact[Array, "B T S"]:
    def step(state: Array, now: tuple[Array, Array | None]) -> tuple[Array, Array]:
        added, own = now
        state = (factor[None] if own is None else own) * state + added
        return state, state

    factors = factor.swapaxes(0, 1) if factor.ndim == 3 else None
    _, states = jax.lax.scan(step, jnp.zeros_like(drive[:, 0]), (drive.swapaxes(0, 1), factors))
    return jnp.asarray(states).swapaxes(0, 1)
