"""What diagnostics read, against numbers that are worked out otherwise."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.core import GridError, digest, to_identity
from ablate.systems import DIAGNOSTICS, PROGRAMS, in_training, inspect, root, signature, stream, whole_hyper
from ablate.systems.models.gpt import Parameters
from ablate.systems.supervised import Supervised, TrainState
from ablate.systems.taps import collecting, scope, tap
from ablate.testing import conformance

pytestmark = pytest.mark.usefixtures("quick_compilation")

TEXT = {"kind": "char_lm", "context": 12, "batch": 4, "validation_windows": 8}
GPT = {"problem": TEXT, "model": {"kind": "gpt", "layers": 1, "width": 8, "heads": 2, "activation": "relu"}}
MLP = {"problem": {"kind": "spirals", "points": 64, "batch": 16}, "model": {"kind": "mlp", "width": 8}}
KINDS = tuple(kind for kind in DIAGNOSTICS.kinds() if kind != "interpolation")  # which is tested with its models
ALL = {kind: {"kind": kind} for kind in KINDS} | {
    "histograms": {"kind": "histograms", "bins": 5, "low": 1e-3, "high": 1.0},
    "samples": {"kind": "samples", "prompt": 4},
    "drawn": {"kind": "samples", "prompt": 4, "choice": "drawn"},
}


def program(parts: dict[str, Any], **fields: Any) -> Supervised:
    parsed = PROGRAMS.parse({"kind": "supervised", "optimizer": {"kind": "adamw", "lr": 0.01}, **parts, **fields})
    assert isinstance(parsed, Supervised)
    return parsed


@pytest.fixture(scope="module")
def looked() -> tuple[Supervised, Any, TrainState, TrainState, dict[str, np.ndarray]]:
    """A small transformer after an update, what comes after the next one, and everything that diagnostics read."""
    config = program(GPT, diagnostics=ALL)
    data, shared = jax.tree.map(jnp.asarray, config.load()), signature(config).whole

    @jax.jit
    def run(row: jax.Array) -> Any:
        drawn: Any = shared.config(row)
        traced = in_training(drawn)
        state, _ = traced.step(data, drawn.init(data, root(0)))
        return state, traced.step(data, state)[0], traced.diagnose(data, state)

    state, after, found = run(jnp.asarray(whole_hyper([config])[0]))
    return config, data, state, after, {name: np.asarray(values) for name, values in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_conformance(kind: str) -> None:
    needs_text = kind in {"samples", "attention_entropy"}
    conformance.check_diagnostic(DIAGNOSTICS.parse(ALL[kind]), program(GPT if needs_text else MLP))


def test_recording_is_outside_the_identity_but_decides_the_program() -> None:
    plain, some = program(MLP), program(MLP, diagnostics={"sizes": "norms"})
    assert digest(to_identity(plain)) == digest(to_identity(some))
    assert signature(plain) != signature(some)
    assert plain.recordings() == ()
    other = program(MLP, diagnostics={"sizes": {"kind": "norms", "of": ["weights"]}})
    assert len({plain.recordings(), some.recordings(), other.recordings()}) == 3


def test_norms(looked: Any) -> None:
    config, data, state, _, found = looked
    parameters: Parameters = state.parameters
    np.testing.assert_allclose(
        found["norms/weights/blocks.0.mlp.up"], np.linalg.norm(parameters.blocks[0].mlp.up), rtol=1e-5
    )
    batch = config.problem.sample(data, jax.random.fold_in(stream(state.key, "data"), state.step))
    gradients = jax.grad(
        lambda leaves: config.problem.loss(config.model.apply(leaves, batch.inputs, key=None), batch.targets)
    )(parameters)
    np.testing.assert_allclose(found["norms/gradients/embedding"], np.linalg.norm(gradients.embedding), rtol=1e-4)
    names = {name.split("/")[2] for name in found if name.startswith("norms/activations")}
    assert names == {"blocks.0.hidden", "blocks.0.residual"}


def test_histograms(looked: Any) -> None:
    _, _, state, _, found = looked
    edges = found["histograms/edges/"]
    np.testing.assert_allclose(edges, [1e-3, 1e-2, 1e-1, 1.0], rtol=1e-5)
    sizes = np.abs(np.asarray(state.parameters.blocks[0].qkv)).reshape(-1)
    bins = np.concatenate([[0], edges, [np.inf]])
    expected, _ = np.histogram(sizes, bins)
    np.testing.assert_allclose(found["histograms/weights/blocks.0.qkv"], expected / sizes.size, rtol=1e-5)
    for name, values in found.items():
        if name.startswith("histograms/") and "edges" not in name:
            np.testing.assert_allclose(values.sum(), 1.0, rtol=1e-5, err_msg=name)
    zeros = found["histograms/activations/blocks.0.hidden"][0]
    assert zeros > 0.3, "relu makes zeros, which belong into the first bin"


def test_update_ratio_is_of_the_update_that_comes_next(looked: Any) -> None:
    _, _, state, after, found = looked
    old, new = (np.asarray(one.parameters.blocks[0].mlp.down) for one in (state, after))
    expected = np.linalg.norm(new - old) / np.linalg.norm(old)
    np.testing.assert_allclose(found["update_ratio/ratio/blocks.0.mlp.down"], expected, rtol=1e-3)


def test_attention_entropy_is_in_nats_and_at_most_that_of_all_that_is_seen(looked: Any) -> None:
    _, _, _, _, found = looked
    most = np.mean(np.log(np.arange(1, 13)))
    assert 0.5 * most < found["attention_entropy/mean/blocks.0.attention"] <= most * 1.0001
    assert found["attention_entropy/deviation/blocks.0.attention"] > 0.3
    flat = program({**GPT, "model": {**GPT["model"], "qk_scale": 0.0}}, diagnostics={"e": "attention_entropy"})
    data = jax.tree.map(jnp.asarray, flat.load())
    uniform = jax.jit(lambda: flat.diagnose(data, flat.init(data, root(0))))()
    np.testing.assert_allclose(uniform["e/mean/blocks.0.attention"], most, rtol=1e-4)


def test_both_ways_to_compute_attention_have_the_same_entropy() -> None:
    entropies = []
    for attention in ("masked", {"kind": "local", "block": 5}):
        model = {"kind": "gpt", "layers": 1, "width": 8, "heads": 2, "history": 4, "attention": attention}
        config = program({"problem": TEXT, "model": model}, diagnostics={"e": "attention_entropy"})
        data = jax.tree.map(jnp.asarray, config.load())
        entropies.append(jax.jit(lambda data: config.diagnose(data, config.init(data, root(0))))(data))  # noqa: B023
    one, other = (np.asarray(list(found.values())) for found in entropies)
    np.testing.assert_allclose(one, other, rtol=1e-5)
    assert 0 < one[0] <= np.mean(np.log(np.minimum(np.arange(1, 13), 4)))


def test_dead_units_and_logits() -> None:
    config = program(MLP, diagnostics={"dead": "dead_units", "logits": "logit_scale"})
    data = jax.tree.map(jnp.asarray, config.load())
    state = config.init(data, root(0))
    biases = (state.parameters.biases[0].at[:2].set(-1e3), state.parameters.biases[1], jnp.asarray([7.0, 7.0]))
    leaves = (state.parameters.weights, biases)
    killed = TrainState(state.step, state.key, type(state.parameters)(*leaves), state.optimizer, {})
    found = jax.jit(config.diagnose)(data, killed)
    assert float(found["dead/share/layers.0.hidden"]) >= 0.25
    outputs = config.model.apply(killed.parameters, config.problem.validation(data).inputs[0], key=None)
    np.testing.assert_allclose(found["logits/largest/"], np.abs(outputs).max(), rtol=1e-5)
    np.testing.assert_allclose(found["logits/deviation/"], outputs.std(axis=1).mean(), rtol=1e-4)


def test_samples_continue_a_text_greedily(looked: Any) -> None:
    config, data, state, _, found = looked
    text = found["samples/text/0"].astype(int)
    window = config.problem.validation(data).inputs[0, 0]
    np.testing.assert_array_equal(text[:4], window[:4])
    logits = config.model.apply(state.parameters, jnp.asarray(text)[None], key=None)
    np.testing.assert_array_equal(text[4:], np.argmax(logits[0, 3:-1], axis=-1))
    written = config.described("samples/text/0", found["samples/text/0"].tolist())
    assert written is not None
    assert len(written) == 12
    assert not np.array_equal(found["drawn/text/0"], found["samples/text/0"])
    assert config.described("norms/weights/embedding", [1.0]) is None


@pytest.mark.parametrize(
    ("parts", "diagnostic", "message"),
    [
        (MLP, "samples", r"diagnostics\.it: spirals does not ask for a symbol"),
        (GPT, {"kind": "samples", "prompt": 12}, r"diagnostics\.it: prompt: 12 symbols leave nothing to write"),
    ],
)
def test_a_diagnostic_that_measures_nothing_is_refused(parts: Any, diagnostic: object, message: str) -> None:
    with pytest.raises(GridError, match=message):
        inspect.parameter_count(program(parts, diagnostics={"it": diagnostic}))


def test_names_without_slash() -> None:
    with pytest.raises(GridError, match="must not have a slash"):
        inspect.parameter_count(program(MLP, diagnostics={"a/b": "norms"}))


def test_a_tap_that_nobody_reads_leaves_no_trace() -> None:
    def tapped(x: jax.Array) -> jax.Array:
        with scope("a", "b"):
            return tap("hidden", x * 2) + 1

    x = jnp.ones(3, jnp.bfloat16)
    assert str(jax.make_jaxpr(tapped)(x)) == str(jax.make_jaxpr(lambda x: x * 2 + 1)(x))
    with collecting() as found:
        tapped(x)
    assert {name: values.dtype for name, values in found.items()} == {"a.b.hidden": jnp.float32}
    with collecting(only=()) as nothing:
        tapped(x)
    assert nothing == {}
