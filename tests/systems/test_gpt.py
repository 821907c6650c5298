"""The variants of the char-GPT: what must be equal, and what must not."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

from ablate.core import GridError, to_identity
from ablate.systems import ATTENTIONS, DLNS, INITS, MODELS, POSITIONS, PROGRAMS, Shapes, root, signature, whole_hyper
from ablate.systems.models.gpt import GPT, Parameters
from ablate.testing import conformance

LENGTH, SYMBOLS = 12, 11
SHAPES = Shapes(inputs=(LENGTH,), outputs=(LENGTH, SYMBOLS), symbols=SYMBOLS)
TOKENS = jax.random.randint(root(1), (3, LENGTH), 0, SYMBOLS)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def model(**fields: Any) -> GPT:
    parsed = MODELS.parse({"kind": "gpt", "layers": 1, "width": 16, "heads": 2, **fields})
    assert isinstance(parsed, GPT)
    return parsed


def start(gpt: GPT) -> Parameters:
    return gpt.init(SHAPES, root(0))


def logits(gpt: GPT, parameters: Parameters | None = None, tokens: Array = TOKENS) -> Array:
    apply = jax.jit(lambda parameters: gpt.apply(parameters, tokens, key=None))
    return jnp.asarray(apply(start(gpt) if parameters is None else parameters))


def same(one: Array, two: Array) -> None:
    """Equal but for the order of sums: two programs, compiled apart."""
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def count(gpt: GPT) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(jax.eval_shape(lambda: gpt.init(SHAPES, root(0)))))


# --- every variant ----------------------------------------------------------------------------------------------

CAUSAL: dict[str, dict[str, Any]] = {
    "local rope": {
        "attention": {"kind": "local", "block": 4},
        "history": 3,
        "position": "rope",
        "qkv": "merged",
        "output": "fresh",
        "score_norm": "width",
    },
    "recurrence": {
        "dln": {"kind": "state", "size": 5},
        "history": 2,
        "position": "learned_rope",
        "qk_norm": "per_head_learned",
        "score_scale": 0.3,
    },
    "power": {
        "dln": {"kind": "power", "size": 5},
        "inits": {"qkv": "orthogonal", "up": "he_normal", "position": {"kind": "lecun_normal", "scale": 0.5}},
    },
    "embeddings": {
        "layers": 3,
        "skips": [[0, 2]],
        "attention_free": [2],
        "logit_cap": 15.0,
        "embedding_norm": "rms",
        "extra_embeddings": 2,
        "value_embeddings": [1],
        "norm": {"kind": "rms", "weight": "learned"},
        "final_norm": {"kind": "layer", "weight": "learned"},
    },
    "gated": {
        "mlp": {"kind": "compute_gate", "match": "parameters"},
        "head_width": 6,
        "output": "tied",
        "norm": "none",
        "qk_norm": "none",
    },
}
LEAKING: dict[str, dict[str, Any]] = {
    "block norm": {"norm": {"kind": "layer", "axis": "block"}},
    "whole norm": {"qk_norm": "whole"},
}


@pytest.mark.parametrize("name", [*CAUSAL, *LEAKING])
def test_variant(name: str) -> None:
    gpt = model(**{**CAUSAL, **LEAKING}[name])
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        if name in CAUSAL:
            conformance.check_model(gpt, SHAPES)
        apply = jax.jit(lambda weights, tokens: gpt.apply(weights, tokens, key=None))
        before, after = (apply(start(gpt), tokens) for tokens in (TOKENS, TOKENS.at[:, 8].add(1) % SYMBOLS))
    leaks = bool(jnp.any(before[:, :8] != after[:, :8]))
    assert leaks == (name in LEAKING)
    assert not np.allclose(before[:, 8:], after[:, 8:])


def test_runs_from_before_the_variants_keep_their_identity() -> None:
    assert to_identity(model()) == {
        "kind": "gpt",
        "version": 1,
        "layers": 1,
        "width": 16,
        "heads": 2,
        "mlp_ratio": 4,
        "dropout": 0,
        "qk_scale": 1,
        "v_scale": 1,
        "embedding_scale": 1,
        "position": "learned",
        "qk_norm": "per_head",
        "activation": {"kind": "gelu", "version": 1},
        "matrices": {"kind": "glorot_normal", "version": 1, "scale": 1},
    }
    assert to_identity(model(position="none"))["position"] == "none"
    assert to_identity(model(position={"kind": "learned", "scale": 2}))["position"] != "learned"
    assert to_identity(model(output="tied"))["output"] == "tied"
    assert to_identity(model(logit_cap=15))["logit_cap"] == 15


def test_all_scales_train_in_one_pack() -> None:
    scales = ("qkv_scale", "qk_scale", "q_scale", "k_scale", "v_scale", "embedding_scale", "output_scale")
    variants: list[dict[str, Any]] = [{name: 0.3} for name in scales]
    variants += [{"matrices": {"scale": 0.3}}, {"position": {"scale": 0.3}}]
    programs = [PROGRAMS.parse({"kind": "supervised", "model": model(**fields)}) for fields in variants]
    shared = signature(PROGRAMS.parse({"kind": "supervised", "model": model()}))
    assert all(signature(program) == shared for program in programs)
    plain = start(model())
    for fields, row in zip(variants, whole_hyper(programs), strict=True):
        config: Any = shared.whole.config(jnp.asarray(row))
        drawn = start(config.model)
        expected = start(model(**fields))
        jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-6), drawn, expected)
        assert any(not np.allclose(one, two) for one, two in zip(*map(jax.tree.leaves, (drawn, plain)), strict=True))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": 3}, r"heads: heads: 3 does not divide width: 16"),
        ({"width": 18, "heads": 6, "position": "rope"}, r"heads: rope turns pairs"),
        ({"attention": "local"}, r"attention: local attention needs a history"),
        ({"attention": {"kind": "local", "block": 4}, "history": 5}, r"history: 5 is more than block: 4"),
        ({"inits": {"upp": "he_normal"}}, r"inits.upp: no matrix is called 'upp'; did you mean up\?"),
        ({"inits": {"gate": "he_normal"}}, r"inits.gate: no matrix"),
        ({"value_embeddings": [1]}, r"value_embeddings: block 1 does not exist"),
        ({"value_embeddings": [0], "attention_free": [0]}, r"value_embeddings: block 0 has no attention, so no values"),
        ({"layers": 3, "skips": [[2, 1]]}, r"skips: \[2, 1\] is no pair of blocks, earlier one first"),
        ({"layers": 3, "skips": [[0, 1, 2]]}, r"skips.0: list should have at most 2 items"),
        ({"output": "tied", "output_scale": 0.5}, r"output_scale: a tied unembedding"),
    ],
)
def test_parts_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GridError, match=message):
        model(**fields)


def test_the_model_of_the_journal_has_its_size() -> None:
    """About 10.7 million: 12 matrices of D**2 per block, embedding, unembedding and positions."""
    gpt = GPT(layers=6, width=384, heads=6)
    shapes = Shapes(inputs=(256,), outputs=(256, 65), symbols=65)
    leaves = jax.tree.leaves(jax.eval_shape(lambda: gpt.init(shapes, root(0))))
    assert sum(math.prod(leaf.shape) for leaf in leaves) == 6 * 12 * 384**2 + (65 + 65 + 256) * 384


# --- attention --------------------------------------------------------------------------------------------------


def test_merged_queries_keys_and_values_differ_only_where_the_fan_out_counts() -> None:
    def deviation(**fields: Any) -> float:
        qkv = start(model(width=128, **fields)).blocks[0].qkv
        assert qkv is not None
        return float(jnp.std(qkv))

    assert deviation(qkv="merged", matrices="lecun_normal") == pytest.approx(
        deviation(matrices="lecun_normal"), rel=0.02
    )
    assert deviation(qkv="merged") == pytest.approx(deviation() / 2**0.5, rel=0.02)


@pytest.mark.parametrize("history", [LENGTH, LENGTH + 7])
def test_a_history_of_the_context_is_full_attention(history: int) -> None:
    full = logits(model())
    same(logits(model(history=history)), full)
    same(logits(model(history=history, attention={"kind": "local", "block": history})), full)


def test_layers_with_a_history_see_one_symbol_more_each() -> None:
    gpt = model(history=2, layers=3, position="none")
    apply = jax.jit(lambda weights, tokens: gpt.apply(weights, tokens, key=None))
    before, after = (apply(start(gpt), tokens) for tokens in (TOKENS, TOKENS.at[:, 4].add(1) % SYMBOLS))
    reached = np.any(np.asarray(before != after), axis=(0, 2))
    np.testing.assert_array_equal(np.flatnonzero(reached), [4, 5, 6, 7])


@pytest.mark.parametrize(("length", "block", "history"), [(12, 4, 4), (3, 8, 2), (40, 16, 11)])
def test_local_attention_equals_masked(length: int, block: int, history: int) -> None:
    parts = [jax.random.normal(root(seed), (2, 3, length, 8)) for seed in range(3)]

    def mixed(kind: dict[str, Any], *parts: Array) -> tuple[Array, Array]:
        values = ATTENTIONS.parse(kind).mix(*parts, scale=0.4, history=history, drop=lambda weights: weights)
        return jnp.sum(jnp.sin(values)), values

    local, masked = (
        jax.jit(jax.value_and_grad(partial(mixed, kind), argnums=(0, 1, 2), has_aux=True))(*parts)
        for kind in ({"kind": "local", "block": block}, {"kind": "masked"})
    )
    jax.tree.map(same, local, masked)


def by_xla(function: Any, *arguments: Any) -> float:
    cost: Any = jax.jit(function).lower(*arguments).cost_analysis()
    return float(cost["flops"])


def test_the_cost_of_local_attention_grows_with_the_context_and_not_with_its_square() -> None:
    def flops(kind: dict[str, Any], length: int) -> float:
        attention = ATTENTIONS.parse(kind)
        parts = [jnp.zeros((1, 1, length, 8))] * 3
        return by_xla(partial(attention.mix, scale=1.0, history=8, drop=lambda weights: weights), *parts)

    assert flops({"kind": "local", "block": 8}, 512) < 2.2 * flops({"kind": "local", "block": 8}, 256)
    assert flops({"kind": "masked"}, 512) > 3.8 * flops({"kind": "masked"}, 256)
    assert 10 * flops({"kind": "local", "block": 8}, 512) < flops({"kind": "masked"}, 512)


def test_a_short_window_is_cheaper_where_attention_is_local_and_only_there() -> None:
    """Gradients of the whole model at a context of 256: what they cost more than at a window of 1, by XLA's count."""
    shapes, tokens = Shapes(inputs=(256,), outputs=(256, SYMBOLS), symbols=SYMBOLS), jnp.zeros((1, 256), jnp.int32)

    def cost(history: int, *, local: bool) -> float:
        attention = {"kind": "local", "block": history} if local else "masked"
        gpt = model(history=history, attention=attention)
        weights = jax.eval_shape(lambda: gpt.init(shapes, root(0)))
        return by_xla(jax.grad(lambda weights: jnp.sum(gpt.apply(weights, tokens, key=None))), weights)

    least = cost(1, local=True)
    extra = {history: cost(history, local=True) - least for history in (5, 17, 65)}
    for short, long in ((5, 17), (17, 65)):
        assert extra[long] / extra[short] == pytest.approx(4, rel=0.05), "it grows in proportion to the window"
    masked = cost(5, local=False)
    assert masked == cost(65, local=False)
    assert masked - least > 25 * extra[5]


