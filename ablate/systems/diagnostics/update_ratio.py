"""`update_ratio`: how far parameters move in one update."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from .base import DIAGNOSTICS, Diagnostic, Look, Readings, named, norm

_TINY = 1e-30


@DIAGNOSTICS.register("update_ratio")
class UpdateRatio(Diagnostic):
    """Per parameter: norm of the update that comes next, divided by the norm of the parameter.

    The update is what really changes: learning rate, weight decay, clipping and interventions included.
    """

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        moved = jax.tree.map(jnp.subtract, look.step.parameters, look.parameters)
        ratios = jax.tree.map(
            lambda update, leaf: norm(update) / jnp.maximum(norm(leaf), _TINY), moved, look.parameters
        )
        return {"ratio": named(ratios)}
