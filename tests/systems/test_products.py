"""Products with slopes by hand, against JAX's own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ablate.systems.derivatives import by_hand
from ablate.systems.products import product, product_float32

SHAPES = {
    "a layer that narrows": ((64, 40), (40, 12)),
    "a layer that widens": ((64, 12), (12, 40)),
    "a layer as wide as its inputs": ((64, 16), (16, 16)),
    "scores of heads": ((3, 2, 24, 8), (3, 2, 8, 24)),
    "mixtures of heads": ((3, 2, 24, 24), (3, 2, 24, 8)),
}


def draw(seed: int, *shape: int, kind: Any = jnp.float32) -> Array:
    return jax.random.normal(jax.random.key(seed), shape).astype(kind)


def slopes_of(multiply: Any, lanes: int | None) -> Any:
    """The slopes by both operands of a weighted sum of the product, for one lane or for several."""

    def total(left: Array, right: Array, weights: Array) -> Array:
        with by_hand():
            return jnp.sum(multiply(left, right).astype(jnp.float32) * weights)

    slopes = jax.grad(total, (0, 1))
    return slopes if lanes is None else jax.vmap(slopes)


def agree(found: Array, expected: Array, tolerance: float) -> None:
    """To a part of the largest number."""
    right = np.asarray(expected, np.float32)
    np.testing.assert_allclose(
        np.asarray(found, np.float32), right, rtol=0, atol=tolerance * float(np.max(np.abs(right)))
    )


@pytest.mark.parametrize(("left", "right"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lanes", [None, 5])
@pytest.mark.parametrize("multiply", [product, product_float32])
@pytest.mark.parametrize("kind", [jnp.float32, jnp.bfloat16])
def test_values_and_slopes_are_those_of_a_matrix_product(
    left: tuple[int, ...], right: tuple[int, ...], lanes: int | None, multiply: Any, kind: Any
) -> None:
    several = () if lanes is None else (lanes,)
    operands = draw(0, *several, *left, kind=kind), draw(1, *several, *right, kind=kind)
    weights = draw(2, *several, *left[:-1], right[-1])
    values = multiply(*operands)
    assert values.dtype == (jnp.float32 if multiply is product_float32 else kind)
    tolerance = 1e-5 if kind == jnp.float32 else 0.02
    agree(values, jnp.matmul(*(one.astype(jnp.float32) for one in operands)), tolerance)
    ours, theirs = (slopes_of(one, lanes)(*operands, weights) for one in (multiply, jnp.matmul))
    for slope, expected, operand in zip(ours, theirs, operands, strict=True):
        assert slope.dtype == operand.dtype
        agree(slope, expected, tolerance)


def test_lanes_may_share_an_operand() -> None:
    left, right, weights = draw(0, 5, 64, 40), draw(1, 40, 12), draw(2, 64, 12)
    _, found = jax.vmap(slopes_of(product, None), (0, None, None))(left, right, weights)
    expected = jnp.einsum("lmk,mn->lkn", left, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_batch_axes_of_one_operand_alone_are_refused() -> None:
    """By hand or not: or a model would fail where it is trained, and there alone."""
    with pytest.raises(ValueError, match="batch axes differ"):
        product(draw(0, 3, 64, 40), draw(1, 40, 12))


def test_the_slopes_are_by_hand_where_that_is_asked_for_and_nowhere_else() -> None:
    left, right = draw(0, 64, 40), draw(1, 40, 12)
    value, _ = jax.jvp(product, (left, right), (left, right))
    np.testing.assert_array_equal(value, left @ right)
    with by_hand(), pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(product, (left, right), (left, right))


@pytest.mark.parametrize(("left", "right"), SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lanes", [None, 5])
def test_what_reads_a_slope_does_not_change_its_bits(
    left: tuple[int, ...], right: tuple[int, ...], lanes: int | None
) -> None:
    """An intervention of strength 0 reads gradients, in another order perhaps, and must not change training."""
    several = () if lanes is None else (lanes,)
    operands = draw(0, *several, *left), draw(1, *several, *right)
    weights = draw(2, *several, *left[:-1], right[-1])
    take = slopes_of(product, lanes)

    def alone(*given: Array) -> Any:
        return 0.9 * operands[1] - 0.1 * take(*given)[1]

    def watched(*given: Array) -> tuple[Array, Array, Array]:
        by_right = take(*given)[1]
        crosswise = jnp.swapaxes(by_right, -1, -2)
        return 0.9 * operands[1] - 0.1 * by_right, jnp.cumsum(crosswise, -1), crosswise @ operands[1]

    np.testing.assert_array_equal(jax.jit(alone)(*operands, weights), jax.jit(watched)(*operands, weights)[0])
