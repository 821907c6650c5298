"""`dead_units`: the share of hidden units that do nothing."""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from pydantic import Field

from ablate.systems.models import Model
from ablate.systems.problems import Problem

from .base import DIAGNOSTICS, Diagnostic, Look, Readings

_TINY = 1e-9


@DIAGNOSTICS.register("dead_units")
class DeadUnits(Diagnostic):
    """Per hidden layer: the share of units whose mean absolute activation is at most a part of the layer's mean.

    On a fixed validation batch. With threshold 0 a unit counts if it is exactly 0 on all of it.
    """

    reference = "Sokar, Agarwal, Castro & Evci 2023, arXiv:2302.12902"

    threshold: Annotated[float, Field(ge=0)] = 0.0
    """Largest activity of a dead unit, in units of the layer's mean. The paper of `redo` calls units up to 0.025
    dormant."""

    def refuses(self, model: Model, problem: Problem) -> str:
        """See `Diagnostic.refuses`."""
        return "" if model.units() else f"{model.kind} has no hidden units that can be counted here"

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        return {"share": {units.tap: self._share(look.activations[units.tap]) for units in look.model.units()}}

    def _share(self, activations: Float[Array, "... F"]) -> Float[Array, ""]:
        activity = jnp.mean(jnp.abs(activations), axis=tuple(range(activations.ndim - 1)))
        return jnp.mean(activity / (jnp.mean(activity) + _TINY) <= self.threshold)
