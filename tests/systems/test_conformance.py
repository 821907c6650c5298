"""Every built-in component passes the shipped conformance suite, and the suite can fail."""

from typing import Annotated

import jax.numpy as jnp
import pytest

from ablate.core import Lane
from ablate.systems import ACTIVATIONS, INITS, MODELS, PROGRAMS, SCHEDULES, Activation, Shapes
from ablate.testing import conformance

SHAPES = {"gpt": Shapes(inputs=(12,), outputs=(12, 11), symbols=11), "mlp": Shapes(inputs=(5,), outputs=(3,))}
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


@pytest.mark.parametrize("kind", MODELS.kinds())
def test_model(kind: str) -> None:
    conformance.check_model(MODELS.parse(kind), SHAPES[kind])


@pytest.mark.parametrize("config", SMALL_PROGRAMS, ids=["char_lm", "spirals"])
def test_program(config: dict[str, object]) -> None:
    conformance.check_program(PROGRAMS.parse(config))


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
