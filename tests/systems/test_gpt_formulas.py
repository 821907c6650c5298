"""The char-GPT against the formulas, written down once more in numpy: one example, loops, double precision."""

from typing import Any

import jax
import numpy as np
import pytest

from ablate.systems import MODELS, Norm, Shapes, root
from ablate.systems.models.gpt import GPT, Block, Parameters
from ablate.systems.models.norms import Scaled

LENGTH, SYMBOLS, WIDTH = 12, 11, 16
SHAPES = Shapes(inputs=(LENGTH,), outputs=(LENGTH, SYMBOLS), symbols=SYMBOLS)

MODELS_OF_THE_JOURNALS: dict[str, dict[str, Any]] = {
    "journal A": {},
    "midGPT": {
        "position": "rope",
        "qk_norm": "per_head_learned",
        "final_norm": {"kind": "rms", "eps": 1e-5},
        "matrices": "truncated_normal",
    },
    "journal A, early": {
        "mlp": "compute_gate",
        "norm": {"kind": "layer", "axis": "block"},
        "qk_norm": "whole",
        "score_norm": "width",
        "head_width": WIDTH,
        "embedding_scale": 4,
    },
    "other parts": {
        "mlp": "pooled_gate",
        "norm": {"kind": "rms", "eps": 0.1, "weight": "learned"},
        "final_norm": {"kind": "layer", "weight": "learned"},
        "qk_norm": "none",
        "score_scale": 0.3,
        "position": "learned_rope",
    },
    "DLN": {"layers": 2, "history": 3, "dln": {"kind": "state", "size": 5, "decay_init": "intended"}},
    "DLN as run": {"history": 1, "dln": {"kind": "power", "size": 5, "decay_init": "as_run"}, "position": "none"},
    "journal C": {
        "layers": 4,
        "activation": "squared_relu",
        "embedding_norm": "rms",
        "final_norm": "rms",
        "position": "none",
        "extra_embeddings": 1,
        "value_embeddings": [0, 3],
        "skips": [[0, 3], [1, 2], [1, 3]],
        "attention_free": [2],
        "logit_cap": 2.0,
    },
}
FUNCTIONS: dict[str, Any] = {
    "gelu": lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
    "squared_relu": lambda x: np.maximum(x, 0) ** 2,
}

pytestmark = pytest.mark.usefixtures("quick_compilation")


def normed(norm: Norm, weight: Any, rows: np.ndarray) -> np.ndarray:
    if not isinstance(norm, Scaled):
        return rows
    values = rows.reshape(1, -1) if norm.axis == "block" else rows
    if norm.kind == "layer":
        values = values - values.mean(-1, keepdims=True)
    values = (values / np.sqrt((values**2).mean(-1, keepdims=True) + norm.eps)).reshape(rows.shape)
    return np.asarray(values if weight is None else values * weight)


def rotated(heads: np.ndarray) -> np.ndarray:
    """Numbers 2i and 2i + 1 of [H, T, d] as one complex number, which is turned."""
    size = heads.shape[-1]
    angles = np.arange(LENGTH)[:, None] * 10_000.0 ** (-np.arange(0, size, 2) / size)
    turned = (heads[..., ::2] + 1j * heads[..., 1::2]) * np.exp(1j * angles)
    return np.stack([turned.real, turned.imag], -1).reshape(heads.shape)


def prepared(gpt: GPT, weight: Any, heads: np.ndarray) -> np.ndarray:
    """Queries or keys [H, T, d] after norm and rotation."""
    if gpt.qk_norm != "none":
        axes = (0, 1, 2) if gpt.qk_norm == "whole" else -1
        centred = heads - heads.mean(axes, keepdims=True)
        heads = centred / np.sqrt((centred**2).mean(axes, keepdims=True) + 1e-6)
    heads = heads if weight is None else heads * weight
    return rotated(heads) if "rope" in gpt.position.kind else heads


