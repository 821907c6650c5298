"""`shrink_and_perturb`: parameters are pulled towards 0 and shaken."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

import jax
from pydantic import Field

from ablate.core import Lane

from .base import INTERVENTIONS, Intervention, Moment


@INTERVENTIONS.register("shrink_and_perturb")
class ShrinkAndPerturb(Intervention):
    """After every update, each parameter becomes p * parameter + sigma * fresh.

    ``fresh`` is a whole new draw of the initial parameters. So a weight that starts at 1, such as that of a norm, is
    drawn towards sigma / (1 - p).
    """

    reference = "Ash & Adams 2020, arXiv:1910.08475; after every update as in Kumar et al. 2023, arXiv:2308.11958"
    at = "step"
    neutral: ClassVar[Mapping[str, float]] = {"p": 1.0, "sigma": 0.0}

    p: Annotated[float, Lane(), Field(ge=0, le=1)] = 0.9999
    """Share of each parameter that stays."""
    sigma: Annotated[float, Lane(), Field(ge=0)] = 0.01
    """Factor of the fresh draw."""

    @property
    def redraws(self) -> bool:
        """See `Intervention.redraws`."""
        return True

    def update(self, state: tuple[()], moment: Moment) -> tuple[tuple[()], Moment]:
        """See `Intervention.update`."""
        fresh = moment.setting.fresh(moment.key)
        parameters = jax.tree.map(lambda leaf, noise: self.p * leaf + self.sigma * noise, moment.parameters, fresh)
        return state, replace(moment, parameters=parameters)
