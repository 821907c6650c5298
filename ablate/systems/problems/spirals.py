"""Two interleaved spirals: a classification problem of milliseconds."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from pydantic import Field

from ablate.core import Metric

from .base import PROBLEMS, Batch, Problem, Shapes


class Points(NamedTuple):
    """Points of the plane and their class, for both splits."""

    train: Batch
    validation: Batch


@PROBLEMS.register("spirals")
class Spirals(Problem):
    """Tell two interleaved noisy spirals apart. Synthetic; for tests and for trying things out."""

    reference = "Lang & Witbrock, Connectionist Models Summer School 1988"
    metrics = (
        Metric("loss", "minimize", "nats", "Mean cross-entropy."),
        Metric("accuracy", "maximize", "share", "Share of points on the right side."),
    )

    points: Annotated[int, Field(gt=0)] = 512
    """Points in each split."""
    turns: Annotated[float, Field(gt=0)] = 1.5
    """Length of each spiral, in turns."""
    noise: Annotated[float, Field(ge=0)] = 0.02
    """Standard deviation of the noise; the spirals have radius 1."""
    batch: Annotated[int, Field(gt=0)] = 64
    """Points per step, drawn with replacement."""

    def load(self) -> Points:
        """See `Problem.load`."""
        return Points(self._draw(0), self._draw(1))

    def shapes(self) -> Shapes:
        """See `Problem.shapes`."""
        return Shapes(inputs=(2,), outputs=(2,))

    def sample(self, data: Points, key: Key[Array, ""]) -> Batch:
        """Points ``[B, 2]`` and classes ``[B]``."""
        rows = jax.random.randint(key, (self.batch,), 0, self.points)
        return Batch(data.train.inputs[rows], data.train.targets[rows])

    def validation(self, data: Points) -> Batch:
        """See `Problem.validation`."""
        return Batch(data.validation.inputs[None], data.validation.targets[None])

    def consumes(self) -> dict[str, int]:
        """See `Problem.consumes`."""
        return {"points": self.batch}

    def loss(self, outputs: Float[Array, "B 2"], targets: Int[Array, " B"]) -> Float[Array, ""]:
        """Mean cross-entropy, nats."""
        right = jnp.sum(outputs * jax.nn.one_hot(targets, 2), -1)
        return jnp.mean(jax.nn.logsumexp(outputs, -1) - right)

    def measure(self, outputs: Float[Array, "B 2"], targets: Int[Array, " B"]) -> dict[str, Float[Array, ""]]:
        """See `Problem.measure`."""
        hits = jnp.argmax(outputs, -1) == targets
        return {"loss": self.loss(outputs, targets), "accuracy": jnp.mean(hits.astype(jnp.float32))}

    def _draw(self, split: int) -> Batch:
        generator = np.random.default_rng(split)
        targets = np.arange(self.points) % 2
        radius = np.sqrt(generator.uniform(0.01, 1, self.points))
        angle = radius * self.turns * 2 * np.pi + targets * np.pi
        plane = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
        plane += self.noise * generator.standard_normal(plane.shape)
        return Batch(jnp.asarray(plane, jnp.float32), jnp.asarray(targets, jnp.int32))
