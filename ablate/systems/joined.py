"""`joined`: what an optimiser does to each number, done to the numbers of all arrays as one array.

Array by array it would be several small loops for each, which XLA compiles one by one and runs one after the other.
See docs, performance.
"""

import math
from dataclasses import dataclass, field
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Inexact, PyTree

MOST = 2**20
"""Trees of more numbers stay as they are: to join them takes memory, and with larger ones nothing was measured."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Joined:
    """A tree of arrays of one type, as one array. A tree itself, with one leaf."""

    numbers: Inexact[Array, " P"]
    structure: jax.tree_util.PyTreeDef = field(metadata={"static": True})
    shapes: tuple[tuple[int, ...], ...] = field(metadata={"static": True})

    @classmethod
    def of(cls, tree: PyTree[Array]) -> "Joined":
        """The arrays of `tree`, in its order."""
        leaves, structure = jax.tree.flatten(tree)
        numbers = jnp.concatenate([leaf.reshape(-1) for leaf in leaves])
        return cls(numbers, structure, tuple(leaf.shape for leaf in leaves))

    def tree(self) -> PyTree[Array]:
        """The arrays again."""
        parts = jnp.split(self.numbers, np.cumsum([math.prod(shape) for shape in self.shapes])[:-1])
        leaves = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return jax.tree.unflatten(self.structure, leaves)


def joined(inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """`inner` on one array; the updates are the same.

    Arrays of several types, and more than `MOST` numbers, are left apart.

    Args:
        inner: a transformation that treats each number by itself, wherever it is, and does not read the parameters.
    """

    def brought(tree: PyTree[Array]) -> PyTree[Array]:
        leaves = jax.tree.leaves(tree)
        is_joined = len({leaf.dtype for leaf in leaves}) == 1 and sum(leaf.size for leaf in leaves) <= MOST
        return Joined.of(tree) if is_joined else tree

    def update(updates: PyTree[Array], state: Any, parameters: Any = None) -> tuple[PyTree[Array], Any]:
        found, state = inner.update(brought(updates), state)
        return apart(found), state

    return optax.GradientTransformation(lambda parameters: inner.init(brought(parameters)), update)


def apart(state: PyTree) -> PyTree:
    """`state` with each `Joined` as the tree it was made of, so that its leaves have the paths of parameters."""
    return jax.tree.map(lambda part: part.tree() if _is_joined(part) else part, state, is_leaf=_is_joined)


def rejoined(state: PyTree, before: PyTree) -> PyTree:
    """What `apart` gave for `before`, or a changed copy, in the form of `before` again."""

    def same(old: Any, new: PyTree[Array]) -> PyTree[Array]:
        return Joined.of(new) if _is_joined(old) else new

    return cast(PyTree, jax.tree.map(same, before, state, is_leaf=_is_joined))


def _is_joined(part: Any) -> bool:
    return isinstance(part, Joined)
