"""Activation functions: one class each."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.core import Family, Lane

from .component import Component

Elementwise = Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]


class Activation(Component):
    """An elementwise nonlinearity."""

    @abstractmethod
    def build(self) -> Elementwise:
        """The function, applied to arrays of any shape and float dtype; shape and dtype are kept."""


ACTIVATIONS: Family[Activation] = Family("activation")


@ACTIVATIONS.register("gelu")
class Gelu(Activation):
    """x Phi(x), with Phi the normal distribution function, in the tanh approximation."""

    reference = "Hendrycks & Gimpel 2016, arXiv:1606.08415"

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return jax.nn.gelu


@ACTIVATIONS.register("relu")
class Relu(Activation):
    """max(x, 0)."""

    reference = "Nair & Hinton, ICML 2010"

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return jax.nn.relu


@ACTIVATIONS.register("squared_relu")
class SquaredRelu(Activation):
    """max(x, 0)**2."""

    reference = "So et al. 2021, arXiv:2109.08668 (Primer)"

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return lambda x: jnp.square(jax.nn.relu(x))


@ACTIVATIONS.register("silu")
class Silu(Activation):
    """x sigmoid(x)."""

    reference = "Elfwing, Uchibe & Doya 2017, arXiv:1702.03118"

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return jax.nn.silu


@ACTIVATIONS.register("sigmoid")
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return jax.nn.sigmoid


@ACTIVATIONS.register("leaky_relu")
class LeakyRelu(Activation):
    """x where x > 0, slope * x elsewhere."""

    reference = "Maas, Hannun & Ng, ICML 2013"

    slope: Annotated[float, Lane()] = 0.01
    """Slope of the negative half."""

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return lambda x: jnp.where(x > 0, x, self.slope * x)


@ACTIVATIONS.register("identity")
class Identity(Activation):
    """x: the linear floor that any activation should beat."""

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return lambda x: x


@ACTIVATIONS.register("tanh")
class Tanh(Activation):
    """tanh(x)."""

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return jnp.tanh


@ACTIVATIONS.register("soft_shrink")
class SoftShrink(Activation):
    """x - amount * scale * tanh(x / scale): slope 1 - amount at 0, parallel to x far away.

    ``amount=1, scale=2`` is x - 4 (sigmoid(x) - 1/2); ``amount=-1, scale=1`` is x + tanh(x).
    """

    reference = "journal A of the shipped systems, June 2024"

    amount: Annotated[float, Lane()] = 1.0
    """How much of the slope at 0 is removed."""
    scale: Annotated[float, Lane()] = 1.0
    """Width of the shrunk region, in units of the input; not 0."""

    def build(self) -> Elementwise:
        """See `Activation.build`."""
        return lambda x: x - self.amount * self.scale * jnp.tanh(x / self.scale)
