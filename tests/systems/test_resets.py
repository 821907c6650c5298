"""Resets: which units, when, and what of the network and of the optimiser begins anew."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.systems import INTERVENTIONS
from ablate.systems.interventions import leaf_name
from ablate.systems.interventions.resets import begin_anew
from ablate.systems.joined import apart

from .acting import GPT, MLP, named, one_moment, program, started, trained

pytestmark = pytest.mark.usefixtures("quick_compilation")

PICTURES: dict[str, Any] = {"problem": {"kind": "reconstruction", "batch": 4, "judged": 0}}
RESETTABLE = [
    {**PICTURES, "model": {"kind": "tdln", "size": 8, "levels": 2, "highway": 0, "scan": "sequential"}},
    {**PICTURES, "model": {"kind": "dln", "size": 8, "norm": "none", "highway": 2, "scan": "sequential"}},
    MLP,
    {**MLP, "model": {"kind": "mlp", "width": 8, "layers": 3}},
    GPT,
    {**GPT, "model": {**GPT["model"], "mlp": "swiglu"}},
]


@pytest.mark.parametrize("parts", RESETTABLE, ids=["tdln", "dln", "mlp", "deep", "gpt", "swiglu"])
def test_a_reset_takes_away_what_the_units_contributed_and_nothing_else(parts: dict[str, Any]) -> None:
    """The outputs after it are those of the network with the units' outgoing weights at 0."""
    config = program(parts)
    state, _ = trained(config)
    data = jax.tree.map(jnp.asarray, config.load())
    inputs = jax.tree.map(lambda leaf: leaf[0], config.problem.validation(data)).inputs
    size = 32 if parts["model"]["kind"] == "gpt" else 8
    chosen = {units.tap: jnp.arange(size) % 3 == 1 for units in config.model.resettable()}
    anew = jax.jit(lambda: begin_anew(chosen, one_moment(config, state))[0])()
    leaves = named(state.parameters)
    for units in config.model.resettable():
        for slices in units.outgoing:
            shape = [-1 if axis == slices.axis else 1 for axis in range(leaves[slices.leaf].ndim)]
            leaves[slices.leaf] = leaves[slices.leaf] * ~chosen[units.tap].reshape(shape)
    without = jax.tree.unflatten(jax.tree.structure(state.parameters), list(leaves.values()))
    apply = jax.jit(lambda parameters: config.model.apply(parameters, inputs, key=None))
    before, after, expected = apply(state.parameters), apply(anew), apply(without)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(before, after, atol=1e-4)
    touched = {slices.leaf for units in config.model.resettable() for slices in (*units.incoming, *units.outgoing)}
    for name, leaf in named(anew).items():
        if name not in touched:
            np.testing.assert_array_equal(leaf, named(state.parameters)[name], err_msg=name)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"kind": "adamw", "weight_decay": 0.1, "decay": "independent"},
        {"kind": "sgd", "momentum": 0.9},
        "lion",
        "muon",
    ],
    ids=lambda config: config if isinstance(config, str) else config["kind"],
)
def test_moments_of_reset_slices_are_zero_and_no_others(optimizer: object) -> None:
    config = program(GPT, optimizer=optimizer)
    state = started(config)
    chosen = {units.tap: jnp.arange(32) < 5 for units in config.model.units()}
    _, after = begin_anew(chosen, one_moment(config, state))
    before, cut = 0, 0
    for (path, old), new in zip(
        jax.tree_util.tree_leaves_with_path(apart(state.optimizer)), jax.tree.leaves(after), strict=True
    ):
        name = leaf_name(path)
        if name.endswith("mlp.up"):
            expected = old.at[:, :5].set(0)
        elif name.endswith("mlp.down"):
            expected = old.at[:5].set(0)
        else:
            expected = old
        np.testing.assert_array_equal(new, expected, err_msg=name)
        before, cut = before + int(jnp.sum(old != 0)), cut + int(jnp.sum(new != 0))
    assert cut < before


