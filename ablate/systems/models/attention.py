"""Causal attention: how queries, keys and values become one mixed value per position."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int
from pydantic import Field

from ablate.core import Family
from ablate.systems.component import Component
from ablate.systems.products import product, product_float32
from ablate.systems.taps import is_collecting, tap

Drop = Callable[[Float[Array, "..."]], Float[Array, "..."]]
_MASKED = -1e30


class Attention(Component):
    """How each position looks back. Projections, norms and positions are the model's."""

    def refuses(self, history: float | None) -> str:
        """Why this history cannot be computed; empty if it can. Called while a grid is checked."""
        return ""

    @abstractmethod
    def mix(
        self,
        queries: Float[Array, "B H T d"],
        keys: Float[Array, "B H T d"],
        values: Float[Array, "B H T d"],
        *,
        scale: float | Float[Array, ""],
        history: float | Float[Array, ""] | None,
        drop: Drop,
    ) -> Float[Array, "B T H d"]:
        """The mixed values.

        Args:
            queries: of position t, which sees the keys of positions s with ``0 <= t - s < history``.
            keys: like the queries.
            values: like the queries.
            scale: multiplies the scores.
            history: positions that are seen, the own one included, perhaps traced; None: all that are past.
            drop: dropout, to be applied to the attention weights.
        """


ATTENTIONS: Family[Attention] = Family("attention")


@ATTENTIONS.register("masked")
class Masked(Attention):
    """All T x T scores are computed, and those that must not be seen are masked."""

    reference = "Vaswani et al. 2017, arXiv:1706.03762"

    def mix(
        self,
        queries: Float[Array, "B H T d"],
        keys: Float[Array, "B H T d"],
        values: Float[Array, "B H T d"],
        *,
        scale: float | Float[Array, ""],
        history: float | Float[Array, ""] | None,
        drop: Drop,
    ) -> Float[Array, "B T H d"]:
        """See `Attention.mix`."""
        length = queries.shape[2]
        scores = product_float32(queries, jnp.swapaxes(keys, -1, -2)) * scale
        seen = jnp.tril(jnp.ones((length, length), bool))
        if history is not None:
            seen &= _distances(length, length, 0).astype(jnp.float32) < history
        weights, sums = _softmax(scores, seen[None, None])
        if is_collecting():
            tap("attention", weights / sums)
        mixed = product(drop(weights).astype(values.dtype), values)
        mixed = (mixed.astype(jnp.float32) / sums).astype(values.dtype)
        return mixed.transpose(0, 2, 1, 3)  # an einsum into this order is slower on a CPU


@ATTENTIONS.register("local")
class Local(Attention):
    """Only the scores near the diagonal are computed: each block of positions sees itself and the block before it.

    Time and memory grow with ``context * block`` instead of ``context**2``; results equal those of `masked` to float
    tolerance, without dropout, whose mask has another shape here.
    """

    block: Annotated[int, Field(gt=0)] = 16
    """Positions in a block; at least the history."""

    def refuses(self, history: float | None) -> str:
        """See `Attention.refuses`."""
        if history is None:
            return "local attention needs a history"
        return f"history: {history} is more than block: {self.block}" if history > self.block else ""

    def mix(
        self,
        queries: Float[Array, "B H T d"],
        keys: Float[Array, "B H T d"],
        values: Float[Array, "B H T d"],
        *,
        scale: float | Float[Array, ""],
        history: float | Float[Array, ""] | None,
        drop: Drop,
    ) -> Float[Array, "B T H d"]:
        """See `Attention.mix`."""
        assert history is not None
        batch, heads, length, size = queries.shape
        mine = self._blocks(queries)
        near_keys, near_values = _with_previous(self._blocks(keys)), _with_previous(self._blocks(values))
        scores = product_float32(mine, jnp.swapaxes(near_keys, -1, -2)) * scale
        distances = _distances(self.block, 2 * self.block, self.block)
        seen = (distances >= 0) & (distances.astype(jnp.float32) < history)
        seen = seen[None] & _exists(mine.shape[2], self.block)
        weights, sums = _softmax(scores, seen[None, None])
        if is_collecting():
            tap("attention", (weights / sums).reshape(batch, heads, -1, 2 * self.block)[:, :, :length])
        mixed = product(drop(weights).astype(values.dtype), near_values)
        mixed = (mixed.astype(jnp.float32) / sums).astype(values.dtype)
        return mixed.reshape(batch, heads, -1, size).transpose(0, 2, 1, 3)[:, :length]

    def _blocks(self, heads: Float[Array, "B H T d"]) -> Float[Array, "B H n W d"]:
        batch, count, length, size = heads.shape
        padded = jnp.pad(heads, ((0, 0), (0, 0), (0, -length % self.block), (0, 0)))
        return padded.reshape(batch, count, -1, self.block, size)


def _softmax(
    scores: Float[Array, "... T S"], seen: Bool[Array, "... T S"]
) -> tuple[Float[Array, "... T S"], Float[Array, "... T 1"]]:
    """Attention weights before they are divided by their sums, and the sums.

    To divide what they mix, d numbers per position instead of S, is less work.
    """
    scores = jnp.where(seen, scores, _MASKED)
    weights = jnp.exp(scores - jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True)))
    return weights, jnp.sum(weights, axis=-1, keepdims=True)


def _with_previous(blocks: Float[Array, "B H n W d"]) -> Float[Array, "B H n 2*W d"]:
    """Each block behind the one before it; zeros before the first."""
    before = jnp.pad(blocks, ((0, 0), (0, 0), (1, 0), (0, 0), (0, 0)))[:, :, :-1]
    return jnp.concatenate([before, blocks], axis=3)


def _exists(blocks: int, width: int) -> Bool[Array, "n 1 2*W"]:
    """False for the zeros before the first block."""
    first, second = jnp.arange(blocks) > 0, jnp.ones((blocks, width), bool)
    return jnp.concatenate([jnp.repeat(first[:, None], width, axis=1), second], axis=1)[:, None]


def _distances(queries: int, keys: int, ahead: int) -> Int[Array, "t s"]:
    """How far key s lies before query t, when the queries start `ahead` positions after the keys."""
    return (ahead + jnp.arange(queries))[:, None] - jnp.arange(keys)[None]