@pytest.mark.parametrize("history", [1, 5])
def test_a_local_model_is_the_masked_one(history: int) -> None:
    fields: dict[str, Any] = {"history": history, "layers": 2}
    local = model(**fields, attention={"kind": "local", "block": history})
    same(logits(local), logits(model(**fields)))


def test_rope_scores_depend_on_the_distance_alone() -> None:
    rope = POSITIONS.parse("rope")
    query, key = (jnp.broadcast_to(jax.random.normal(root(seed), (8,)), (1, 1, LENGTH, 8)) for seed in (1, 2))
    scores = np.asarray(rope.rotate(query)[0, 0] @ rope.rotate(key)[0, 0].T)
    for shift in range(1 - LENGTH, LENGTH):
        diagonal = np.diagonal(scores, shift)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-5)
    assert np.ptp(scores[0]) > 0.1


# --- recurrence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decay_init", "low", "high"), [("as_run", 0.001, 0.05), ("intended", 0.95, 0.999)])
def test_the_decay_starts_in_its_range(decay_init: str, low: float, high: float) -> None:
    for kind in ("state", "power"):
        dln = DLNS.parse({"kind": kind, "size": 10_000, "decay_init": decay_init})
        decay = np.asarray(dln.init(2, lambda name, shape: jnp.zeros(shape), root(0)).decay)
        np.testing.assert_allclose(np.quantile(decay, [0, 0.5, 1]), [low, (low + high) / 2, high], rtol=0.02)


