"""`redo`: recycling dormant neurons."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from pydantic import Field

from ablate.core import Lane
from ablate.systems.streams import stream

from .base import INTERVENTIONS, Moment
from .resets import Chosen, Reset

_TINY = 1e-9


@INTERVENTIONS.register("redo")
class ReDo(Reset):
    """Hidden units that are hardly active are reset: fresh incoming weights, outgoing weights 0, moments 0.

    A unit's score is its mean absolute activation on the training batch, divided by what `formulation` says.
    """

    reference = "Sokar, Agarwal, Castro & Evci 2023, arXiv:2302.12902; as run in journal B"
    neutral: ClassVar[Mapping[str, float]] = {"threshold": -1.0}

    threshold: Annotated[float, Lane()] = 0.025
    """Units with a score up to this are reset. Below 0 none is."""
    every: Annotated[float, Lane(), Field(ge=1)] = 100.0
    """Updates from one reset to the next: `canonical` exactly, `as_run` on average, because each update resets with
    probability 1/every."""
    formulation: Literal["canonical", "as_run"] = "canonical"
    """Scores are divided by the mean over the layer, as in the paper, or by the sum, as journal B did, which makes a
    threshold mean the number of units times as much."""

    def is_due(self, moment: Moment) -> Bool[Array, ""]:
        """Whether this update resets."""
        if self.formulation == "as_run":
            return jax.random.uniform(stream(moment.key, "due")) * self.every < 1
        return jnp.mod(moment.step + 1, self.every) == 0

    def choose(self, state: tuple[()], moment: Moment) -> tuple[tuple[()], Chosen]:
        """See `Reset.choose`."""
        due = self.is_due(moment)
        return state, {
            units.tap: due & (self.scores(moment.activations[units.tap]) <= self.threshold)
            for units in moment.setting.model.resettable()
        }

    def scores(self, activations: Float[Array, "... F"]) -> Float[Array, " F"]:
        """The activity of each unit in relation to its layer."""
        activity = jnp.mean(jnp.abs(activations), axis=tuple(range(activations.ndim - 1)))
        whole = jnp.sum(activity) if self.formulation == "as_run" else jnp.mean(activity)
        return activity / (whole + _TINY)
