"""The arithmetic of an optimiser on all parameters as one array: the same updates, moments and resets."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import Array, PyTree

from ablate.systems import joined
from ablate.systems.joined import MOST, Joined, apart, rejoined
from tests.systems.acting import GPT, MLP, named, program, trained

TREE = {"matrix": jnp.arange(6.0).reshape(2, 3) - 2, "vector": jnp.asarray([0.5, -3.0]), "number": jnp.asarray(7.0)}
ADAM = optax.scale_by_adam()


def form(tree: PyTree) -> str:
    return str(jax.tree.structure(tree))


def updates(transformation: optax.GradientTransformation, tree: PyTree[Array]) -> tuple[PyTree[Array], Any]:
    """What three updates with gradients of other sizes give, and the state after them."""
    state, found = transformation.init(tree), []
    for factor in (1.0, 0.1, -2.0):
        gradients = jax.tree.map(lambda leaf, factor=factor: factor * leaf, tree)
        update, state = transformation.update(gradients, state, tree)
        found.append(update)
    return found, state


@pytest.mark.parametrize("inner", [ADAM, optax.scale_by_lion(), optax.trace(decay=0.9)], ids=["adam", "lion", "sgd"])
def test_updates_and_moments_are_those_of_each_array_by_itself(inner: optax.GradientTransformation) -> None:
    found, state = updates(joined(inner), TREE)
    expected, apart_state = updates(inner, TREE)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_max_ulp(one, other, 1)  # at its end a loop rounds otherwise
    shown = apart(state)
    assert form(shown) == form(apart_state)
    assert named(shown).keys() == named(apart_state).keys()
    for name, leaf in named(apart_state).items():
        np.testing.assert_array_max_ulp(named(shown)[name], leaf, 1)
    assert len(jax.tree.leaves(state)) < len(jax.tree.leaves(apart_state))


def test_a_state_that_was_taken_apart_and_changed_is_joined_again() -> None:
    _, state = updates(joined(ADAM), TREE)
    shown = apart(state)
    changed = shown._replace(mu={**shown.mu, "vector": jnp.zeros(2)})
    again = rejoined(changed, state)
    assert form(again) == form(state)
    np.testing.assert_array_equal(again.mu.tree()["vector"], 0)
    np.testing.assert_array_equal(again.mu.tree()["matrix"], shown.mu["matrix"])
    np.testing.assert_array_equal(again.nu.numbers, state.nu.numbers)


@pytest.mark.parametrize(
    "tree",
    [
        {"single": jnp.ones(2), "complex": jnp.ones(2, jnp.complex64)},
        {"large": jnp.zeros(MOST), "one more": jnp.zeros(1)},
        {},
    ],
    ids=["types", "large", "nothing"],
)
def test_what_cannot_or_should_not_be_joined_stays_apart(tree: dict[str, Array]) -> None:
    _, state = updates(joined(ADAM), tree)
    assert form(state) == form(ADAM.init(tree))
    assert form(rejoined(apart(state), state)) == form(state)


@pytest.mark.parametrize("kind", ["adam", "adamw", "lion", "muon", "sgd"])
def test_the_moments_of_every_optimizer_are_joined(kind: str) -> None:
    state, _ = trained(program(GPT, optimizer=kind))
    is_joined = [isinstance(part, Joined) for part in jax.tree.leaves(state.optimizer, is_leaf=_is_joined)]
    assert any(is_joined)


def test_a_weight_decay_and_an_intervention_leave_the_state_in_its_form() -> None:
    config = program(MLP, interventions={"it": {"kind": "l2", "strength": 1e-3}}, optimizer={"weight_decay": 0.1})
    before, _ = trained(program(MLP, optimizer={"weight_decay": 0.1}))
    after, _ = trained(config)
    assert form(after.optimizer) == form(before.optimizer)


def _is_joined(part: Any) -> bool:
    return isinstance(part, Joined)
