"""What optimisers, schedules and the program do to parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import PyTree

from ablate.core import GridError, digest, to_identity
from ablate.systems import OPTIMIZERS, PROGRAMS, SCHEDULES, hyper, inspect, root, signature, stream
from ablate.systems.models.gpt import GPT
from ablate.systems.models.norms import RMSNorm
from ablate.systems.problems import Shapes
from ablate.systems.supervised import Supervised

GPT_SMALL = GPT(width=8, heads=2, layers=1, final_norm=RMSNorm(weight="learned"))
PARAMETERS: PyTree = GPT_SMALL.init(Shapes(inputs=(4,), outputs=(4, 5), symbols=5), root(0))
ZEROS: PyTree = jax.tree.map(jnp.zeros_like, PARAMETERS)


def first_update(config: dict[str, Any], gradients: PyTree) -> dict[str, Any]:
    transformation = OPTIMIZERS.parse(config).build()
    update = jax.jit(lambda gradients: transformation.update(gradients, transformation.init(PARAMETERS), PARAMETERS))
    updates, _ = update(gradients)
    return named(updates)


def named(tree: PyTree) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


@pytest.mark.parametrize("kind", ["adamw", "lion", "muon"])
@pytest.mark.parametrize(("decay", "share"), [("coupled", 0.5 * 0.1 * 0.2), ("independent", 0.1 * 0.2)])
def test_weight_decay_shrinks_what_it_says_by_what_it_says(kind: str, decay: str, share: float) -> None:
    schedule = {"kind": "warmup_cosine", "warmup": 5}  # its first factor is 1/5
    config = {"kind": kind, "lr": 0.5, "weight_decay": 0.1, "decay": decay, "schedule": schedule}
    before = {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(PARAMETERS)}
    hidden = {".blocks[0].qkv", ".blocks[0].out", ".blocks[0].mlp.up", ".blocks[0].mlp.down"}
    matrices = hidden | {".embedding", ".position", ".unembedding"}
    for decayed, names in (
        ("hidden", hidden),
        ("matrices", matrices),
        ("all", set(before)),
    ):
        updates = first_update({**config, "decayed": decayed}, ZEROS)
        for name, update in updates.items():
            expected = -share * before[name] if name in names else jnp.zeros_like(update)
            np.testing.assert_allclose(update, expected, rtol=1e-5, atol=1e-9, err_msg=f"{decayed} {name}")


def test_adamw_without_decay_is_adam() -> None:
    gradients = jax.tree.map(jnp.sin, PARAMETERS)
    jax.tree.map(
        np.testing.assert_array_equal,
        first_update({"kind": "adamw"}, gradients),
        first_update({"kind": "adam"}, gradients),
    )


def test_muon_orthogonalises_hidden_matrices_and_leaves_the_rest_to_adam() -> None:
    gradients = jax.tree.map(lambda leaf: jax.random.normal(root(leaf.size), leaf.shape), PARAMETERS)
    updates = first_update({"kind": "muon", "lr": 0.01, "adam_lr": 0.5}, gradients)
    values = np.linalg.svd(np.asarray(updates[".blocks[0].mlp.down"]) / 0.01, compute_uv=False)
    assert values.min() > 0.5
    assert values.max() < 1.5
    wide = np.linalg.svd(np.asarray(updates[".blocks[0].mlp.up"]) / 0.01, compute_uv=False)
    np.testing.assert_allclose(np.median(wide), 2.0, atol=0.6)  # sqrt(32 / 8)
    for name in (".embedding", ".position", ".unembedding", ".final_norm"):
        np.testing.assert_allclose(np.abs(updates[name]), 0.005, rtol=1e-3, err_msg=name)


def test_linear_cooldown_hits_its_marks() -> None:
    schedule = {"kind": "linear_cooldown", "warmup": 10, "horizon": 100, "cooldown": 0.4, "final": 0.2}
    factor = SCHEDULES.parse(schedule).build()
    for step, expected in {0: 0.1, 9: 1.0, 60: 1.0, 80: 0.6, 100: 0.2, 999: 0.2}.items():
        assert float(factor(jnp.int32(step))) == pytest.approx(expected, rel=1e-5), step


def test_rates_and_decays_train_in_one_pack() -> None:
    def program(**optimizer: Any) -> Any:
        return PROGRAMS.parse({"kind": "supervised", "optimizer": {"kind": "adamw", **optimizer}})

    variants = [program(lr=0.1), program(lr=1e-4, weight_decay=0.1), program(b1=0.8, eps=1e-6)]
    assert len({signature(variant) for variant in variants}) == 1
    assert len(np.unique(hyper(variants), axis=0)) == 3
    assert digest(to_identity(program())) == digest(to_identity(program(decay="coupled", decayed="matrices")))
    assert digest(to_identity(program())) != digest(to_identity(program(decayed="all")))


# --- the update, written down once more -------------------------------------------------------------------------


def rule(config: Any, moments: dict[str, Any], gradient: Any, name: str, step: int) -> Any:
    """The direction that one parameter is moved in, by the formulas of the papers."""
    first, second = moments.setdefault(name, (0.0, 0.0))
    match config.kind:
        case "sgd":
            moments[name] = (config.momentum * first + gradient, second)
            return moments[name][0]
        case "lion":
            moments[name] = (config.b2 * first + (1 - config.b2) * gradient, second)
            return np.sign(config.b1 * first + (1 - config.b1) * gradient)
        case _:
            first = config.b1 * first + (1 - config.b1) * gradient
            second = config.b2 * second + (1 - config.b2) * gradient**2
            moments[name] = (first, second)
            corrected = second / (1 - config.b2 ** (step + 1))
            return first / (1 - config.b1 ** (step + 1)) / (np.sqrt(corrected) + config.eps)


WARMUP = {"kind": "warmup_cosine", "warmup": 2, "horizon": 6, "final": 0.1}
CHAINS: dict[str, dict[str, Any]] = {
    "journal A": {"kind": "adamw", "clip": 1.0, "weight_decay": 0.1, "decayed": "hidden", "schedule": WARMUP},
    "midGPT": {"kind": "adamw", "weight_decay": 1e-4, "decay": "independent", "decayed": "all", "schedule": WARMUP},
    "adam": {"kind": "adam", "b2": 0.99, "schedule": {"kind": "linear_cooldown", "horizon": 8}},
    "lion": {"kind": "lion", "weight_decay": 0.3},
    "sgd": {"kind": "sgd", "momentum": 0.9, "clip": 0.5},
}


@pytest.mark.parametrize("name", CHAINS)
def test_an_optimiser_is_its_formulas(name: str) -> None:
    config: Any = OPTIMIZERS.parse({"lr": 0.05, **CHAINS[name]})
    chain, factor = config.build(), config.schedule.build()

    @jax.jit
    def update(gradients: PyTree, state: PyTree, parameters: PyTree) -> Any:
        clipped = config.clipped(gradients, optax.tree.norm(gradients))
        updates, state = chain.update(clipped, state, parameters)
        return optax.apply_updates(parameters, updates), state

    parameters, state = PARAMETERS, chain.init(PARAMETERS)
    moments: dict[str, Any] = {}
    expected = {path: np.asarray(leaf, np.float64) for path, leaf in named(PARAMETERS).items()}
    for step in range(8):
        keys = jax.random.split(jax.random.fold_in(root(3), step), len(expected))
        drawn = [jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, expected.values(), strict=True)]
        parameters, state = update(jax.tree.unflatten(jax.tree.structure(PARAMETERS), drawn), state, parameters)
        slopes = [np.asarray(slope, np.float64) for slope in drawn]
        length = np.sqrt(sum((slope**2).sum() for slope in slopes))
        share = 1 if config.clip is None else min(1, config.clip / length)
        for slope, (path, old) in zip(slopes, expected.items(), strict=True):
            moved = config.lr * rule(config, moments, share * slope, path, step)
            decays = {"hidden": ".blocks" in path, "matrices": old.ndim >= 2, "all": True, None: False}
            if decays[getattr(config, "decayed", None)]:
                moved = moved + config.weight_decay * (config.lr if config.decay == "coupled" else 1) * old
            expected[path] = old - float(factor(jnp.int32(step))) * moved
    for path, leaf in named(parameters).items():
        np.testing.assert_allclose(leaf, expected[path], rtol=2e-4, atol=2e-6, err_msg=path)


# --- what is measured -------------------------------------------------------------------------------------------


def test_training_data_is_also_measured_without_dropout() -> None:
    model = {"kind": "gpt", "layers": 1, "width": 8, "heads": 2, "dropout": 0.5}
    plain, config = program(model=model), program(model=model, train_eval=True)
    data = jax.tree.map(jnp.asarray, config.load())
    states = [jax.jit(lambda seed: config.init(data, root(seed)))(seed) for seed in (0, 1)]
    found, again = (jax.jit(config.evaluate)(data, state) for state in states)
    assert {*found} == {f"{split}_{name}" for split in ("val", "train_eval") for name in ("loss", "accuracy")}
    assert {*found} < {metric.name for metric in config.recorded}
    for name, value in jax.jit(plain.evaluate)(data, states[0]).items():
        assert float(value) == pytest.approx(float(found[name]), rel=1e-6)
    batch = config.problem.sample(data, jax.random.split(stream(root(0), "train_eval"), 1)[0])
    for state, one in zip(states, (found, again), strict=True):  # the same windows in every run
        loss = config.problem.loss(config.model.apply(state.parameters, batch.inputs, key=None), batch.targets)
        assert float(one["train_eval_loss"]) == pytest.approx(float(loss), rel=1e-5)


def test_measuring_training_data_is_recording() -> None:
    plain, config = program(), program(train_eval=True)
    assert digest(to_identity(plain)) == digest(to_identity(config))
    assert signature(plain) == signature(program(train_eval=False)) != signature(config)
    assert plain.recordings() == ()
    assert config.recordings() == ("train_eval",)


# --- accumulation -----------------------------------------------------------------------------------------------


def program(**fields: Any) -> Supervised:
    problem = {"kind": "char_lm", "context": 16, "batch": 12, "validation_windows": 8}
    parsed = PROGRAMS.parse({"kind": "supervised", "problem": problem, **fields})
    assert isinstance(parsed, Supervised)
    return parsed


@pytest.mark.parametrize("count", [3, 12])
def test_accumulated_gradients_are_those_of_the_whole_batch(count: int) -> None:
    optimizer = {"kind": "sgd", "lr": 0.1}
    whole, cut = program(optimizer=optimizer), program(optimizer=optimizer, micro_batches=count)
    data = jax.tree.map(jnp.asarray, whole.load())
    state = whole.init(data, root(0))
    (one, metrics), (two, cut_metrics) = (jax.jit(each.step)(data, state) for each in (whole, cut))
    assert float(cut_metrics["train_loss"]) == pytest.approx(float(metrics["train_loss"]), rel=1e-5)
    assert float(cut_metrics["grad_norm"]) == pytest.approx(float(metrics["grad_norm"]), rel=1e-4)
    moved = jax.tree.map(jnp.subtract, one.parameters, state.parameters)
    close = jax.tree.map(jnp.subtract, two.parameters, state.parameters)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), moved, close)
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(moved)) > 1e-2


def test_parts_of_a_batch_are_whole() -> None:
    with pytest.raises(GridError, match=r"micro_batches: 5 does not divide the batch of 12"):
        inspect.parameter_count(program(micro_batches=5))


def test_bfloat16_trains_on_float32_masters() -> None:
    small = program(model={"kind": "gpt", "precision": "bfloat16", "dropout": 0.1}, micro_batches=2)
    data = jax.tree.map(jnp.asarray, small.load())
    state = small.init(data, root(0))
    step = jax.jit(small.step)
    losses = []
    for _ in range(30):
        state, metrics = step(data, state)
        losses.append(float(metrics["train_loss"]))
    dtypes = {leaf.dtype for leaf in jax.tree.leaves((state.parameters, state.optimizer))}
    assert dtypes == {jnp.dtype("float32"), jnp.dtype("int32")}
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.2
