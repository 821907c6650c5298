"""DLN and TDLN, the sequence models of journal A in 2023: diagonal linear recurrences with complex factors."""

from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Key

from ablate.core import Lane
from ablate.systems.streams import stream

from .base import MODELS, Slices
from .recurrent import Linear, Memory, Recurrent, Rows, fresh_linear
from .scans import linear_recurrence

_MEMORY = (Slices("memory.radius", 0), Slices("memory.angle", 0))
_MAPS = ("time", "drive")


class Plain(eqx.Module):
    """Parameters of a level of the DLN."""

    memory: Memory


@MODELS.register("dln")
class DLNModel(Recurrent):
    """h_t = z * h_(t-1) + x_t and y = Re(h), with z = radius * exp(i angle) in each of D channels, h = 0 at first."""

    def fresh(self, key: Key[Array, ""]) -> Plain:
        """See `Recurrent.fresh`."""
        return Plain(self.fresh_memory(stream(key, "memory")))

    def states(self, weights: Plain, rows: Rows) -> Float[Array, "B T D"]:
        """See `Recurrent.states`."""
        return jnp.real(linear_recurrence(weights.memory.factor(), _complex(rows.full()), self.scan))

    def written(self) -> tuple[Slices, ...]:
        """See `Recurrent.written`."""
        return _MEMORY


class Timed(eqx.Module):
    """Parameters of a level of the TDLN; None where its form has none."""

    memory: Memory
    time: Linear | Float[Array, "D D"]
    """W_t and c_t, or W_t alone."""
    drive: Linear | None
    """W_d and c_d."""


@MODELS.register("tdln")
class TDLNModel(Recurrent):
    """A DLN whose time runs as fast as its input says: h_t = z**tau_t * h_(t-1) + tau_t * u_t and y = Re(h).

    tau_t = sigmoid(b + W_t x_t + c_t), between 0 and 1 in each channel, and u_t = W_d x_t + c_d. With a time bias b of
    1000, tau is 1 and this is the DLN of u.
    """

    time_bias: Annotated[float, Lane()] = 0.0
    """b. With 1000 time always runs at full speed: T = 1 in the journal."""
    form: Literal["final", "first"] = "final"
    """The formulas above; or the journal's first ones: no biases, W_t from N(0, 1), and x_t itself in place of u_t,
    multiplied by tau of the position before, 1 at the first. There, the journal has T = 1 with b = 100."""

    def fresh(self, key: Key[Array, ""]) -> Timed:
        """See `Recurrent.fresh`."""
        memory, size = self.fresh_memory(stream(key, "memory")), self.size
        if self.form == "first":
            return Timed(memory, jax.random.normal(stream(key, "time"), (size, size)), None)
        return Timed(memory, *(fresh_linear(stream(key, name), size, size) for name in ("time", "drive")))

    def states(self, weights: Timed, rows: Rows) -> Float[Array, "B T D"]:
        """See `Recurrent.states`."""
        time = jax.nn.sigmoid(self.time_bias + _times(rows, weights.time))
        if weights.drive is None:
            earlier = jnp.pad(time, ((0, 0), (1, 0), (0, 0)), constant_values=1.0)[:, :-1]
            drive = earlier * rows.full()
        else:
            drive = time * _times(rows, weights.drive)
        return jnp.real(linear_recurrence(weights.memory.factor(time), _complex(drive), self.scan))

    def written(self) -> tuple[Slices, ...]:
        """See `Recurrent.written`."""
        if self.form == "first":
            return (*_MEMORY, Slices("time", 1))
        biases = (Slices(f"{name}.bias", 0) for name in _MAPS)
        return (*_MEMORY, *(Slices(f"{name}.weight", 1) for name in _MAPS), *biases)

    def readers(self) -> tuple[Slices, ...]:
        """See `Recurrent.readers`. In the first form the input itself drives the memory."""
        return () if self.form == "first" else tuple(Slices(f"{name}.weight", 0) for name in _MAPS)


def _times(rows: Rows, map_: Linear | Float[Array, "D D"]) -> Float[Array, "B T D"]:
    if isinstance(map_, Linear):
        return rows.times(map_.weight) + map_.bias[None, None]
    return rows.times(map_)


def _complex(real: Float[Array, "B T D"]) -> Complex[Array, "B T D"]:
    return jax.lax.complex(real, jnp.zeros_like(real))
