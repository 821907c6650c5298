"""Counted arithmetic against counts by hand and against XLA's own."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from ablate.systems import PROGRAMS, Program, count_flops, root, signature
from ablate.systems.flops import flops_of

SQUARE = jax.ShapeDtypeStruct((64, 64), jnp.float32)
PRODUCT = 2.0 * 64**3
"""Operations of a product of two such matrices."""


def mlp(width: int = 128, batch: int = 64) -> Program:
    return PROGRAMS.parse(
        {
            "kind": "supervised",
            "problem": {"kind": "spirals", "points": 512, "batch": batch},
            "model": {"kind": "mlp", "layers": 2, "width": width},
            "optimizer": {"kind": "sgd", "lr": 0.1},
        }
    )


def gpt() -> Program:
    return PROGRAMS.parse(
        {
            "kind": "supervised",
            "problem": {"kind": "char_lm", "context": 64, "batch": 16, "validation_windows": 64},
            "model": {"kind": "gpt", "layers": 2, "width": 64, "heads": 4},
            "optimizer": {"kind": "adamw", "lr": 1e-3},
        }
    )


def products_of_mlp(width: int, batch: int) -> float:
    """Of one update: the forward pass; the same for the weights' gradients; again for the inputs', but the first."""
    layers = [2 * batch * size for size in (2 * width, width * width, width * 2)]
    return 3.0 * sum(layers) - layers[0]


def products_of_gpt(symbols: int) -> float:
    """As above; the first layer is the product of the one-hot symbols with the embedding."""
    rows, width, length, layers = 16 * 64, 64, 64, 2
    matrices = 2 * rows * (3 + 1 + 4 + 4) * width**2
    attention = 2 * (2 * rows * length * width)
    embedding = unembedding = 2 * rows * symbols * width
    return 3.0 * (layers * (matrices + attention) + embedding + unembedding) - embedding


def by_xla(config: Program) -> float:
    """XLA's count of one update, which has no loop."""
    shared = signature(config)
    data = jax.tree.map(jnp.asarray, shared.static_config().load())
    state = jax.eval_shape(lambda: config.init(data, root(0)))
    lowered = jax.jit(lambda state: config.step(data, state)).lower(state)
    found: Any = lowered.cost_analysis()
    return float(found["flops"])


@pytest.mark.parametrize(("config", "tolerance"), [(mlp(), 0.01), (gpt(), 0.01)], ids=["mlp", "gpt"])
def test_an_update_is_counted_as_xla_counts_it(config: Program, tolerance: float) -> None:
    assert count_flops(signature(config)).update == pytest.approx(by_xla(config), rel=tolerance)


def test_an_update_is_its_matrix_products_and_little_else() -> None:
    counted = count_flops(signature(mlp(width=256, batch=256))).update
    assert counted is not None
    assert 1 < counted / products_of_mlp(256, 256) < 1.05
    config = gpt()
    data = config.load()
    shapes = jax.eval_shape(lambda: config.init(data, root(0))).parameters
    counted = count_flops(signature(config)).update
    assert counted is not None
    assert 1 < counted / products_of_gpt(shapes.embedding.shape[0]) < 1.1


def test_an_evaluation_counts_every_batch_of_its_loop() -> None:
    """Four validation batches of sixteen windows are four forward passes, of which three make an update."""
    counted = count_flops(signature(gpt()))
    assert counted.update is not None
    assert counted.evaluation is not None
    assert counted.evaluation / counted.update == pytest.approx(4 / 3, rel=0.05)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x @ x, PRODUCT),
        (lambda x: lax.scan(lambda c, _: (c @ x, None), x, length=10)[0], 10 * PRODUCT),
        (lambda x: lax.fori_loop(0, 7, lambda _, c: c @ x, x), 7 * PRODUCT),
        (lambda x: lax.map(lambda row: row @ x, x), PRODUCT),
        (
            lambda x: lax.scan(lambda c, _: (lax.fori_loop(0, 3, lambda _, c: c @ x, c), None), x, length=5)[0],
            15 * PRODUCT,
        ),
        (jax.vmap(lambda row: row * 2.0), 64 * 64),
        (lambda x: x.sum(), 64 * 64),
        (lambda x: x.T.reshape(-1), 0),
        (lambda x: lax.cond(x[0, 0] > 0, lambda: x @ x, lambda: x), PRODUCT),
        (lambda x: lax.while_loop(lambda c: c[0, 0] < 3, lambda c: c @ x, x), None),
        (lambda x: jax.jit(lambda y: y @ y)(x), PRODUCT),
    ],
)
def test_loops_branches_and_moves(function: Any, expected: float | None) -> None:
    assert flops_of(function, SQUARE) == expected


def test_a_convolution_counts_its_terms() -> None:
    image, kernel = jax.ShapeDtypeStruct((8, 32, 32, 16), jnp.float32), jax.ShapeDtypeStruct((3, 3, 8, 24), jnp.float32)

    def grouped(image: jax.Array, kernel: jax.Array) -> jax.Array:
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(image, kernel, (1, 1), "VALID", dimension_numbers=layout, feature_group_count=2)

    lowered: Any = jax.jit(grouped).lower(image, kernel).cost_analysis()
    assert flops_of(grouped, image, kernel) == 2 * (8 * 30 * 30 * 24) * (3 * 3 * 8) == lowered["flops"]
