"""Matrix products whose slopes XLA computes fast on a CPU.

The slope by the second operand of ``left @ right`` is ``left.T @ slope``: the sum over the examples, in which both
operands lie crosswise. XLA's fast kernels for a CPU want rows on the left and columns on the right; what needs its left
operand transposed goes to slower ones, up to three times as slow. So one operand is transposed before, and the
other way round if the result then has fewer rows. See docs, performance.
"""

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .derivatives import derivative

Left = Float[Array, "*batch M K"]
Right = Float[Array, "*batch K N"]
Result = Float[Array, "*batch M N"]


def _product(kind: Any) -> Callable[[Left, Right], Result]:
    """The product as numbers of a kind; None: of the operands' kind."""

    def forward(left: Left, right: Right) -> tuple[Result, tuple[Left, Right]]:
        if left.shape[:-2] != right.shape[:-2]:
            message = f"a product of {left.shape} and {right.shape}: batch axes differ; reshape what has more of them"
            raise ValueError(message)
        return jnp.matmul(left, right, preferred_element_type=kind), (left, right)

    @derivative(forward, _backward)
    def product(left: Left, right: Right) -> Result:
        """``left @ right``, with the same batch axes on either side."""
        return forward(left, right)[0]

    return product


def _backward(kept: tuple[Left, Right], slope: Result) -> tuple[Left, Right]:
    left, right = kept
    return (slope @ _transposed(right)).astype(left.dtype), _by_right(left, slope).astype(right.dtype)


def _crosswise(left: Left, slope: Result) -> Right:
    """``left.T @ slope`` of many products, side by side."""
    if left.shape[-1] > slope.shape[-1]:
        return _transposed(_fixed(_fixed(_transposed(slope)) @ left))
    return _fixed(_fixed(_transposed(left)) @ slope)


@jax.custom_batching.custom_vmap
def _alone(left: Float[Array, "M K"], slope: Float[Array, "M N"]) -> Float[Array, "K N"]:
    """``left.T @ slope`` of one product: what XLA itself makes of it is as fast where the result has fewer rows."""
    if left.shape[-1] > slope.shape[-1]:
        return _crosswise(left, slope)
    return _transposed(_transposed(slope) @ left)


@_alone.def_vmap
def _(size: int, batched: list[bool], left: Left, slope: Result) -> tuple[Right, bool]:
    axes = [0 if has_lanes else None for has_lanes in batched]
    return jax.vmap(_crosswise, axes, axis_size=size)(left, slope), True


def _by_right(left: Left, slope: Result) -> Right:
    return cast(Array, _alone(left, slope)) if left.ndim == 2 else _crosswise(left, slope)


def _transposed(matrices: Float[Array, "*batch M N"]) -> Float[Array, "*batch N M"]:
    return jnp.swapaxes(matrices, -1, -2)


def _fixed(values: Array) -> Array:
    """What XLA must compute as it is written, whatever reads it; so nothing that reads a gradient changes its bits."""
    fixed: Array = jax.lax.optimization_barrier(values)
    return fixed


product = _product(None)
"""``left @ right``, with the same batch axes on either side."""

product_float32 = _product(jnp.float32)
"""`product`, but summed and given in float32 whatever the operands are."""