@pytest.mark.parametrize("decay_init", ["as_run", "intended"])
def test_both_scans_of_the_dln_are_the_loop(decay_init: str) -> None:
    rows = jax.random.normal(root(4), (2 * LENGTH, 8))
    config = {"kind": "state", "size": 5, "decay_init": decay_init}
    weights = DLNS.parse(config).init(8, lambda name, shape: jax.random.normal(root(5), shape), root(6))
    expected = np.zeros((2, LENGTH, 5))
    drive = np.asarray(rows @ weights.inputs).reshape(2, LENGTH, 5)
    for t in range(LENGTH):
        expected[:, t] = drive[:, t] + (np.asarray(weights.decay) * expected[:, t - 1] if t else 0)
    for scan in ("associative", "sequential"):
        memory = DLNS.parse({**config, "scan": scan}).apply(weights, rows, 2)[:, 8:]
        np.testing.assert_allclose(memory, expected.reshape(-1, 5), rtol=1e-4, atol=1e-5)


def test_the_power_variant_ignores_its_input() -> None:
    power = DLNS.parse({"kind": "power", "size": 5, "decay_init": "intended"})
    weights = power.init(8, lambda name, shape: jnp.zeros(shape), root(6))
    one, two = (power.apply(weights, jax.random.normal(root(seed), (LENGTH, 8)), 1)[:, 8:] for seed in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one, weights.decay[None] ** np.arange(1, LENGTH + 1)[:, None], rtol=1e-5)


