"""How much arithmetic one update and one evaluation of a run are, counted without compiling or computing anything."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

from .lanes import Signature
from .streams import root

_MOVES = frozenset(
    [
        "broadcast_in_dim",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "dynamic_slice",
        "dynamic_update_slice",
        "expand_dims",
        "gather",
        "iota",
        "optimization_barrier",
        "pad",
        "reshape",
        "rev",
        "select_n",
        "slice",
        "split",
        "squeeze",
        "stop_gradient",
        "transpose",
    ]
)
"""Primitives that move, choose or convert numbers and compute none."""


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one run; None where a loop ends by a condition, so that nobody can count them."""

    update: float | None
    """Of one optimiser update."""
    evaluation: float | None
    """Of one evaluation."""


def count_flops(shared: Signature) -> Flops:
    """Count the operations of `Program.step` and `Program.evaluate`, for one lane. Loads the data, for its shapes.

    Walks the traced functions. A matrix product or convolution is two operations per term of its sums; whatever else
    gives floating-point numbers is one per number, sums over an axis one per number that goes in. Bodies of loops of
    known length (``scan``, ``lax.map``, ``fori_loop``) count once per pass, which XLA's ``cost_analysis`` does not do;
    of branches the largest counts. Factorisations and custom kernels are undercounted.
    """
    data = jax.tree.map(_shape, shared.static_config().load())
    hyper = jax.ShapeDtypeStruct((shared.structure.num_leaves,), jnp.float32)
    whole = jax.ShapeDtypeStruct((shared.whole.structure.num_leaves,), jnp.float32)
    state = jax.eval_shape(lambda hyper, data: shared.whole.config(hyper).init(data, root(0)), whole, data)
    return Flops(
        update=flops_of(lambda hyper, data, state: shared.config(hyper).step(data, state), hyper, data, state),
        evaluation=flops_of(lambda hyper, data, state: shared.config(hyper).evaluate(data, state), hyper, data, state),
    )


def flops_of(function: Callable[..., Any], *shapes: Any) -> float | None:
    """Operations of one call of a JAX function with arguments of these shapes; None if they cannot be counted."""
    try:
        return _of_all(jax.make_jaxpr(function)(*shapes).jaxpr)
    except _UnknownLengthError:
        return None


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _of_all(jaxpr: Jaxpr) -> float:
    return sum(map(_of_one, jaxpr.eqns))


def _of_one(equation: JaxprEqn) -> float:
    name, inner = equation.primitive.name, list(_inner(equation))
    if name == "while":
        raise _UnknownLengthError
    if name == "cond":
        return max(map(_of_all, inner))
    if inner:
        return float(equation.params.get("length", 1)) * sum(map(_of_all, inner))
    operands: list[Any] = [one.aval for one in equation.invars]
    results: list[Any] = [one.aval for one in equation.outvars if jnp.issubdtype(_dtype(one.aval), jnp.inexact)]
    if name in _MOVES or not results:
        return 0.0
    size = float(results[0].size)
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return 2.0 * size * float(math.prod(operands[0].shape[axis] for axis in contracted))
    if name == "conv_general_dilated":
        kernel, channels = operands[1], equation.params["dimension_numbers"].rhs_spec[0]
        return 2.0 * size * float(kernel.size // kernel.shape[channels])
    if name.startswith(("reduce_", "arg", "cum")):
        return float(operands[0].size)
    if name.startswith("scatter"):
        return float(operands[2].size)
    return size


def _dtype(aval: Any) -> Any:
    return getattr(aval, "dtype", bool)


def _inner(equation: JaxprEqn) -> Iterator[Jaxpr]:
    """The functions that an equation calls."""
    for value in equation.params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            if isinstance(item, ClosedJaxpr):
                yield item.jaxpr
            elif isinstance(item, Jaxpr):
                yield item


class _UnknownLengthError(Exception):
    """The number of passes through a loop depends on what it computes."""
