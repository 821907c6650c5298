"""Weight initialisation of matrices: one class each."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from ablate.core import Family, Lane

from .component import Component

Draw = Callable[[Key[Array, ""], tuple[int, int]], Float[Array, "fan_in fan_out"]]


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


@INITS.register("lecun_normal")
class LecunNormal(Init):
    """Truncated normal with standard deviation sqrt(1 / fan_in)."""

    reference = "LeCun et al., Efficient BackProp, 1998"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.lecun_normal()(key, shape, jnp.float32)


@INITS.register("orthogonal")
class Orthogonal(Init):
    """A matrix with orthonormal rows or columns, whichever are fewer."""

    reference = "Saxe, McClelland & Ganguli 2013, arXiv:1312.6120"

    def unit(self, key: Key[Array, ""], shape: tuple[int, int]) -> Float[Array, "fan_in fan_out"]:
        """See `Init.unit`."""
        return jax.nn.initializers.orthogonal()(key, shape, jnp.float32)
