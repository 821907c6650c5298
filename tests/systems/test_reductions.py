"""Norms and finiteness of whole trees: one lane alone, and lanes together."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array

from ablate.systems.reductions import all_finite, norm

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


def tree(seed: int = 0) -> dict[str, Any]:
    keys = jax.random.split(jax.random.key(seed), 4)
    shapes = {"scalar": (), "row": (7,), "matrix": (5, 130), "block": (2, 3, 4)}
    return {name: jax.random.normal(key, shape) for key, (name, shape) in zip(keys, shapes.items(), strict=True)}


def test_the_norm_is_the_norm() -> None:
    np.testing.assert_allclose(jax.jit(norm)(tree()), optax.tree.norm(tree()), rtol=1e-6)
    one, other = jnp.asarray([3.0 + 4.0j]), jnp.asarray(12.0, jnp.bfloat16)
    np.testing.assert_allclose(norm((one, other, None, jnp.zeros((0, 3)))), 13.0, rtol=1e-6)
    assert norm({}) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["scalar", "row", "matrix", "block"])
def test_one_bad_number_is_found_wherever_it_is(name: str, bad: float) -> None:
    check = jax.jit(all_finite)
    well = tree()
    assert check(well)
    for place in (0, -1, well[name].size // 2):
        leaf = well[name].reshape(-1).at[place].set(bad).reshape(well[name].shape)
        assert not check(well | {name: leaf})


def test_what_is_only_extreme_is_finite() -> None:
    extreme = [jnp.full((64, 64), value) for value in (LARGEST, -LARGEST, SMALLEST, 0.0)]
    assert jax.jit(all_finite)(extreme)
    assert not jax.jit(all_finite)([*extreme, jnp.asarray([jnp.inf, -jnp.inf])])


def test_what_has_no_floats_is_finite() -> None:
    assert all_finite({})
    assert all_finite((jnp.arange(3), jax.random.key(0), jnp.zeros((0, 4)), None))
    assert not all_finite((jnp.arange(3), jax.random.key(0), jnp.asarray([jnp.nan], jnp.bfloat16)))


def test_lanes_together_are_like_each_alone() -> None:
    lanes = [tree(seed) for seed in range(3)]
    lanes[1]["matrix"] = lanes[1]["matrix"].at[4, 129].set(jnp.nan)
    together: Any = jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)
    check = jax.jit(jax.vmap(all_finite))
    assert check(together).tolist() == [True, False, True]
    for place in range(0, 650, 59):  # in each part of the matrix
        bad = together | {"matrix": together["matrix"].at[2, place // 130, place % 130].set(-jnp.inf)}
        assert check(bad).tolist() == [True, False, False]
    shared = jax.vmap(lambda leaf, rest: all_finite((leaf, rest)), (0, None))(together["matrix"], lanes[0])
    assert shared.tolist() == [True, False, True]
    alone: list[Array] = [norm(lane) for lane in lanes]
    np.testing.assert_allclose(jax.vmap(norm)(together), alone, rtol=1e-6)
