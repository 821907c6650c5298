"""Optimisers: optax transformations whose hyperparameters are lane fields."""

import math
from abc import abstractmethod
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PyTree
from optax import contrib
from pydantic import Field

from ablate.core import Added, Family, Lane

from .component import Component
from .joined import joined
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
        """The update before it is multiplied by minus the learning rate; `joined` if it treats each number alone."""


OPTIMIZERS: Family[Optimizer] = Family("optimizer")


class Decaying(Optimizer):
    """An optimiser with decoupled weight decay."""

    weight_decay: Annotated[float, Lane(), Field(ge=0)] = 0.0
    """Share of each decayed parameter that is removed per step, times the schedule's factor and (coupled) `lr`."""
    decay: Annotated[Literal["coupled", "independent"], Added()] = "coupled"
    """Whether weight decay is multiplied by the learning rate, as in PyTorch, or only by the schedule's factor, as the
    paper of AdamW has it."""
    decayed: Annotated[Literal["matrices", "hidden", "all"], Added()] = "matrices"
    """What decays: leaves of two or more axes; of these, those that are no embedding and no position; or everything."""

    def build(self) -> optax.GradientTransformation:
        """See `Optimizer.build`."""
        factor = self.schedule.build()
        mask = {"matrices": _matrices, "hidden": _hidden, "all": None}[self.decayed]
        scaled = optax.scale_by_schedule(lambda count: -self.lr * factor(count))
        if self.decay == "coupled":
            decay = optax.add_decayed_weights(self.weight_decay, mask)
            return optax.chain(optax.chain(self.direction(), decay), scaled)
        decay = optax.add_decayed_weights(lambda count: -self.weight_decay * factor(count), mask)
        return optax.chain(self.direction(), scaled, decay)


@OPTIMIZERS.register("adam")
class Adam(Optimizer):
    """Adam, without weight decay."""

    reference = "Kingma & Ba 2014, arXiv:1412.6980"

    b1: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.9
    """Decay of the first moment per step."""
    b2: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.999
    """Decay of the second moment per step."""
    eps: Annotated[float, Lane(), Field(gt=0)] = 1e-8
    """Added to the root of the second moment."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        return joined(optax.scale_by_adam(b1=self.b1, b2=self.b2, eps=self.eps))


@OPTIMIZERS.register("adamw")
class AdamW(Decaying, Adam):
    """Adam with decoupled weight decay, by default on matrices."""

    reference = "Loshchilov & Hutter 2017, arXiv:1711.05101"


@OPTIMIZERS.register("lion")
class Lion(Decaying):
    """The sign of an interpolation between the gradient and its running mean. Wants a smaller rate than Adam."""

    reference = "Chen et al. 2023, arXiv:2302.06675"

    b1: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.9
    """Weight of the running mean in the interpolation."""
    b2: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.99
    """Decay of the running mean per step."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        return joined(optax.scale_by_lion(b1=self.b1, b2=self.b2))


@OPTIMIZERS.register("muon")
class Muon(Decaying):
    """Orthogonalised momentum for matrices that are no embedding and no position; Adam for everything else.

    Each orthogonal update ``[fan_in, fan_out]`` is multiplied by sqrt(max(1, fan_out / fan_in)). The matrix of
    queries, keys and values counts as one.
    """

    reference = "Jordan et al. 2024, kellerjordan.github.io/posts/muon"

    momentum: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.95
    """Decay of the momentum per step; Nesterov's form."""
    newton_schulz: Annotated[int, Field(ge=1)] = 5
    """Iterations of the orthogonalisation."""
    adam_lr: Annotated[float, Lane(), Field(ge=0)] = 0.1
    """Learning rate of everything else, in units of `lr`."""
    adam_b1: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.9
    """Decay of Adam's first moment per step."""
    adam_b2: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.95
    """Decay of Adam's second moment per step."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        muon = contrib.scale_by_muon(
            beta=self.momentum, ns_steps=self.newton_schulz, weight_dimension_numbers=_one_matrix_each
        )
        adam = optax.chain(
            joined(optax.scale_by_adam(b1=self.adam_b1, b2=self.adam_b2)),
            optax.stateless(lambda tree, _: self._slowed(tree)),
        )
        return optax.partition(
            {"muon": optax.chain(muon, optax.stateless(lambda tree, _: jax.tree.map(_shaped, tree))), "adam": adam},
            lambda tree: jax.tree.map(lambda is_hidden: "muon" if is_hidden else "adam", _hidden(tree)),
        )

    def _slowed(self, updates: PyTree) -> PyTree:
        return jax.tree.map(lambda leaf: self.adam_lr * leaf, updates)


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent with heavy-ball momentum."""

    reference = "Polyak 1964; Sutskever et al., ICML 2013"

    momentum: Annotated[float, Lane(), Field(ge=0, lt=1)] = 0.0
    """Decay of the accumulated gradient per step."""

    def direction(self) -> optax.GradientTransformation:
        """See `Optimizer.direction`."""
        return joined(optax.trace(decay=self.momentum))


def _matrices(parameters: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf.ndim >= 2, parameters)


def _hidden(parameters: PyTree) -> PyTree:
    """True for matrices whose path in the parameters names neither an embedding nor a position."""

    def is_hidden(path: tuple[Any, ...], leaf: Array) -> bool:
        name = jax.tree_util.keystr(path)
        return leaf.ndim >= 2 and "embedding" not in name and "position" not in name

    return jax.tree_util.tree_map_with_path(is_hidden, parameters)


def _one_matrix_each(updates: PyTree) -> PyTree:
    return jax.tree.map(lambda _: contrib.MuonDimensionNumbers(), updates)


def _shaped(update: Float[Array, "fan_in fan_out"]) -> Float[Array, "fan_in fan_out"]:
    fan_in, fan_out = update.shape
    return math.sqrt(max(1.0, fan_out / fan_in)) * update
