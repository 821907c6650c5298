"""Multi-layer perceptron."""

import itertools
import math
from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
from pydantic import Field

from ablate.core import GridError, Problem, Start
from ablate.systems.activations import ACTIVATIONS, Activation, Relu
from ablate.systems.inits import INITS, HeNormal, Init
from ablate.systems.problems import Shapes
from ablate.systems.products import product
from ablate.systems.streams import stream
from ablate.systems.taps import scope, tap

from .base import MODELS, Model, Slices, Units


class Parameters(eqx.Module):
    """Weights ``[fan_in, fan_out]`` and biases, first layer first."""

    weights: tuple[Float[Array, "fan_in fan_out"], ...]
    biases: tuple[Float[Array, " fan_out"], ...]


@MODELS.register("mlp")
class MLP(Model):
    """Dense layers of equal width with an activation between them."""

    layers: Annotated[int, Field(ge=1)] = 2
    """Hidden layers."""
    width: Annotated[int, Field(gt=0)] = 64
    """Units in each hidden layer."""
    activation: Annotated[Activation, ACTIVATIONS] = Relu()
    """After each hidden layer."""
    weights: Annotated[Init, INITS, Start()] = HeNormal()
    """Initialisation of the weight matrices; biases start at 0."""

    def init(self, shapes: Shapes, key: Key[Array, ""]) -> Parameters:
        """See `Model.init`."""
        if shapes.symbols is not None:
            message = "mlp reads numbers, but this problem has symbols; use gpt"
            raise GridError(Problem(message, "bad-value", "model.kind"))
        sizes = (math.prod(shapes.inputs), *([self.width] * self.layers), math.prod(shapes.outputs))
        draw = self.weights.build()
        pairs = tuple(itertools.pairwise(sizes))
        weights = tuple(draw(stream(key, f"layer{index}"), pair) for index, pair in enumerate(pairs))
        return Parameters(weights, tuple(jnp.zeros(fan_out) for _, fan_out in pairs))

    def apply(self, parameters: Parameters, inputs: Array, *, key: Key[Array, ""] | None) -> Float[Array, "B ..."]:
        """See `Model.apply`."""
        function = self.activation.build()
        hidden = inputs.reshape(inputs.shape[0], -1)
        for index, (weight, bias) in enumerate(zip(parameters.weights[:-1], parameters.biases[:-1], strict=True)):
            with scope("layers", str(index)):
                hidden = tap("hidden", function(product(hidden, weight) + bias))
        return product(hidden, parameters.weights[-1]) + parameters.biases[-1]

    def units(self) -> tuple[Units, ...]:
        """See `Model.units`."""
        return tuple(
            Units(
                tap=f"layers.{index}.hidden",
                incoming=(Slices(f"weights.{index}", 1), Slices(f"biases.{index}", 0)),
                outgoing=(Slices(f"weights.{index + 1}", 0),),
            )
            for index in range(self.layers)
        )
