"""`attention_entropy`: how spread out attention is."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ablate.systems.taps import is_tap

from .base import DIAGNOSTICS, Diagnostic, Look, Readings

_LEAST = 1e-10
"""Weights below this count as this in the logarithm, as in journal B."""


@DIAGNOSTICS.register("attention_entropy")
class AttentionEntropy(Diagnostic):
    """Per layer: mean and standard deviation of the entropy of attention weights, over heads and positions, in nats.

    On a fixed validation batch. The first position of a causal network sees only itself, so its entropy is 0. Models
    without attention have no rows.
    """

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        layers = {name: _entropy(values) for name, values in look.activations.items() if is_tap(name, "attention")}
        return {
            "mean": {name: jnp.mean(values) for name, values in layers.items()},
            "deviation": {name: jnp.std(values) for name, values in layers.items()},
        }


def _entropy(weights: Float[Array, "... S"]) -> Float[Array, "..."]:
    return -jnp.sum(weights * jnp.log(jnp.maximum(weights, _LEAST)), axis=-1)
