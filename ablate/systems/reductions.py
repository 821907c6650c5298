"""One number of a whole tree of arrays, in the form that XLA makes the fastest CPU code of.

For one lane alone, a sum is a product with ones (or zeros): XLA's own reductions of a matrix that stays in the cache
take several times as long, and a tenth of an update of a small network was spent in them. Of batched lanes, the
quarters of each array are added first, in the loop that also squares them. See docs, performance.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Inexact, PyTree

from .derivatives import on_cpu

Leaves = list[Inexact[Array, "..."]]

_FEW = 16
"""Smaller quarters are not added on their own."""


def norm(tree: PyTree[Array]) -> Float[Array, ""]:
    """The Euclidean norm of all numbers of a tree. Not to be differentiated."""
    leaves = _numbers(tree)
    return _norm(leaves) if leaves else jnp.zeros(())


def all_finite(tree: PyTree[Array]) -> Bool[Array, ""]:
    """Whether no number of a tree is NaN or infinite."""
    leaves = _numbers(tree)
    return _all_finite(leaves) if leaves else jnp.asarray(True)


def _numbers(tree: PyTree[Array]) -> Leaves:
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact) and leaf.size]


def _in_lanes(
    plain: Callable[[Leaves], Array], batched: Callable[[Leaves], Array]
) -> Callable[[Callable[[Leaves], Array]], Callable[[Leaves], Array]]:
    """A decorator: a function for one lane on a CPU; `batched` where `jax.vmap` batches lanes, `plain` elsewhere."""

    def decorate(alone: Callable[[Leaves], Array]) -> Callable[[Leaves], Array]:
        special = jax.custom_batching.custom_vmap(alone)

        @special.def_vmap
        def _(size: int, has_lanes: list[list[bool]], leaves: Leaves) -> tuple[Array, bool]:
            axes = [0 if is_batched else None for is_batched in has_lanes[0]]
            return jax.vmap(batched, (axes,), axis_size=size)(leaves), True

        return lambda leaves: special(leaves) if on_cpu() else plain(leaves)

    return decorate


def _sum(leaf: Inexact[Array, "..."]) -> Inexact[Array, ""]:
    """Quarter by quarter first: XLA makes a fast loop of that, and only a quarter is left to a reduction."""
    numbers, size = leaf.reshape(-1), leaf.size // 4
    if size < _FEW:
        return jnp.sum(numbers)
    first, second, third, fourth = numbers[: 4 * size].reshape(4, size)
    return jnp.sum(first + second + third + fourth) + jnp.sum(numbers[4 * size :])


def _weighted_sum(leaf: Inexact[Array, "..."], weight: float) -> Inexact[Array, ""]:
    rows = leaf.reshape(-1, leaf.shape[-1] if leaf.ndim else 1)
    return jnp.sum(jnp.dot(rows, jnp.full(rows.shape[1], weight, leaf.dtype), precision="highest"))


def _squared(leaf: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    return jnp.real(leaf * jnp.conj(leaf))


@_in_lanes(optax.tree.norm, lambda leaves: jnp.sqrt(jnp.sum(jnp.stack([_sum(_squared(leaf)) for leaf in leaves]))))
def _norm(leaves: Leaves) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(jnp.stack([_weighted_sum(_squared(leaf), 1.0) for leaf in leaves])))


@_in_lanes(
    lambda leaves: jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])),
    lambda leaves: jnp.all(jnp.isfinite(jnp.stack([_sum(leaf * 0.0) for leaf in leaves]))),
)
def _all_finite(leaves: Leaves) -> Bool[Array, ""]:
    """Zero times a number is zero, unless that is NaN or infinite."""
    return jnp.all(jnp.isfinite(jnp.stack([_weighted_sum(leaf, 0.0) for leaf in leaves])))
