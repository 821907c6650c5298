"""Small programs for tests of interventions, and one update of them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ablate.systems import PROGRAMS, Moment, Setting, in_training, root, signature, whole_hyper
from ablate.systems.interventions import leaf_name
from ablate.systems.joined import apart
from ablate.systems.supervised import Supervised, TrainState

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
    data, row = jax.tree.map(jnp.asarray, config.load()), jnp.asarray(whole_hyper([config])[0])

    @jax.jit
    def run(row: jax.Array) -> Any:
        drawn: Any = signature(config).whole.config(row)
        traced = in_training(drawn)
        return jax.lax.scan(lambda state, _: traced.step(data, state), drawn.init(data, root(0)), length=steps)

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
    known |= {"parameters": state.parameters, "optimizer": apart(state.optimizer)}
    return Moment(setting=Setting(config.model, config.problem), **(known | fields))
