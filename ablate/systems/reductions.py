"""One number of a whole tree of arrays, in the form that XLA makes the fastest CPU code of.

For one lane alone, a sum is a product with ones (or zeros): XLA's own reductions of a matrix that stays in the cache
take several times as long, and a tenth of an update of a small network was spent in them. Batched lanes have the plain
form, which is as fast there or faster. See docs, performance.
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


def _alone(plain: Callable[[Leaves], Array]) -> Callable[[Callable[[Leaves], Array]], Callable[[Leaves], Array]]:
    """A decorator: a function for one lane on a CPU, and `plain` elsewhere and where `jax.vmap` batches lanes."""

    def decorate(function: Callable[[Leaves], Array]) -> Callable[[Leaves], Array]:
        special = jax.custom_batching.custom_vmap(function)

        @special.def_vmap
        def _(size: int, batched: list[list[bool]], leaves: Leaves) -> tuple[Array, bool]:
            axes = [0 if has_lanes else None for has_lanes in batched[0]]
            return jax.vmap(plain, (axes,), axis_size=size)(leaves), True

        return lambda leaves: special(leaves) if on_cpu() else plain(leaves)

    return decorate


def _weighted_sum(leaf: Inexact[Array, "..."], weight: float) -> Inexact[Array, ""]:
    rows = leaf.reshape(-1, leaf.shape[-1] if leaf.ndim else 1)
    return jnp.sum(jnp.dot(rows, jnp.full(rows.shape[1], weight, leaf.dtype), precision="highest"))


@_alone(optax.tree.norm)
def _norm(leaves: Leaves) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(jnp.stack([_weighted_sum(jnp.real(leaf * jnp.conj(leaf)), 1.0) for leaf in leaves])))


@_alone(lambda leaves: jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])))
def _all_finite(leaves: Leaves) -> Bool[Array, ""]:
    """Zero times a number is zero, unless that is NaN or infinite."""
    return jnp.all(jnp.isfinite(jnp.stack([_weighted_sum(leaf, 0.0) for leaf in leaves])))
