"""The MLP of a transformer block: one class per way to compute it."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ablate.core import Family
from ablate.systems.activations import Elementwise
from ablate.systems.component import Component
from ablate.systems.inits import DrawNamed
from ablate.systems.products import product
from ablate.systems.taps import tap


class MLPBlock(Component):
    """The second branch of a block: the same function of each position's D numbers."""

    names: ClassVar[tuple[str, ...]] = ("up", "down")
    """Names of the matrices that `init` draws; ``model.inits`` may name them."""

    @abstractmethod
    def init(self, width: int, hidden: int, draw: DrawNamed) -> PyTree[Array]:
        """Fresh parameters.

        Args:
            width: D of the residual stream.
            hidden: width of the hidden layer that the model asks for.
            draw: the initial matrix of a name and shape.
        """

    @abstractmethod
    def apply(self, weights: Any, rows: Float[Array, "N D"], activation: Elementwise) -> Float[Array, "N D"]:
        """What is added to the residual stream, before dropout.

        Args:
            weights: what `init` returned, or a trained version of it.
            rows: normalised residual stream.
            activation: the model's.
        """


MLP_BLOCKS: Family[MLPBlock] = Family("mlp_block")


class Weights(eqx.Module):
    """Parameters of the built-in blocks."""

    up: Float[Array, "D F"]
    down: Float[Array, "F D"] | None
    gate: Float[Array, "D F"] | None = None


@MLP_BLOCKS.register("plain")
class Plain(MLPBlock):
    """activation(x W_up) W_down."""

    def init(self, width: int, hidden: int, draw: DrawNamed) -> Weights:
        """See `MLPBlock.init`."""
        return Weights(draw("up", (width, hidden)), draw("down", (hidden, width)))

    def apply(self, weights: Weights, rows: Float[Array, "N D"], activation: Elementwise) -> Float[Array, "N D"]:
        """See `MLPBlock.apply`."""
        assert weights.down is not None
        return product(tap("hidden", activation(product(rows, weights.up))), weights.down)


@MLP_BLOCKS.register("gated")
class Gated(MLPBlock):
    """(activation(x W_gate) * x W_up) W_down, with the model's activation."""

    reference = "Shazeer 2020, arXiv:2002.05202"
    names = ("up", "down", "gate")

    match: Literal["width", "parameters"] = "width"
    """What it has in common with `plain`: the hidden width (and half as many parameters again), or the parameters (and
    two thirds of the width, rounded to a whole number)."""

    def init(self, width: int, hidden: int, draw: DrawNamed) -> Weights:
        """See `MLPBlock.init`."""
        if self.match == "parameters":
            hidden = max(1, round(hidden * 2 / 3))
        return Weights(draw("up", (width, hidden)), draw("down", (hidden, width)), draw("gate", (width, hidden)))

    def apply(self, weights: Weights, rows: Float[Array, "N D"], activation: Elementwise) -> Float[Array, "N D"]:
        """See `MLPBlock.apply`."""
        assert weights.gate is not None
        assert weights.down is not None
        hidden = tap("hidden", self.gate(activation)(product(rows, weights.gate)) * product(rows, weights.up))
        return product(hidden, weights.down)

    def gate(self, activation: Elementwise) -> Elementwise:
        """The function on the gate, given the model's activation."""
        return activation


@MLP_BLOCKS.register("swiglu")
class SwiGLU(Gated):
    """(silu(x W_gate) * x W_up) W_down, whatever the model's activation is."""

    def gate(self, activation: Elementwise) -> Elementwise:
        """See `Gated.gate`."""
        return jax.nn.silu


@MLP_BLOCKS.register("geglu")
class GEGLU(Gated):
    """(gelu(x W_gate) * x W_up) W_down, whatever the model's activation is."""

    def gate(self, activation: Elementwise) -> Elementwise:
        """See `Gated.gate`."""
        return jax.nn.gelu


@MLP_BLOCKS.register("compute_gate")
class ComputeGate(Gated):
    """(sigmoid(x W_gate) * x W_up) W_down, whatever the model's activation is: the ComputeGate of journal A."""

    reference = "journal A of the shipped systems, 2024; Dauphin et al. 2016, arXiv:1612.08083"

    def gate(self, activation: Elementwise) -> Elementwise:
        """See `Gated.gate`."""
        return jax.nn.sigmoid


@MLP_BLOCKS.register("pooled_gate")
class PooledGate(MLPBlock):
    """maxpool(sigmoid(x W_gate) * x W_up): ComputeGate with a maximum in place of its last matrix.

    Each of the D results is the largest of F / D neighbouring numbers, which is a reconstruction: the journal does not
    say which ones it pooled. As many parameters as `plain` of the same width.
    """

    reference = "journal A of the shipped systems, 2024"
    names = ("up", "gate")

    def init(self, width: int, hidden: int, draw: DrawNamed) -> Weights:
        """See `MLPBlock.init`. The hidden width is the multiple of D that is nearest to what is asked for."""
        hidden = width * max(1, round(hidden / width))
        return Weights(draw("up", (width, hidden)), None, draw("gate", (width, hidden)))

    def apply(self, weights: Weights, rows: Float[Array, "N D"], activation: Elementwise) -> Float[Array, "N D"]:
        """See `MLPBlock.apply`."""
        assert weights.gate is not None
        hidden = tap("hidden", jax.nn.sigmoid(product(rows, weights.gate)) * product(rows, weights.up))
        return jnp.max(hidden.reshape(*rows.shape, -1), axis=-1)