# --- embeddings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [0, 1, 3])
def test_extra_embeddings_change_nothing_before_training(extra: int) -> None:
    plain = model(embedding_norm="rms")
    more = model(embedding_norm="rms", extra_embeddings=extra)
    same(logits(more), logits(plain))
    assert count(more) == count(plain) + extra * SYMBOLS * 16 + (2 + extra)


def test_a_value_embedding_without_weight_changes_nothing() -> None:
    gpt = model(layers=2, value_embeddings=[1])
    weights = start(gpt)
    assert [block.value is not None for block in weights.blocks] == [False, True]
    value = weights.blocks[1].value
    assert value is not None
    off = jax.tree.map(lambda leaf: jnp.array([1.0, 0.0]) if leaf is value.mixing else leaf, weights)
    plain = logits(model(layers=2))
    same(logits(gpt, off), plain)
    assert not np.allclose(logits(gpt, weights), plain)


def test_a_tied_unembedding_is_the_embedding() -> None:
    tied, untied = model(output="tied"), model()
    same(logits(tied), logits(untied))
    assert count(tied) == count(untied) - 16 * SYMBOLS

    def slopes(gpt: GPT) -> Parameters:
        loss = jax.jit(lambda weights: jnp.sum(gpt.apply(weights, TOKENS, key=None)[:, :, 0] ** 2))
        slopes: Parameters = jax.jit(jax.grad(loss))(start(gpt))
        return slopes

    shared, separate = slopes(tied), slopes(untied)
    assert separate.unembedding is not None
    np.testing.assert_allclose(shared.embedding, separate.embedding + separate.unembedding.T, rtol=1e-4, atol=1e-5)


# --- matrices ---------------------------------------------------------------------------------------------------


def test_a_pooled_gate_has_the_parameters_of_a_plain_block() -> None:
    assert count(model(mlp="pooled_gate")) == count(model())


@pytest.mark.parametrize("kind", ["gated", "swiglu", "geglu", "compute_gate"])
def test_gated_blocks_match_the_parameters_or_the_width(kind: str) -> None:
    plain = count(model())
    assert count(model(mlp={"kind": kind})) == plain + 16 * 64
    rounding = 3 * 16 / 2
    assert abs(count(model(mlp={"kind": kind, "match": "parameters"})) - plain) <= rounding


def test_a_gated_block_takes_its_gate_from_the_activation() -> None:
    for activation, kind in (("silu", "swiglu"), ("gelu", "geglu"), ("sigmoid", "compute_gate")):
        named = model(mlp=kind, activation="relu")
        gated = model(mlp="gated", activation=activation)
        same(logits(named), logits(gated))


@pytest.mark.parametrize(
    ("kind", "deviation"),
    [
        ("glorot_normal", (2 / 1000) ** 0.5),
        ("he_normal", (2 / 800) ** 0.5),
        ("half_he_normal", (1 / 1600) ** 0.5),
        ("lecun_normal", (1 / 800) ** 0.5),
        ("truncated_normal", 0.8796 / 800**0.5),
    ],
)
def test_deviation_of_an_init(kind: str, deviation: float) -> None:
    assert float(jnp.std(INITS.parse(kind).build()(root(0), (800, 200)))) == pytest.approx(deviation, rel=0.01)


