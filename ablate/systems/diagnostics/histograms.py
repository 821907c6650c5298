"""`histograms`: how weights, gradients and activations are distributed, layer by layer."""

import math
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from pydantic import Field, model_validator

from ablate.core import Problem, refuse

from .base import DIAGNOSTICS, Diagnostic, Look, Readings
from .norms import SOURCES, Source, read


@DIAGNOSTICS.register("histograms")
class Histograms(Diagnostic):
    """Per layer: the share of numbers whose absolute value lies in each of a row of logarithmic bins.

    The first bin holds everything below ``low``, zeros included, the last one everything from ``high`` on; the others
    lie evenly between on a logarithmic scale. The quantity ``edges`` has the bounds between the bins, one fewer.
    Gradients and activations are those of `norms`. What is not a number is in no bin.
    """

    of: list[Source] = Field(SOURCES)
    """What is measured, and the names of the quantities."""
    bins: Annotated[int, Field(ge=3)] = 32
    """Bins, the two outer ones included."""
    low: Annotated[float, Field(gt=0)] = 1e-8
    """Lower end of the logarithmic scale."""
    high: Annotated[float, Field(gt=0)] = 1e2
    """Upper end."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "Histograms":
        if self.high <= self.low:
            raise refuse(Problem(f"high: {self.high} is not above low: {self.low}", "bad-value", "high"))
        return self

    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """See `Diagnostic.measure`."""
        edges = jnp.asarray(np.geomspace(self.low, self.high, self.bins - 1), jnp.float32)
        found: dict[str, dict[str, Array]] = {
            source: {name: self.shares(values, edges) for name, values in read(source, look).items()}
            for source in self.of
        }
        return {"edges": {"": edges}, **found}

    def shares(self, values: Float[Array, "..."], edges: Float[Array, " bins-1"]) -> Float[Array, " bins"]:
        """The share of `values` in each bin."""
        sizes = jnp.abs(values.reshape(-1))
        # Counting what reaches each edge needs no scatter, which is slow on CPU.
        reached = jnp.stack([jnp.sum(sizes >= edge, dtype=jnp.float32) for edge in edges])
        known = jnp.sum(sizes >= 0, dtype=jnp.float32)
        bounds = jnp.concatenate([known[None], reached, jnp.zeros(1)])
        return (bounds[:-1] - bounds[1:]) / math.prod(values.shape)
