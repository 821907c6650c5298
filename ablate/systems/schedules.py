"""Learning-rate schedules, as factors of the learning rate."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float, Int
from pydantic import Field

from ablate.core import Family, Lane

from .component import Component

Factor = Callable[[Int[Array, ""]], Float[Array, ""]]


class Schedule(Component):
    """What multiplies the learning rate at each step.

    A schedule has its own horizon and never reads ``train.steps``: training 500 steps and then 500 more is the same
    as 1000 at once.
    """

    @abstractmethod
    def build(self) -> Factor:
        """The factor (dimensionless) as a function of the number of finished updates."""


SCHEDULES: Family[Schedule] = Family("schedule")


@SCHEDULES.register("constant")
class Constant(Schedule):
    """Always 1."""

    def build(self) -> Factor:
        """See `Schedule.build`."""
        return lambda step: jnp.ones((), jnp.float32)


@SCHEDULES.register("warmup_cosine")
class WarmupCosine(Schedule):
    """Linear from 0 to 1 over the warmup, then half a cosine down to `final` at the horizon, constant after it."""

    reference = "Loshchilov & Hutter 2016, arXiv:1608.03983"

    warmup: Annotated[int, Lane(), Field(ge=0)] = 100
    """Length of the warmup, in steps."""
    horizon: Annotated[int, Lane(), Field(gt=0)] = 1000
    """Step at which the factor reaches `final`, warmup included."""
    final: Annotated[float, Lane(), Field(ge=0)] = 0.1
    """Factor from the horizon on."""

    def build(self) -> Factor:
        """See `Schedule.build`."""

        def factor(step: Int[Array, ""]) -> Float[Array, ""]:
            done = step.astype(jnp.float32)
            rise = (done + 1) / jnp.maximum(self.warmup, 1)
            progress = jnp.clip((done - self.warmup) / jnp.maximum(self.horizon - self.warmup, 1), 0, 1)
            fall = self.final + (1 - self.final) * 0.5 * (1 + jnp.cos(jnp.pi * progress))
            return jnp.where(done < self.warmup, rise, fall)

        return factor


@SCHEDULES.register("linear_cooldown")
class LinearCooldown(Schedule):
    """Linear from 0 to 1 over the warmup, constant, then linear down to `final` at the horizon, constant after it."""

    reference = "Hägele et al. 2024, arXiv:2405.18392"

    warmup: Annotated[int, Lane(), Field(ge=0)] = 0
    """Length of the warmup, in steps."""
    horizon: Annotated[int, Lane(), Field(gt=0)] = 1000
    """Step at which the factor reaches `final`."""
    cooldown: Annotated[float, Lane(), Field(gt=0, le=1)] = 0.7
    """Share of the horizon over which the factor falls."""
    final: Annotated[float, Lane(), Field(ge=0)] = 0.0
    """Factor from the horizon on."""

    def build(self) -> Factor:
        """See `Schedule.build`."""

        def factor(step: Int[Array, ""]) -> Float[Array, ""]:
            done = step.astype(jnp.float32)
            rise = jnp.minimum((done + 1) / jnp.maximum(self.warmup, 1), 1)
            left = jnp.clip((self.horizon - done) / (self.cooldown * self.horizon), 0, 1)
            return rise * (self.final + (1 - self.final) * left)

        return factor
