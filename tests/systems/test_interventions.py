"""What each intervention does to training, number by number, and what it leaves alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import PyTree

from ablate.core import GridError, Lane, digest, to_identity
from ablate.systems import INTERVENTIONS, PROGRAMS, Intervention, Moment, Setting, hyper, inspect, root, signature
from ablate.systems.interventions import leaf_name
from ablate.systems.interventions.resets import begin_anew
from ablate.systems.supervised import Supervised, TrainState
from ablate.testing import conformance

ACTING: list[dict[str, Any]] = [
    {"kind": "l2", "strength": 0.01},
    {"kind": "l2", "strength": 0.01, "leaves": "all_but_mlp_in"},
    {"kind": "l2_init", "strength": 0.01},
    {"kind": "weight_cap", "cap": 0.5, "leaves": "matrices"},
    {"kind": "update_clip", "limit": 0.003},
    {"kind": "shrink_and_perturb", "p": 0.99, "sigma": 0.01},
    {"kind": "redo", "threshold": 0.5, "every": 2},
    {"kind": "redo", "threshold": 0.1, "every": 2, "formulation": "as_run"},
    {"kind": "random_k", "like": {"kind": "redo", "threshold": 0.5, "every": 2}},
    {"kind": "random_k", "count": 2, "like": {"kind": "redo", "threshold": 0.5, "every": 2}},
]
MLP: dict[str, Any] = {"problem": {"kind": "spirals", "points": 64, "batch": 16}, "model": {"kind": "mlp", "width": 8}}
GPT: dict[str, Any] = {
    "problem": {"kind": "char_lm", "context": 12, "batch": 4, "validation_windows": 8},
    "model": {"kind": "gpt", "width": 8, "heads": 2, "layers": 1, "dropout": 0.1},
}


def program(parts: dict[str, Any], **fields: Any) -> Supervised:
    parsed = PROGRAMS.parse({"kind": "supervised", "optimizer": {"kind": "adamw", "lr": 0.01}, **parts, **fields})
    assert isinstance(parsed, Supervised)
    return parsed


def trained(config: Supervised, steps: int = 4) -> tuple[TrainState, dict[str, jax.Array]]:
    """The state after some updates, and every metric of each."""
    data, row = jax.tree.map(jnp.asarray, config.load()), jnp.asarray(hyper([config])[0])

    @jax.jit
    def run(row: jax.Array) -> Any:
        traced: Any = signature(config).config(row)
        return jax.lax.scan(lambda state, _: traced.step(data, state), traced.init(data, root(0)), length=steps)

    state, metrics = run(row)
    assert isinstance(state, TrainState)
    return state, metrics


def started(config: Supervised) -> TrainState:
    """The state before the first update, but for an optimiser whose moments are all 1 larger."""
    data = jax.tree.map(jnp.asarray, config.load())
    state: TrainState = jax.jit(lambda data: config.init(data, root(0)))(data)
    moved: PyTree = jax.tree.map(lambda leaf: leaf + 1, state.optimizer)
    return TrainState(state.step, state.key, state.parameters, moved, state.interventions)


def named(tree: PyTree) -> dict[str, jax.Array]:
    return {leaf_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def one_moment(config: Supervised, state: TrainState, **fields: Any) -> Moment:
    known = {"gradients": None, "before": state.parameters, "activations": {}, "step": state.step, "key": root(7)}
    known |= {"parameters": state.parameters, "optimizer": state.optimizer}
    return Moment(setting=Setting(config.model, config.problem), **(known | fields))


# --- all of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", ACTING, ids=str)
def test_conformance(config: dict[str, Any]) -> None:
    conformance.check_intervention(INTERVENTIONS.parse(config))


@pytest.mark.parametrize("config", [ACTING[1], ACTING[7]], ids=str)
def test_conformance_on_a_transformer_with_dropout(config: dict[str, Any]) -> None:
    conformance.check_intervention(INTERVENTIONS.parse(config), program(GPT))


def test_every_kind_is_tested() -> None:
    assert {config["kind"] for config in ACTING} == {
        cls.kind for cls in INTERVENTIONS if cls.__module__.startswith("ablate.")
    }


def test_the_suite_can_fail() -> None:
    class Shrinking(Intervention):
        """Shrinks parameters also where it says that it does nothing."""

        at = "step"
        neutral: ClassVar[Mapping[str, float]] = {"strength": 0.5}
        strength: Annotated[float, Lane()] = 0.1
        """Share that stays."""

        def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
            return state, replace(moment, parameters=jax.tree.map(lambda leaf: 0.5 * leaf, moment.parameters))

        def act(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
            return self.update(state, moment)

    class Idle(Shrinking):
        """Does nothing."""

        def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
            return state, moment

    try:
        for cls, message in ((Shrinking, "changes the parameters"), (Idle, "does nothing with these settings")):
            INTERVENTIONS.register("test_faulty")(cls)
            with pytest.raises(AssertionError, match=message):
                conformance.check_intervention(cls())
            del INTERVENTIONS._members["test_faulty"]
    finally:
        INTERVENTIONS._members.pop("test_faulty", None)


def test_none_leaves_identity_and_signature_alone() -> None:
    plain, empty = program(MLP), program(MLP, interventions={}, diagnostics={})
    assert digest(to_identity(plain)) == digest(to_identity(empty))
    assert signature(plain) == signature(empty)
    assert "interventions" not in str(signature(plain).structure)
    some = program(MLP, interventions={"decay": "l2"})
    assert digest(to_identity(some)) != digest(to_identity(plain))
    assert signature(some) != signature(plain)
    weaker = program(MLP, interventions={"decay": {"kind": "l2", "strength": 1e-6}})
    assert signature(some) == signature(weaker)


def test_order_in_the_file_is_nothing() -> None:
    both = {"noise": ACTING[5], "cap": ACTING[3]}
    one, other = (program(MLP, interventions=dict(items)) for items in (both.items(), reversed(both.items())))
    assert digest(to_identity(one)) == digest(to_identity(other))
    jax.tree.map(np.testing.assert_array_equal, trained(one)[0].parameters, trained(other)[0].parameters)


def test_random_streams_of_a_run_are_left_alone() -> None:
    """Batches and dropout are those of a run without: the first update sees the same loss whatever acts after it."""
    _, plain = trained(program(GPT), steps=1)
    acting = {"noise": ACTING[5], "reset": {"kind": "redo", "threshold": 9.0, "every": 1}}
    _, metrics = trained(program(GPT, interventions=acting), steps=1)
    np.testing.assert_array_equal(metrics["train_loss"], plain["train_loss"])
    assert float(metrics["reset_units"][0]) == 32


def test_accumulated_batches_give_resets_the_same_activations() -> None:
    reset = {"it": {"kind": "redo", "threshold": 0.5, "every": 2}}
    whole, metrics = trained(program(MLP, interventions=reset))
    cut, cut_metrics = trained(program(MLP, interventions=reset, micro_batches=4))
    np.testing.assert_array_equal(metrics["it_units"], cut_metrics["it_units"])
    assert float(metrics["it_units"].sum()) > 0
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), whole.parameters, cut.parameters)


# --- penalties, caps, noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["l2", "l2_init"])
@pytest.mark.parametrize("leaves", ["all", "qkv_only", "all_but_mlp_in"])
def test_penalties_are_the_gradient_of_a_sum_of_squares(kind: str, leaves: str) -> None:
    config = program(GPT)
    data = jax.tree.map(jnp.asarray, config.load())
    state = config.init(data, root(0))
    start = jax.tree.map(lambda leaf: 0.9 * leaf + 0.01, state.parameters)
    every = named(start)
    meant = {
        "all": set(every),
        "qkv_only": {name for name in every if name.endswith("qkv")},
        "all_but_mlp_in": {name for name in every if not name.endswith("mlp.up")},
    }[leaves]

    def penalty(parameters: PyTree) -> jax.Array:
        before = named(start if kind == "l2_init" else jax.tree.map(jnp.zeros_like, start))
        chosen = (jnp.sum((leaf - before[name]) ** 2) for name, leaf in named(parameters).items() if name in meant)
        return 0.3 * jnp.asarray(sum(chosen))

    l2 = INTERVENTIONS.parse({"kind": kind, "strength": 0.3, "leaves": leaves})
    zeros = jax.tree.map(jnp.zeros_like, state.parameters)
    remembered = l2.init(Setting(config.model, config.problem), start)
    _, after = l2.update(remembered, one_moment(config, state, gradients=zeros))
    expected = jax.grad(penalty)(state.parameters)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), after.gradients, expected)


def test_the_recorded_loss_is_without_the_penalty() -> None:
    _, plain = trained(program(MLP), steps=1)
    _, heavy = trained(program(MLP, interventions={"decay": {"kind": "l2", "strength": 10.0}}), steps=1)
    np.testing.assert_array_equal(heavy["train_loss"], plain["train_loss"])
    assert float(heavy["grad_norm"][0]) > 10 * float(plain["grad_norm"][0])


def test_bounds_hold_at_every_step() -> None:
    capped, _ = trained(program(MLP, interventions={"cap": {"kind": "weight_cap", "cap": 0.3}}))
    sizes = [float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(capped.parameters)]
    assert max(sizes) == np.float32(0.3)
    config = program(MLP, interventions={"clip": {"kind": "update_clip", "limit": 0.002}})
    start, _ = trained(config, steps=0)
    after, _ = trained(config, steps=3)
    moved = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b))), after.parameters, start.parameters)
    assert 0.0059 < max(jax.tree.leaves(moved)) < 0.00601


def test_shrink_and_perturb_adds_a_fresh_draw() -> None:
    config = program(MLP)
    state = started(config)
    noisy = INTERVENTIONS.parse({"kind": "shrink_and_perturb", "p": 0.5, "sigma": 2.0})
    _, after = noisy.update((), one_moment(config, state))
    fresh = config.model.init(config.problem.shapes(), root(7))
    jax.tree.map(
        lambda new, old, draw: np.testing.assert_allclose(new, 0.5 * old + 2 * draw, rtol=1e-6),
        after.parameters,
        state.parameters,
        fresh,
    )


def test_an_intervention_that_can_do_nothing_is_refused() -> None:
    with pytest.raises(GridError, match=r"interventions\.decay\.leaves: mlp has no parameters .* qkv_only"):
        inspect.parameter_count(program(MLP, interventions={"decay": {"kind": "l2", "leaves": "qkv_only"}}))
    with pytest.raises(GridError, match=r"l2 resets no units"):
        INTERVENTIONS.parse({"kind": "random_k", "like": "l2"})


# --- resets -----------------------------------------------------------------------------------------------------

RESETTABLE = [
    MLP,
    {**MLP, "model": {"kind": "mlp", "width": 8, "layers": 3}},
    GPT,
    {**GPT, "model": {**GPT["model"], "mlp": "swiglu"}},
]


@pytest.mark.parametrize("parts", RESETTABLE, ids=["mlp", "deep", "gpt", "swiglu"])
def test_a_reset_takes_away_what_the_units_contributed_and_nothing_else(parts: dict[str, Any]) -> None:
    """The outputs after it are those of the network with the units' outgoing weights at 0."""
    config = program(parts)
    state, _ = trained(config)
    data = jax.tree.map(jnp.asarray, config.load())
    inputs = jax.tree.map(lambda leaf: leaf[0], config.problem.validation(data)).inputs
    size = 8 if parts["model"]["kind"] == "mlp" else 32
    chosen = {units.tap: jnp.arange(size) % 3 == 1 for units in config.model.units()}
    anew, _ = begin_anew(chosen, one_moment(config, state))
    leaves = named(state.parameters)
    for units in config.model.units():
        for slices in units.outgoing:
            shape = [-1 if axis == slices.axis else 1 for axis in range(leaves[slices.leaf].ndim)]
            leaves[slices.leaf] = leaves[slices.leaf] * ~chosen[units.tap].reshape(shape)
    without = jax.tree.unflatten(jax.tree.structure(state.parameters), list(leaves.values()))
    apply = jax.jit(lambda parameters: config.model.apply(parameters, inputs, key=None))
    before, after, expected = apply(state.parameters), apply(anew), apply(without)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(before, after, atol=1e-4)
    drawn = named(config.model.init(config.problem.shapes(), jax.random.fold_in(root(7), 0)))
    touched = {slices.leaf for units in config.model.units() for slices in (*units.incoming, *units.outgoing)}
    for name, leaf in named(anew).items():
        if name not in touched:
            np.testing.assert_array_equal(leaf, named(state.parameters)[name], err_msg=name)
    assert touched < set(drawn) or parts["model"]["kind"] == "mlp"


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
        jax.tree_util.tree_leaves_with_path(state.optimizer), jax.tree.leaves(after), strict=True
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
