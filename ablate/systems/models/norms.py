"""Norms of the residual stream, and of queries and keys."""

from abc import abstractmethod
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from ablate.core import Family
from ablate.systems.component import Component
from ablate.systems.derivatives import derivative, on_cpu

HeadNorm = Literal["per_head", "per_head_learned", "whole", "none"]
_HEAD_EPS = 1e-6


class Norm(Component):
    """What a branch of a transformer does to the residual stream before it reads it."""

    def init(self, width: int) -> Float[Array, " D"] | None:
        """The trainable weight, or None."""
        return None

    @abstractmethod
    def apply(
        self, weight: Float[Array, " D"] | None, rows: Float[Array, "B*T D"], batch: int
    ) -> Float[Array, "B*T D"]:
        """The normalised rows, in their own dtype.

        Args:
            weight: what `init` returned, or a trained version of it.
            rows: every position of every example.
            batch: examples B.
        """


NORMS: Family[Norm] = Family("norm")


@NORMS.register("none")
class NoNorm(Norm):
    """Nothing is normalised."""

    def apply(
        self, weight: Float[Array, " D"] | None, rows: Float[Array, "B*T D"], batch: int
    ) -> Float[Array, "B*T D"]:
        """See `Norm.apply`."""
        return rows


class Scaled(Norm):
    """A norm in float32 over chosen numbers, with or without a trainable weight."""

    eps: Annotated[float, Field(gt=0)] = 1e-6
    """Added to the mean square, so that zeros stay zeros."""
    axis: Literal["token", "block"] = "token"
    """What is normalised together: the D numbers of one position, or all T x D numbers of an example. The second lets
    every position see the future; it was an early bug of journal A."""
    weight: Literal["none", "learned"] = "none"
    """Whether each of the D numbers is multiplied by a trained weight, which starts at 1."""

    def init(self, width: int) -> Float[Array, " D"] | None:
        """See `Norm.init`."""
        return jnp.ones(width) if self.weight == "learned" else None

    def apply(
        self, weight: Float[Array, " D"] | None, rows: Float[Array, "B*T D"], batch: int
    ) -> Float[Array, "B*T D"]:
        """See `Norm.apply`."""
        values = rows.astype(jnp.float32)
        values = self.normalise(values if self.axis == "token" else values.reshape(batch, -1)).reshape(rows.shape)
        return (values if weight is None else values * weight[None]).astype(rows.dtype)

    @abstractmethod
    def normalise(self, values: Float[Array, "... N"]) -> Float[Array, "... N"]:
        """Each row of `values`, normalised over its last axis."""


@NORMS.register("rms")
class RMSNorm(Scaled):
    """x / sqrt(mean(x**2) + eps)."""

    reference = "Zhang & Sennrich 2019, arXiv:1910.07467"

    def normalise(self, values: Float[Array, "... N"]) -> Float[Array, "... N"]:
        """See `Scaled.normalise`."""
        return _scaled_to_one(values, self.eps)


@NORMS.register("layer")
class LayerNorm(Scaled):
    """(x - mean(x)) / sqrt(variance(x) + eps), without a bias."""

    reference = "Ba, Kiros & Hinton 2016, arXiv:1607.06450"

    def normalise(self, values: Float[Array, "... N"]) -> Float[Array, "... N"]:
        """See `Scaled.normalise`."""
        return _standardized(values, self.eps)


def head_norm(
    kind: HeadNorm, weights: tuple[Float[Array, " d"] | None, ...], heads: Float[Array, "B*T n*H d"], batch: int
) -> tuple[Float[Array, "B*T H d"], ...]:
    """LayerNorm of queries, of keys, or of n such things side by side.

    Normalised together are the d numbers of a head, or (``whole``) all numbers that an example has of one thing.

    Args:
        kind: which norm.
        weights: of each thing, what its d numbers are multiplied by then, if anything.
        heads: every head of every position of every example.
        batch: examples B.
    """
    count, size = len(weights), heads.shape[-1]
    if kind == "none":
        return tuple(jnp.split(heads, count, axis=1))
    values = heads.astype(jnp.float32)
    if kind == "whole":
        apart = (values.reshape(batch, -1) for values in jnp.split(values, count, axis=1))
        parts = [_standardized(one, _HEAD_EPS).reshape(heads.shape[0], -1, size) for one in apart]
    else:
        parts = jnp.split(_standardized(values, _HEAD_EPS), count, axis=1)
    return tuple(
        (part if weight is None else part * weight[None, None]).astype(heads.dtype)
        for part, weight in zip(parts, weights, strict=True)
    )


# JAX would find derivatives with two sums of which one waits for the other.


def _scaled_forward(values: Array, eps: float | Array) -> tuple[Array, tuple[Array, Array]]:
    factor = jax.lax.rsqrt(_mean(jnp.square(values)) + eps)
    return values * factor, (values * factor, factor)


def _scaled_backward(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    normed, factor = kept
    shared = slope * normed
    return factor * (slope - normed * _mean(shared)), -0.5 * jnp.sum(shared * factor**2)


@derivative(_scaled_forward, _scaled_backward)
def _scaled_to_one(values: Float[Array, "... N"], eps: float | Float[Array, ""]) -> Float[Array, "... N"]:
    """``x / sqrt(mean(x**2) + eps)``."""
    return _scaled_forward(values, eps)[0]


def _standardized_forward(values: Array, eps: float | Array) -> tuple[Array, tuple[Array, Array]]:
    return _scaled_forward(values - _mean(values), eps)


def _standardized_backward(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
    return _scaled_backward(kept, slope - _mean(slope))


@derivative(_standardized_forward, _standardized_backward)
def _standardized(values: Float[Array, "... N"], eps: float | Float[Array, ""]) -> Float[Array, "... N"]:
    """``(x - mean(x)) / sqrt(variance(x) + eps)``."""
    return _standardized_forward(values, eps)[0]


def _mean(values: Float[Array, "... N"]) -> Float[Array, "... 1"]:
    """On a CPU by a product with a vector: XLA sums over a short last axis slowly."""
    if not on_cpu():
        return jnp.mean(values, -1, keepdims=True)
    size = values.shape[-1]
    return values @ jnp.full((size, 1), 1 / size)