def test_reset_units_get_fresh_incoming_weights() -> None:
    config = program(MLP)
    state, _ = trained(config)
    chosen = {"layers.0.hidden": jnp.arange(8) == 3, "layers.1.hidden": jnp.zeros(8, bool)}
    anew, _ = begin_anew(chosen, one_moment(config, state))
    old, new = state.parameters, anew
    assert not np.any(np.asarray(new.weights[0][:, 3] == old.weights[0][:, 3]))
    assert float(new.biases[0][3]) == 0.0
    np.testing.assert_array_equal(np.delete(new.weights[0], 3, 1), np.delete(old.weights[0], 3, 1))
    np.testing.assert_array_equal(new.weights[1][3], jnp.zeros(8))
    np.testing.assert_array_equal(np.delete(new.weights[1], 3, 0), np.delete(old.weights[1], 3, 0))
    np.testing.assert_array_equal(new.weights[2], old.weights[2])


def test_redo_scores_in_both_formulations() -> None:
    config = program(MLP)
    state = started(config)
    activations = {
        "layers.0.hidden": jnp.asarray([[0.0, 1.0, 2.0, 5.0], [0.0, 1.0, -2.0, 7.0]]),  # mean sizes 0, 1, 2, 6
        "layers.1.hidden": jnp.zeros((2, 4)),
    }

    def chosen(**fields: Any) -> list[bool]:
        redo: Any = INTERVENTIONS.parse({"kind": "redo", "every": 1, **fields})
        _, found = redo.choose((), one_moment(config, state, activations=activations))
        assert bool(found["layers.1.hidden"].all()), "a layer that is silent is dormant"
        return list(map(bool, found["layers.0.hidden"]))

    assert chosen(threshold=0.0) == [True, False, False, False]
    assert chosen(threshold=0.5) == [True, True, False, False]  # mean over the layer: 9/4
    assert chosen(threshold=0.5, formulation="as_run") == [True, True, True, False]  # sum: 9


def test_resets_come_at_their_time() -> None:
    def units(**fields: Any) -> list[float]:
        redo = {"kind": "redo", "threshold": 1e9, **fields}
        _, metrics = trained(program(MLP, interventions={"reset": redo}), steps=400)
        return list(map(float, metrics["reset_units"]))

    assert [step for step, count in enumerate(units(every=100), 1) if count] == [100, 200, 300, 400]
    by_chance = units(every=10, formulation="as_run")
    assert set(by_chance) == {0.0, 16.0}
    assert 20 < sum(count > 0 for count in by_chance) < 62  # 40 expected, deviation 6


def test_random_k_resets_as_many_as_its_model_would_but_others() -> None:
    config = program(MLP)
    state = started(config)
    activations = {f"layers.{index}.hidden": jnp.arange(64.0)[None] for index in range(2)}
    redo = {"kind": "redo", "threshold": 0.3, "every": 1}
    moment = one_moment(config, state, activations=activations)
    like: Any = INTERVENTIONS.parse(redo)
    matched: Any = INTERVENTIONS.parse({"kind": "random_k", "like": redo})
    _, wanted = like.choose((), moment)
    _, found = matched.choose((), moment)
    assert {name: int(mask.sum()) for name, mask in found.items()} == dict.fromkeys(wanted, 10)
    assert not np.array_equal(found["layers.0.hidden"], wanted["layers.0.hidden"])
    assert not np.array_equal(found["layers.0.hidden"], found["layers.1.hidden"])
    counted: Any = INTERVENTIONS.parse({"kind": "random_k", "like": redo, "count": 3})
    _, three = counted.choose((), moment)
    assert {int(mask.sum()) for mask in three.values()} == {3}


def test_numbers_of_resets_are_recorded() -> None:
    config = program(MLP, interventions={"reset": {"kind": "redo", "threshold": 9, "every": 2}, "decay": "l2"})
    names = {metric.name for metric in config.recorded}
    assert "reset_units" in names
    _, metrics = trained(config)
    assert set(metrics) <= names
    np.testing.assert_array_equal(metrics["reset_units"], [0, 16, 0, 16])


def test_accumulated_batches_give_resets_the_same_activations() -> None:
    reset = {"it": {"kind": "redo", "threshold": 0.5, "every": 2}}
    whole, metrics = trained(program(MLP, interventions=reset))
    cut, cut_metrics = trained(program(MLP, interventions=reset, micro_batches=4))
    np.testing.assert_array_equal(metrics["it_units"], cut_metrics["it_units"])
    assert float(metrics["it_units"].sum()) > 0
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), whole.parameters, cut.parameters)
