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
from ablate.systems import INTERVENTIONS, Intervention, Moment, Setting, inspect, root, signature
from ablate.testing import conformance

from .acting import GPT, MLP, named, one_moment, program, started, trained

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


# --- penalties, caps, noise -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["l2", "l2_init"])
@pytest.mark.parametrize("leaves", ["all", "qkv_only", "all_but_mlp_in"])
def test_penalties_are_the_gradient_of_a_sum_of_squares(kind: str, leaves: str) -> None:
    config = program(GPT)
    state = started(config)
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
    found = jax.jit(lambda: l2.update(remembered, one_moment(config, state, gradients=zeros))[1].gradients)()
    expected = jax.jit(jax.grad(penalty))(state.parameters)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)


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
