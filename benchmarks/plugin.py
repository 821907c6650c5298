"""The problem of the MLP grids: points of ten classes that a fixed random network tells apart, with noise."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from pydantic import Field

from ablate.core import Metric
from ablate.systems import PROBLEMS, Batch, Problem, Shapes

INPUTS, CLASSES, EXAMPLES, VALIDATION = 32, 10, 4096, 512


class Points(NamedTuple):
    """Both splits."""

    train: Batch
    validation: Batch


@PROBLEMS.register("benchmark_points")
class BenchmarkPoints(Problem):
    """Tell ten classes of points in 32 dimensions apart. Synthetic; for measuring speed."""

    metrics = (
        Metric("loss", "minimize", "nats", "Mean cross-entropy."),
        Metric("scale", "minimize", "dimensionless", "Mean absolute logit."),
    )

    batch: Annotated[int, Field(gt=0)] = 64
    """Points per step, drawn with replacement."""

    def load(self) -> Points:
        """See `Problem.load`."""
        generator = np.random.default_rng(0)
        hidden, out = generator.standard_normal((INPUTS, 64)), generator.standard_normal((64, CLASSES))

        def draw(count: int) -> Batch:
            inputs = generator.standard_normal((count, INPUTS))
            scores = np.tanh(inputs @ hidden / 4) @ out + generator.standard_normal((count, CLASSES))
            return Batch(jnp.asarray(inputs, jnp.float32), jnp.asarray(scores.argmax(-1), jnp.int32))

        return Points(draw(EXAMPLES), draw(VALIDATION))

    def shapes(self) -> Shapes:
        """See `Problem.shapes`."""
        return Shapes(inputs=(INPUTS,), outputs=(CLASSES,))

    def rows(self, key: Key[Array, ""]) -> Int[Array, " B"]:
        """Which points make a batch."""
        return jax.random.randint(key, (self.batch,), 0, EXAMPLES)

    def sample(self, data: Points, key: Key[Array, ""]) -> Batch:
        """Points ``[B, 32]`` and classes ``[B]``."""
        rows = self.rows(key)
        return Batch(data.train.inputs[rows], data.train.targets[rows])

    def validation(self, data: Points) -> Batch:
        """See `Problem.validation`."""
        return Batch(data.validation.inputs[None], data.validation.targets[None])

    def loss(self, outputs: Float[Array, "B C"], targets: Int[Array, " B"]) -> Float[Array, ""]:
        """Mean cross-entropy, nats."""
        right = jnp.sum(outputs * jax.nn.one_hot(targets, CLASSES), -1)
        return jnp.mean(jax.nn.logsumexp(outputs, -1) - right)

    def measure(self, outputs: Float[Array, "B C"], targets: Int[Array, " B"]) -> dict[str, Float[Array, ""]]:
        """See `Problem.measure`."""
        return {"loss": self.loss(outputs, targets), "scale": jnp.mean(jnp.abs(outputs))}
