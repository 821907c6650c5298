"""`update_clip`: no parameter moves further than a bound in one update."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from ablate.core import Lane

from .base import INTERVENTIONS, Intervention, Moment


@INTERVENTIONS.register("update_clip")
class UpdateClip(Intervention):
    """A parameter that one update would move further than the limit moves by the limit. What is not a number stays so.

    The learning rate, weight decay and everything else that the optimiser does are part of that update.
    """

    reference = "journal D of the shipped systems"
    at = "update"
    neutral: ClassVar[Mapping[str, float]] = {"limit": 3e38}

    limit: Annotated[float, Lane(), Field(gt=0)] = 1.0
    """Largest absolute change of a parameter in one update."""

    def update(self, state: tuple[()], moment: Moment) -> tuple[tuple[()], Moment]:
        """See `Intervention.update`."""

        def bounded(leaf: Float[Array, "..."], before: Float[Array, "..."]) -> Float[Array, "..."]:
            moved = leaf - before
            return jnp.where(jnp.abs(moved) > self.limit, before + jnp.sign(moved) * self.limit, leaf)

        return state, replace(moment, parameters=jax.tree.map(bounded, moment.parameters, moment.before))
