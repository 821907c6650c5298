"""Input embeddings: looking symbols up, and giving them to the blocks again."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

_MOST_ONE_HOT = 1024
"""Up to this many symbols, embedding by a matrix product beats a gather, whose backward is a scatter-add."""


class ValueEmbedding(eqx.Module):
    """A table whose rows attention mixes into the values of one block."""

    embedding: Float[Array, "V D"]
    mixing: Float[Array, " 2"]
    """Weights of the block's own values and of the table's; both start at 1/2."""


def embed(table: Float[Array, "V D"], symbols: Int[Array, " N"]) -> Float[Array, "N D"]:
    """Row ``symbols[n]`` of the table, for each n."""
    count = table.shape[0]
    return jax.nn.one_hot(symbols, count, dtype=table.dtype) @ table if count <= _MOST_ONE_HOT else table[symbols]


def fresh_mixing(sources: int) -> Float[Array, " 1+sources"]:
    """Initial weights of `mix`: the residual stream alone."""
    return jnp.zeros(1 + sources).at[0].set(1)


def mix(
    weights: Float[Array, " 1+n"], residual: Float[Array, "N D"], sources: Sequence[Float[Array, "N D"]]
) -> Float[Array, "N D"]:
    """``weights[0] * residual + weights[1] * sources[0] + ...``, in the dtype of the residual stream."""
    factors = weights.astype(residual.dtype)
    return sum((factors[i + 1] * source for i, source in enumerate(sources)), factors[0] * residual)


def fresh_value_embedding(key: Key[Array, ""], symbols: int, width: int) -> ValueEmbedding:
    """A table from N(0, 1), mixed in half and half."""
    return ValueEmbedding(jax.random.normal(key, (symbols, width)), jnp.full(2, 0.5))
