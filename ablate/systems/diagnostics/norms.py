"""`norms`: how large weights, gradients and activations are, layer by layer."""

from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Key
from pydantic import Field

from ablate.systems.taps import is_tap

from .base import DIAGNOSTICS, Diagnostic, Look, Readings, named, norm

Source = Literal["weights", "gradients", "activations"]
SOURCES: list[Source] = ["weights", "gradients", "activations"]


def read(source: Source, look: Look) -> dict[str, Array]:
    """Every parameter, gradient of one, or activation (but attention weights), by name."""
    match source:
        case "weights":
            return named(look.parameters)
        case "gradients":
            return named(look.step.gradients)
        case "activations":
            return {name: values for name, values in look.activations.items() if not is_tap(name, "attention")}


@DIAGNOSTICS.register("norms")
class Norms(Diagnostic):
    """Per layer: the Euclidean norm of weights and of gradients, and the root mean square of activations.

    Gradients are those of the update that comes next, before clipping; activations are on a fixed validation batch.
    """

    of: list[Source] = Field(SOURCES)
    """What is measured, and the names of the quantities."""

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        return {
            source: {
                name: norm(values) / jnp.sqrt(values.size) if source == "activations" else norm(values)
                for name, values in read(source, look).items()
            }
            for source in self.of
        }
