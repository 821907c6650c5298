"""`Model`: a function of parameters and inputs."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Key, PyTree

from ablate.core import Family
from ablate.systems.component import Component
from ablate.systems.problems import Shapes


class Slices(NamedTuple):
    """One slice of a parameter per unit."""

    leaf: str
    """Path in the parameters, as ``blocks.0.mlp.up``."""
    axis: int
    """The axis whose index is the unit."""


@dataclass(frozen=True)
class Units:
    """A hidden layer: where its units are in the activations and in the parameters."""

    tap: str
    """Name of the tap with their activations ``[..., F]``, unit last; see `ablate.systems.taps`."""
    incoming: tuple[Slices, ...]
    """Weights and biases that a unit is computed from."""
    outgoing: tuple[Slices, ...]
    """Weights that read it. With these at 0 it has no effect. Empty where something else reads it too, a residual path
    or a norm over the layer: then its units can be counted, and not be reset."""


class Model(Component):
    """A network. The component holds the hyperparameters; the parameters are a separate pytree of arrays."""

    @abstractmethod
    def init(self, shapes: Shapes, key: Key[Array, ""]) -> PyTree[Array]:
        """Fresh trainable parameters, float32. Draw each from a stream named after it."""

    @abstractmethod
    def apply(self, parameters: PyTree[Array], inputs: Array, *, key: Key[Array, ""] | None) -> Float[Array, "B ..."]:
        """Outputs for a batch of inputs ``[B, ...]``.

        Args:
            parameters: what `init` returned, or a trained version of it.
            inputs: a batch, shaped as the problem's `Shapes` say.
            key: for dropout and other noise; None while evaluating, which turns them off.
        """

    def units(self) -> tuple[Units, ...]:
        """The hidden layers whose units diagnostics count and interventions may reset. Static fields only."""
        return ()

    def resettable(self) -> tuple[Units, ...]:
        """Those of `units` that interventions may reset."""
        return tuple(units for units in self.units() if units.outgoing)

    def trained(self, parameters: PyTree[Array]) -> PyTree[bool]:
        """Whether each parameter is trained: by default all are. Static fields only.

        Nothing changes the others: they have no gradient, and neither weight decay nor interventions reach them. Nor do
        they count as trainable numbers.
        """
        return jax.tree.map(lambda _: True, parameters)


MODELS: Family[Model] = Family("model")
