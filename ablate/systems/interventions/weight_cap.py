"""`weight_cap`: no parameter grows beyond a bound."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from ablate.core import Lane

from .base import INTERVENTIONS, Intervention, Moment, Setting
from .leaves import Leaves, chosen_leaves


@INTERVENTIONS.register("weight_cap")
class WeightCap(Intervention):
    """After each update, parameters beyond the cap are set to it, with their sign. What is not a number stays so."""

    reference = "journal D of the shipped systems"
    at = "update"
    neutral: ClassVar[Mapping[str, float]] = {"cap": 3e38}

    cap: Annotated[float, Lane(), Field(gt=0)] = 16.0
    """Largest absolute value."""
    leaves: Leaves = "all"
    """Parameters that are capped; as in `l2`."""

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> tuple[()]:
        """See `Intervention.init`."""
        chosen_leaves(self.leaves, setting.model, parameters)
        return ()

    def update(self, state: tuple[()], moment: Moment) -> tuple[tuple[()], Moment]:
        """See `Intervention.update`."""
        chosen = chosen_leaves(self.leaves, moment.setting.model, moment.parameters)
        parameters = jax.tree.map(
            lambda is_meant, leaf: jnp.clip(leaf, -self.cap, self.cap) if is_meant else leaf, chosen, moment.parameters
        )
        return state, replace(moment, parameters=parameters)
