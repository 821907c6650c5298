"""DLN: the diagonal linear recurrence that journal A put beside its attention."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree
from pydantic import Field

from ablate.core import Family, Start
from ablate.systems.component import Component
from ablate.systems.inits import DrawNamed
from ablate.systems.streams import stream

from .scans import Scan, linear_recurrence

_RANGES = {"as_run": (0.001, 0.05), "intended": (0.95, 0.999)}
"""Of the initial decay, uniform."""


class DLN(Component):
    """A memory of all past positions; attention reads its S numbers beside the residual stream."""

    @property
    def width(self) -> int:
        """S: numbers per position; 0 for none."""
        return 0

    @abstractmethod
    def init(self, width: int, draw: DrawNamed, key: Key[Array, ""]) -> PyTree[Array]:
        """Fresh parameters, for a residual stream of `width` numbers."""

    @abstractmethod
    def apply(self, weights: Any, rows: Float[Array, "B*T D"], batch: int) -> Float[Array, "B*T D+S"]:
        """The normalised residual stream, with the memory behind it."""


DLNS: Family[DLN] = Family("dln")


@DLNS.register("none")
class NoDLN(DLN):
    """No recurrence."""

    def init(self, width: int, draw: DrawNamed, key: Key[Array, ""]) -> None:
        """See `DLN.init`."""

    def apply(self, weights: None, rows: Float[Array, "B*T D"], batch: int) -> Float[Array, "B*T D"]:
        """See `DLN.apply`."""
        return rows


class Weights(eqx.Module):
    """Parameters of the recurrence."""

    decay: Float[Array, " S"]
    inputs: Float[Array, "D S"] | None = None


class Recurrence(DLN):
    """A recurrence of the built-in form."""

    size: Annotated[int, Field(gt=0)] = 100
    """Numbers S in the memory."""
    decay_init: Annotated[Literal["as_run", "intended"], Start()] = "as_run"
    """Initial decay a: uniform in (0.001, 0.05), with which the memory is gone after a step or two, or in
    (0.95, 0.999), which the journal meant. It is trained."""

    @property
    def width(self) -> int:
        """See `DLN.width`."""
        return self.size

    def decay(self, key: Key[Array, ""]) -> Float[Array, " S"]:
        """The initial decay."""
        low, high = _RANGES[self.decay_init]
        return jax.random.uniform(stream(key, "decay"), (self.size,), jnp.float32, low, high)

    def apply(self, weights: Weights, rows: Float[Array, "B*T D"], batch: int) -> Float[Array, "B*T D+S"]:
        """See `DLN.apply`."""
        memory = self.memory(weights, rows.reshape(batch, -1, rows.shape[1]))
        return jnp.concatenate([rows, memory.reshape(-1, self.size).astype(rows.dtype)], axis=1)

    @abstractmethod
    def memory(self, weights: Weights, inputs: Float[Array, "B T D"]) -> Float[Array, "B T S"]:
        """The memory at each position, in float32."""


@DLNS.register("state")
class State(Recurrence):
    """h_t = a * h_(t-1) + x_t W, elementwise in a, with h = 0 before the first position."""

    reference = "journal A of the shipped systems, June 2024"

    scan: Scan = "associative"
    """How it is computed: in log(T) parallel rounds, or one position after the other. Equal to float tolerance."""

    def init(self, width: int, draw: DrawNamed, key: Key[Array, ""]) -> Weights:
        """See `DLN.init`."""
        return Weights(self.decay(key), draw("dln", (width, self.size)))

    def memory(self, weights: Weights, inputs: Float[Array, "B T D"]) -> Float[Array, "B T S"]:
        """See `Recurrence.memory`."""
        assert weights.inputs is not None
        drive = (inputs @ weights.inputs).astype(jnp.float32)
        return linear_recurrence(weights.decay, drive, self.scan)


@DLNS.register("power")
class Power(Recurrence):
    """a**(t + 1), whatever the input is: what the journal ran, by reading the wrong element of its scan.

    The input matrix, which then has no effect and no gradient, is left out.
    """

    reference = "journal A of the shipped systems, June 2024"

    def init(self, width: int, draw: DrawNamed, key: Key[Array, ""]) -> Weights:
        """See `DLN.init`."""
        return Weights(self.decay(key))

    def memory(self, weights: Weights, inputs: Float[Array, "B T D"]) -> Float[Array, "B T S"]:
        """See `Recurrence.memory`."""
        batch, length, _ = inputs.shape
        powers = jnp.cumprod(jnp.broadcast_to(weights.decay[None], (length, self.size)), axis=0)
        return jnp.broadcast_to(powers[None], (batch, length, self.size))
