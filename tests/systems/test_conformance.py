"""Every built-in component passes the shipped conformance suite, and the suite can fail."""

import dataclasses
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import pytest

from ablate.core import Lane
from ablate.systems import (
    ACTIVATIONS,
    ATTENTIONS,
    DLNS,
    IMAGES,
    INITS,
    MLP_BLOCKS,
    MODELS,
    NORMS,
    OPTIMIZERS,
    POSITIONS,
    PROBLEMS,
    PROGRAMS,
    SCHEDULES,
    Activation,
    Shapes,
    Slices,
)
from ablate.testing import conformance

TEXT, NUMBERS = Shapes(inputs=(12,), outputs=(12, 11), symbols=11), Shapes(inputs=(5,), outputs=(3,))
SHAPES = {"gpt": TEXT, "mlp": NUMBERS, "dln": NUMBERS, "tdln": TEXT}
SMALL_PROGRAMS = [
    {"kind": "supervised", "problem": {"kind": "char_lm", "context": 16, "batch": 4, "validation_windows": 8}},
    {
        "kind": "supervised",
        "problem": "spirals",
        "model": "mlp",
        "optimizer": {"kind": "sgd", "momentum": 0.9, "clip": 1.0},
    },
]


@pytest.mark.parametrize("kind", ACTIVATIONS.kinds())
def test_activation(kind: str) -> None:
    conformance.check_activation(ACTIVATIONS.parse(kind))


@pytest.mark.parametrize("kind", INITS.kinds())
def test_init(kind: str) -> None:
    conformance.check_init(INITS.parse(kind))


@pytest.mark.parametrize("kind", SCHEDULES.kinds())
def test_schedule(kind: str) -> None:
    conformance.check_schedule(SCHEDULES.parse(kind))


@pytest.mark.parametrize(
    "config",
    [
        *OPTIMIZERS.kinds(),
        {"kind": "adamw", "weight_decay": 0.1, "decay": "independent", "decayed": "all", "lr": 0.01},
        {"kind": "lion", "weight_decay": 0.1, "decayed": "hidden"},
        {"kind": "muon", "weight_decay": 0.1, "schedule": "warmup_cosine", "adam_lr": 0.5},
        {"kind": "sgd", "momentum": 0.9, "schedule": {"kind": "linear_cooldown", "horizon": 40}},
    ],
    ids=str,
)
def test_optimizer(config: object) -> None:
    conformance.check_optimizer(OPTIMIZERS.parse(config))


@pytest.mark.parametrize(
    "config",
    [*NORMS.kinds(), *({"kind": kind, "axis": "block", "weight": "learned"} for kind in ("rms", "layer"))],
    ids=str,
)
def test_norm(config: object) -> None:
    conformance.check_norm(NORMS.parse(config))


@pytest.mark.parametrize("kind", POSITIONS.kinds())
def test_position(kind: str) -> None:
    conformance.check_position(POSITIONS.parse(kind))


@pytest.mark.parametrize(
    ("config", "history"),
    [("masked", None), ("masked", 1), ("masked", 3), ("local", 1), ({"kind": "local", "block": 4}, 4)],
)
def test_attention(config: object, history: int | None) -> None:
    conformance.check_attention(ATTENTIONS.parse(config), history=history)


@pytest.mark.parametrize("config", [*MLP_BLOCKS.kinds(), {"kind": "gated", "match": "parameters"}], ids=str)
def test_mlp_block(config: object) -> None:
    conformance.check_mlp_block(MLP_BLOCKS.parse(config))


@pytest.mark.parametrize(
    "config", [*DLNS.kinds(), {"kind": "state", "scan": "sequential", "decay_init": "intended"}], ids=str
)
def test_dln(config: object) -> None:
    conformance.check_dln(DLNS.parse(config))


@pytest.mark.parametrize("kind", MODELS.kinds())
def test_model(kind: str) -> None:
    conformance.check_model(MODELS.parse(kind), SHAPES[kind])


@pytest.mark.parametrize("kind", PROBLEMS.kinds())
def test_problem(kind: str) -> None:
    conformance.check_problem(PROBLEMS.parse(kind))


def test_images() -> None:
    conformance.check_images(IMAGES.parse("digits"))


@pytest.mark.parametrize("config", SMALL_PROGRAMS, ids=["char_lm", "spirals"])
def test_program(config: dict[str, object]) -> None:
    conformance.check_program(PROGRAMS.parse(config))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda state, step: jnp.sum(state.parameters.biases[0]), "depends on the updates before"),
        (lambda state, step: jax.random.normal(jax.random.fold_in(state.key, step)), "another update than step"),
    ],
)
def test_what_is_drawn_wrongly_is_found(draw: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS.parse(SMALL_PROGRAMS[1])
    monkeypatch.setattr(type(program), "draw", lambda self, data, state, step: draw(state, step))
    monkeypatch.setattr(type(program), "step", lambda self, data, state: moved(state, 1.0))
    monkeypatch.setattr(type(program), "step_with", lambda self, data, state, drawn: moved(state, 1.0 + drawn))
    with pytest.raises(AssertionError, match=message):
        conformance.check_program(program)


def moved(state: Any, by: Any) -> tuple[Any, dict[str, Any]]:
    """An update that adds a number to all parameters."""
    parameters = jax.tree.map(lambda leaf: leaf + by, state.parameters)
    metrics = {"train_loss": jnp.float32(0), "grad_norm": jnp.float32(0)}
    return dataclasses.replace(state, step=state.step + 1, parameters=parameters), metrics


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tap": "hiden"}, "there is no tap hiden"),
        ({"incoming": (Slices("weights.7", 0),)}, "there is no parameter weights.7"),
        ({"outgoing": (Slices("weights.1", 1),)}, "has 8 units, and axis 1 of weights.1 has 3 entries"),
    ],
)
def test_units_that_a_model_only_claims_are_found(
    fields: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlp = MODELS.parse({"kind": "mlp", "layers": 1, "width": 8})
    (units,) = mlp.units()
    wrong = (dataclasses.replace(units, **fields),)
    monkeypatch.setattr(type(mlp), "units", lambda self: wrong)
    with pytest.raises(AssertionError, match=message):
        conformance.check_model(mlp, NUMBERS)


def test_the_suite_can_fail() -> None:
    @ACTIVATIONS.register("test_mean_shift")
    class MeanShift(Activation):
        """Not elementwise."""

        def build(self):  # type: ignore[no-untyped-def]
            return lambda x: x - 0.5 * jnp.mean(x * jnp.arange(x.size).reshape(x.shape))

    @ACTIVATIONS.register("test_branching")
    class Branching(Activation):
        """Branches on a lane field in Python."""

        slope: Annotated[float, Lane()] = 0.5
        """Of the whole function."""

        def build(self):  # type: ignore[no-untyped-def]
            slope = float(self.slope)
            return lambda x: slope * x

    try:
        with pytest.raises(AssertionError, match="elementwise"):
            conformance.check_activation(MeanShift())
        with pytest.raises(Exception, match=r"[Cc]oncret"):
            conformance.check_activation(Branching())
    finally:
        for kind in ("test_mean_shift", "test_branching"):
            del ACTIVATIONS._members[kind]
