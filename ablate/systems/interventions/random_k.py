"""`random_k`: the control for interventions that reset chosen units."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
from pydantic import Field, field_validator

from ablate.core import Lane, Problem, refuse
from ablate.systems.streams import stream

from .base import INTERVENTIONS, Intervention, Moment, Setting
from .redo import ReDo
from .resets import Chosen, Reset


@INTERVENTIONS.register("random_k")
class RandomK(Reset):
    """Random hidden units are reset, as many as another intervention would reset, and at the same updates.

    What that other one does beyond the choice of the units is the same, so the difference between the two is what the
    choice is worth.
    """

    reference = "the control that journal B of the shipped systems lacks"
    neutral: ClassVar[Mapping[str, float]] = {"count": 0.0}

    like: Annotated[Intervention, INTERVENTIONS] = ReDo()
    """The intervention that it is a control for: one that resets units."""
    count: Annotated[float | None, Lane(), Field(ge=0)] = None
    """Units of each layer, at updates at which `like` would reset any of it. Nothing: as many as it would."""

    @field_validator("like")
    @classmethod
    def _resets_units(cls, like: Intervention) -> Intervention:
        if not isinstance(like, Reset):
            raise refuse(Problem(f"{like.kind} resets no units", "bad-value"))
        return like

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> PyTree[Array]:
        """See `Intervention.init`."""
        super().init(setting, parameters)
        return self.like.init(setting, parameters)

    def choose(self, state: Any, moment: Moment) -> tuple[Any, Chosen]:
        """See `Reset.choose`."""
        assert isinstance(self.like, Reset)
        state, others = self.like.choose(state, moment)
        chosen = {}
        for name, mask in others.items():
            wanted = jnp.sum(mask) if self.count is None else jnp.where(jnp.any(mask), self.count, 0.0)
            lots = jax.random.uniform(stream(moment.key, "lots", name), mask.shape)
            places = jnp.argsort(jnp.argsort(lots)).astype(jnp.float32)
            chosen[name] = places < wanted
        return state, chosen