def attended(gpt: GPT, block: Block, x: np.ndarray, symbols: np.ndarray) -> np.ndarray:
    read, size = normed(gpt.norm, block.attention_norm, x), gpt.head_size
    memory = np.zeros((LENGTH, gpt.dln.width))
    for t in range(LENGTH if gpt.dln.width else 0):
        earlier = memory[t - 1] if t else 0
        state = gpt.dln.kind == "state"
        memory[t] = block.dln.decay * earlier + read[t] @ block.dln.inputs if state else block.dln.decay ** (t + 1)
    assert block.qkv is not None
    assert block.out is not None
    read, three = np.concatenate([read, memory], axis=1), np.split(np.asarray(block.qkv), 3, axis=1)
    queries, keys, values = ((read @ part).reshape(LENGTH, gpt.heads, size).swapaxes(0, 1) for part in three)
    queries, keys = prepared(gpt, block.query_norm, queries), prepared(gpt, block.key_norm, keys)
    if block.value is not None:
        own = block.value.embedding[symbols].reshape(LENGTH, gpt.heads, size).swapaxes(0, 1)
        values = block.value.mixing[0] * values + block.value.mixing[1] * own
    scale = (size if gpt.score_norm == "head" else WIDTH) ** -0.5 if gpt.score_scale is None else gpt.score_scale
    mixed = np.zeros((LENGTH, gpt.heads, size))
    for head in range(gpt.heads):
        for t in range(LENGTH):
            first = 0 if gpt.history is None else max(0, t + 1 - gpt.history)
            shares = np.exp(scale * keys[head, first : t + 1] @ queries[head, t])
            mixed[t, head] = shares @ values[head, first : t + 1] / shares.sum()
    return np.asarray(mixed.reshape(LENGTH, -1) @ block.out)


def transformed(gpt: GPT, block: Block, x: np.ndarray) -> np.ndarray:
    rows, weights = normed(gpt.norm, block.mlp_norm, x), block.mlp
    if gpt.mlp.kind == "plain":
        return np.asarray(FUNCTIONS[gpt.activation.kind](rows @ weights.up) @ weights.down)
    hidden = rows @ weights.up / (1 + np.exp(-rows @ weights.gate))
    if gpt.mlp.kind == "compute_gate":
        return np.asarray(hidden @ weights.down)
    return np.array([[row[4 * d : 4 * d + 4].max() for d in range(WIDTH)] for row in hidden])


def logits(gpt: GPT, weights: Parameters, symbols: np.ndarray) -> np.ndarray:
    tables = (weights.embedding, *weights.extra_embeddings)
    x, *extra = (normed(gpt.embedding_norm, weights.embedding_norm, np.asarray(table)[symbols]) for table in tables)
    x = x if weights.position is None else x + weights.position
    start = x
    returned: list[np.ndarray] = []
    for index, block in enumerate(weights.blocks):
        skips = [returned[first] for first, last in gpt.skips if last == index]
        if block.skip is not None:
            x = x + np.tensordot(np.asarray(block.skip), skips, axes=1)
        if block.mixing is not None:
            x = sum(factor * part for factor, part in zip(block.mixing, (x, start, *extra), strict=True))
        if index not in gpt.attention_free:
            x = x + attended(gpt, block, x, symbols)
        x = x + transformed(gpt, block, x)
        returned.append(x)
    assert weights.unembedding is not None
    z = normed(gpt.final_norm, weights.final_norm, x) @ weights.unembedding
    return np.asarray(z if gpt.logit_cap is None else gpt.logit_cap * z / np.sqrt(z**2 + gpt.logit_cap**2))


@pytest.mark.parametrize("name", MODELS_OF_THE_JOURNALS)
def test_the_model_is_its_formulas(name: str) -> None:
    gpt = MODELS.parse({"kind": "gpt", "layers": 1, "width": WIDTH, "heads": 2, **MODELS_OF_THE_JOURNALS[name]})
    assert isinstance(gpt, GPT)
    leaves, structure = jax.tree.flatten(gpt.init(SHAPES, root(0)))
    moved = [leaf + 0.1 * jax.random.normal(root(index), leaf.shape) for index, leaf in enumerate(leaves)]
    weights = jax.tree.unflatten(structure, moved)
    symbols = jax.random.randint(root(1), (2, LENGTH), 0, SYMBOLS)
    found = jax.jit(lambda weights: gpt.apply(weights, symbols, key=None))(weights)
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), weights)
    for row, example in zip(np.asarray(found), np.asarray(symbols), strict=True):
        np.testing.assert_allclose(row, logits(gpt, double, example), rtol=1e-4, atol=2e-5)
