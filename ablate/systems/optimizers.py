"""Optimisers: optax transformations whose hyperparameters are lane fields."""

from abc import abstractmethod
from typing import Annotated

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from ablate.core import Family, Lane

from .component import Component
from .schedules import SCHEDULES, Constant, Schedule


class Optimizer(Component):
    """Learning rate, schedule and gradient clipping, which all optimisers share."""

    lr: Annotated[float, Lane(), Field(ge=0)] = 1e-3
    """Peak learning rate."""
    schedule: Annotated[Schedule, SCHEDULES] = Constant()
    """Factor of the learning rate over the steps."""
    clip: Annotated[float | None, Lane(), Field(gt=0)] = None
    """Largest global norm of the gradient; longer gradients are scaled down to it. Nothing: no clipping."""

    def build(self) -> optax.GradientTransformation:
        """The transformation from gradients to updates, schedule included, clipping not."""
        factor = self.schedule.build()
        return optax.chain(self.direction(), optax.scale_by_schedule(lambda count: -self.lr * factor(count)))

    def clipped(self, gradients: PyTree, norm: Float[Array, ""]) -> PyTree:
        """`gradients`, scaled so that their global norm (given as `norm`) is at most `clip`."""
        if self.clip is None:
            return gradients
        factor = jnp.minimum(1.0, self.clip / jnp.maximum(norm, 1e-30))
        return jax.tree.map(lambda leaf: leaf * factor, gradients)

    @abstractmethod
    def direction(self) -> optax.GradientTransformation:
        """The update before it is multiplied by minus the learning rate."""


OPTIMIZERS: Family[Optimizer] = Family("optimizer")


@OPTIMIZERS.register("adamw")
class AdamW(Optimizer):
    """Adam with decoupled weight decay on matrices (leaves of two or more axes)."""

    reference = "Loshchilov & Hutter 2017, arXiv:1711.05101"

    b1: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.9
    """Decay of the first moment per step."""
    b2: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.999
    """Decay of the second moment per step."""
    eps: Annotated[float, Lane(), Field(gt=0)] = 1e-8
    """Added to the root of the second moment."""
    weight_decay: Annotated[float, Lane(), Field(ge=0)] = 0.0
    """Share of each matrix that is removed per step, times the learning rate."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        return optax.chain(
            optax.scale_by_adam(b1=self.b1, b2=self.b2, eps=self.eps),
            optax.add_decayed_weights(self.weight_decay, mask=_matrices),
        )


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent with heavy-ball momentum."""

    reference = "Polyak 1964; Sutskever et al., ICML 2013"

    momentum: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.0
    """Decay of the accumulated gradient per step."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        return optax.trace(decay=self.momentum)


def _matrices(parameters: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf.ndim >= 2, parameters)