def test_an_orthogonal_matrix_keeps_lengths_where_it_can() -> None:
    draw = INITS.parse("orthogonal").build()
    for shape in ((24, 8), (8, 24)):
        matrix = np.asarray(draw(root(0), shape))
        products = matrix.T @ matrix if shape[0] > shape[1] else matrix @ matrix.T
        np.testing.assert_allclose(products, np.eye(8), atol=1e-5)


def parts_of(gpt: GPT) -> dict[str, np.ndarray]:
    weights = start(gpt)
    (block,) = weights.blocks
    assert block.qkv is not None
    q, k, v = np.split(np.asarray(block.qkv), 3, axis=1)
    parts = {"q": q, "k": k, "v": v, "out": block.out, "up": block.mlp.up, "down": block.mlp.down}
    ends = {"position": weights.position, "embedding": weights.embedding, "unembedding": weights.unembedding}
    return {name: np.asarray(part) for name, part in (parts | ends).items()}


@pytest.mark.parametrize(
    ("fields", "scaled"),
    [
        ({"qkv_scale": 0.3}, {"q", "k", "v"}),
        ({"qk_scale": 0.3}, {"q", "k"}),
        ({"q_scale": 0.3}, {"q"}),
        ({"k_scale": 0.3}, {"k"}),
        ({"v_scale": 0.3}, {"v"}),
        ({"embedding_scale": 0.3}, {"embedding", "unembedding"}),
        ({"output_scale": 0.3}, {"unembedding"}),
        ({"position": {"kind": "learned", "scale": 0.3}}, {"position"}),
        ({"matrices": {"scale": 0.3}}, {"q", "k", "v", "out", "up", "down", "position"}),
        ({"inits": {"down": {"kind": "glorot_normal", "scale": 0.3}}}, {"down"}),
        ({"inits": {"qkv": {"kind": "glorot_normal", "scale": 0.3}}}, {"q", "k", "v"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "-".join(sorted(value)),
)
def test_each_scale_multiplies_its_own_matrices(fields: dict[str, Any], scaled: set[str]) -> None:
    plain, changed = parts_of(model()), parts_of(model(**fields))
    for name, part in changed.items():
        np.testing.assert_allclose(part, (0.3 if name in scaled else 1) * plain[name], rtol=1e-6, err_msg=name)


def test_dropout_is_on_the_attention_weights_and_on_what_each_branch_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, tuple[int, ...]]] = []

    def keep_all(key: Array, share: float, shape: tuple[int, ...]) -> Array:
        drawn.append((share, shape))
        return jnp.ones(shape, bool)

    monkeypatch.setattr(jax.random, "bernoulli", keep_all)
    gpt = model(dropout=0.2)
    jax.eval_shape(lambda: gpt.apply(start(gpt), TOKENS, key=root(0)))
    rows = 3 * LENGTH
    assert drawn == [(0.8, (3, 2, LENGTH, LENGTH)), (0.8, (rows, 16)), (0.8, (rows, 16))]


def test_bfloat16_computes_small_and_keeps_float32_where_it_matters() -> None:
    gpt = model(precision="bfloat16", final_norm="rms", dln={"kind": "state", "size": 5})
    weights = start(gpt)
    assert {leaf.dtype for leaf in jax.tree.leaves(weights)} == {jnp.dtype("float32")}
    lowered = jax.jit(lambda weights: gpt.apply(weights, TOKENS, key=None)).lower(weights).as_text()
    lines = lowered.splitlines()
    means = [line for line in lines if "dot_general" in line and "x1xf32>" in line]
    products = [line for line in lines if "dot_general" in line and line not in means]
    assert means
    assert products
    assert all("bf16" in line.split(" : ")[1].split("->")[0] for line in products)
    for word in ("exponential", "rsqrt", "reduce("):
        assert all("bf16" not in line for line in lines if word in line), word
    with jax.numpy_dtype_promotion("strict"):
        outputs = logits(gpt, weights)
    assert outputs.dtype == jnp.float32
    full = logits(gpt.model_copy(update={"precision": "float32"}), weights)
    np.testing.assert_allclose(outputs, full, atol=0.05 * float(jnp.std(full)))
    assert not np.array_equal(outputs, full)
    slopes = jax.jit(jax.grad(lambda weights: jnp.sum(gpt.apply(weights, TOKENS, key=None) ** 2)))(weights)
    assert {leaf.dtype for leaf in jax.tree.leaves(slopes)} == {jnp.dtype("float32")}
