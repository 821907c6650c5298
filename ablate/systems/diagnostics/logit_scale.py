"""`logit_scale`: how large the outputs are."""

import jax.numpy as jnp
from jaxtyping import Array, Key

from .base import DIAGNOSTICS, Diagnostic, Look, Readings


@DIAGNOSTICS.register("logit_scale")
class LogitScale(Diagnostic):
    """How far the outputs of one prediction lie apart (``deviation``, mean over predictions), and the ``largest``.

    On a fixed validation batch. The deviation is the standard deviation over the last axis; a constant added to all
    logits, which no softmax sees, does not count in it.
    """

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        logits = look.outputs
        return {
            "deviation": {"": jnp.mean(jnp.std(logits, axis=-1))},
            "largest": {"": jnp.max(jnp.abs(logits))},
        }
