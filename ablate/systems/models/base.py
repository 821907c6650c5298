"""`Model`: a function of parameters and inputs."""

from abc import abstractmethod

from jaxtyping import Array, Float, Key, PyTree

from ablate.core import Family
from ablate.systems.component import Component
from ablate.systems.problems import Shapes


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


MODELS: Family[Model] = Family("model")
