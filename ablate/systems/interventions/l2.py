"""Quadratic penalties: `l2` towards 0, `l2_init` towards the initial parameters."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import jax
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from ablate.core import Lane

from .base import INTERVENTIONS, Intervention, Moment, Setting
from .leaves import Leaves, chosen_leaves


class Penalty(Intervention):
    """``strength`` times a sum of squares is added to the loss; the recorded loss does not contain it."""

    at = "loss"
    neutral: ClassVar[Mapping[str, float]] = {"strength": 0.0}

    strength: Annotated[float, Lane(), Field(ge=0)] = 1e-4
    """Factor of the sum of squares."""
    leaves: Leaves = "all"
    """Parameters that count: all of them, biases and embeddings too; matrices; the projections to queries, keys and
    values; or all but those that hidden units are computed from, which resets take care of."""

    def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
        """See `Intervention.update`."""
        chosen = chosen_leaves(self.leaves, moment.setting.model, moment.parameters)
        slopes = self.slopes(state, moment.parameters)
        gradients = jax.tree.map(
            lambda is_meant, gradient, slope: gradient + 2 * self.strength * slope if is_meant else gradient,
            chosen,
            moment.gradients,
            slopes,
        )
        return state, replace(moment, gradients=gradients)

    @abstractmethod
    def slopes(self, state: Any, parameters: PyTree[Float[Array, "..."]]) -> PyTree[Float[Array, "..."]]:
        """Half the gradient of the sum of squares."""


@INTERVENTIONS.register("l2")
class L2(Penalty):
    """strength * sum(p**2) is added to the loss; unlike weight decay, the optimiser sees its gradient.

    The recorded training loss does not contain it; the recorded norm of the gradient does.
    """

    reference = "Krogh & Hertz, NeurIPS 1991; journal B of the shipped systems"

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> tuple[()]:
        """See `Intervention.init`."""
        chosen_leaves(self.leaves, setting.model, parameters)
        return ()

    def slopes(self, state: tuple[()], parameters: PyTree[Float[Array, "..."]]) -> PyTree[Float[Array, "..."]]:
        """See `Penalty.slopes`."""
        return parameters


@INTERVENTIONS.register("l2_init")
class L2Init(Penalty):
    """strength * sum((p - p0)**2) is added to the loss, with p0 the parameters that the run started from.

    The recorded training loss does not contain it; the recorded norm of the gradient does.
    """

    reference = "Kumar, Marklund & Van Roy 2023, arXiv:2308.11958"

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> PyTree[Float[Array, "..."]]:
        """See `Intervention.init`. The initial parameters."""
        chosen_leaves(self.leaves, setting.model, parameters)
        return parameters

    def slopes(
        self, state: PyTree[Float[Array, "..."]], parameters: PyTree[Float[Array, "..."]]
    ) -> PyTree[Float[Array, "..."]]:
        """See `Penalty.slopes`."""
        return jax.tree.map(lambda leaf, start: leaf - start, parameters, state)
