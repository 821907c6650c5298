"""Weight initialisation of matrices: one class each."""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ablate.core import Family, Lane

from .component import Component

Draw = Callable[[Key[Array, ""], tuple[int, int]], Float[Array, "fan_in fan_out"]]
DrawNamed = Callable[[str, tuple[int, int]], Float[Array, "fan_in fan_out"]]
"""Draws the matrix of a name, from the stream and by the initialisation that the model gives to that name."""


class Init(Component):
    """How a matrix that maps fan_in numbers to fan_out numbers is drawn."""

    scale: Annotated[float, Lane()] = 1.0
    """Multiplies the drawn matrix."""

    def build(self) -> Draw:
        """The function from a key and ``(fan_in, fan_out)`` to a float32 matrix."""
        return lambda key, shape: self.scale * self.unit(key, shape)

    @abstractmethod
    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """The matrix at scale 1."""


INITS: Family[Init] = Family("init")


@INITS.register("glorot_normal")
class GlorotNormal(Init):
    """Truncated normal with standard deviation sqrt(2 / (fan_in + fan_out))."""

    reference = "Glorot & Bengio, AISTATS 2010"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.glorot_normal()(key, shape, jnp.float32)


@INITS.register("he_normal")
class HeNormal(Init):
    """Truncated normal with standard deviation sqrt(2 / fan_in)."""

    reference = "He et al. 2015, arXiv:1502.01852"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.he_normal()(key, shape, jnp.float32)


@INITS.register("half_he_normal")
class HalfHeNormal(Init):
    """Truncated normal with standard deviation sqrt(1 / (2 fan_in)), which is half of `he_normal`.

    The text of journal A calls this he; its code has `he_normal`.
    """

    reference = "journal A of the shipped systems, May 2024"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return 0.5 * jax.nn.initializers.he_normal()(key, shape, jnp.float32)


@INITS.register("lecun_normal")
class LecunNormal(Init):
    """Truncated normal with standard deviation sqrt(1 / fan_in)."""

    reference = "LeCun et al., Efficient BackProp, 1998"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.lecun_normal()(key, shape, jnp.float32)


@INITS.register("truncated_normal")
class TruncatedNormal(Init):
    """Normal cut at two standard deviations, divided by sqrt(fan_in): standard deviation 0.88 / sqrt(fan_in).

    The other kinds correct for the cut, this one does not.
    """

    reference = "midGPT, github.com/AllanYangZhou/midGPT"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.random.truncated_normal(key, -2.0, 2.0, shape, jnp.float32) / math.sqrt(shape[0])


@INITS.register("orthogonal")
class Orthogonal(Init):
    """A matrix with orthonormal rows or columns, whichever are fewer."""

    reference = "Saxe, McClelland & Ganguli 2013, arXiv:1312.6120"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.orthogonal()(key, shape, jnp.float32)
