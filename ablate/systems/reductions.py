"""One number of a whole tree of arrays, in the form that XLA makes the fastest CPU code of.

A sum is a product with ones (or zeros): XLA's own reductions of a matrix that stays in the cache take several times as
long, and a tenth of an update of a small network was spent in them. For one lane alone the rows of each array are
multiplied, of batched lanes all its numbers at once; either is slower for the other. See docs, performance.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Inexact, PyTree

from .derivatives import on_cpu

Leaves = list[Inexact[Array, "..."]]


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


def _squares(leaf: Inexact[Array, "..."]) -> Float[Array, ""]:
    """The sum of the squares."""
    numbers = leaf.reshape(-1)
    return jnp.real(jnp.vdot(numbers, numbers, precision="highest"))


def _times_zero(leaf: Inexact[Array, "..."]) -> Inexact[Array, ""]:
    """The sum of the products with zero, which are zero unless a number is NaN or infinite."""
    numbers = leaf.reshape(-1)
    return jnp.dot(numbers, jnp.zeros_like(numbers), precision="highest")


def _weighted_sum(leaf: Inexact[Array, "..."], weight: float) -> Inexact[Array, ""]:
    rows = leaf.reshape(-1, leaf.shape[-1] if leaf.ndim else 1)
    return jnp.sum(jnp.dot(rows, jnp.full(rows.shape[1], weight, leaf.dtype), precision="highest"))


def _squared(leaf: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    return jnp.real(leaf * jnp.conj(leaf))


@_in_lanes(optax.tree.norm, lambda leaves: jnp.sqrt(jnp.sum(jnp.stack([_squares(leaf) for leaf in leaves]))))
def _norm(leaves: Leaves) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(jnp.stack([_weighted_sum(_squared(leaf), 1.0) for leaf in leaves])))


@_in_lanes(
    lambda leaves: jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])),
    lambda leaves: jnp.all(jnp.isfinite(jnp.stack([_times_zero(leaf) for leaf in leaves]))),
)
def _all_finite(leaves: Leaves) -> Bool[Array, ""]:
    return jnp.all(jnp.isfinite(jnp.stack([_weighted_sum(leaf, 0.0) for leaf in leaves])))
