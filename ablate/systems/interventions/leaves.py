"""Which parameters an intervention acts on."""

from typing import Any, Literal

import jax
from jaxtyping import Array, Float, PyTree

from ablate.core import GridError, Problem
from ablate.systems.models import Model

Leaves = Literal["all", "matrices", "qkv_only", "all_but_mlp_in"]
"""All parameters; those of two or more axes; the projections to queries, keys and values; or all but those that the
units of hidden layers are computed from."""

_QKV = frozenset({"qkv", "q", "k", "v"})


def leaf_name(path: tuple[Any, ...]) -> str:
    """The name of a parameter: ``blocks.0.mlp.up``."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


def chosen_leaves(leaves: Leaves, model: Model, parameters: PyTree[Float[Array, "..."]]) -> PyTree[bool]:
    """Whether each parameter is meant.

    Raises:
        GridError: none is.
    """
    incoming = {slices.leaf for units in model.resettable() for slices in units.incoming}

    def is_chosen(path: tuple[Any, ...], leaf: Array) -> bool:
        name = leaf_name(path)
        match leaves:
            case "all":
                return True
            case "matrices":
                return leaf.ndim >= 2
            case "qkv_only":
                return bool(_QKV & set(name.split(".")))
            case "all_but_mlp_in":
                return name not in incoming

    found = jax.tree_util.tree_map_with_path(is_chosen, parameters)
    if not any(jax.tree.leaves(found)):
        message = f"{model.kind} has no parameters that are meant by {leaves}"
        raise GridError(Problem(message, "bad-value", "leaves"))
    return found
