"""Programs with the same text are compiled once."""

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.engine import shared_programs
from ablate.engine.executable import FEW_PARAMETERS, executable_for
from ablate.engine.shared_programs import compile_once, forget_shared
from ablate.systems import PROGRAMS, Signature, signature

from .conftest import program


@pytest.fixture(autouse=True)
def _nothing_shared() -> None:
    forget_shared()


def shared(**changes: object) -> Signature:
    return signature(PROGRAMS.parse(program(**changes)))


def test_what_draws_the_first_weights_is_no_reason_to_compile_the_updates_again() -> None:
    one, other = (executable_for(shared(model__weights=kind), 2, "map") for kind in ("he_normal", "orthogonal"))
    assert one.signature != other.signature
    assert one._advance is other._advance
    assert one._init is not other._init
    assert executable_for(shared(model__activation="tanh"), 2, "map")._advance is not one._advance


def test_data_of_another_size_is_another_program_even_where_nothing_reads_it() -> None:
    """The first weights do not depend on the data, so the texts of the two initialisations are equal."""
    for points in (64, 96):
        executable = executable_for(shared(problem__points=points), 2, "map")
        rows = np.full((2, executable.signature.structure.num_leaves), 0.01, np.float32)
        assert executable.init(rows, np.zeros(2, np.int32)).step.tolist() == [0, 0]


def test_threads_that_ask_at_the_same_time_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_ = jax.stages.Lowered.compile

    def counting(lowered: jax.stages.Lowered, *arguments: object) -> object:
        compiled.append(lowered)
        return compile_(lowered, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(jax.stages.Lowered, "compile", counting)
    lowered = [jax.jit(lambda x: jnp.sin(x) @ x).lower(jnp.ones((8, 8))) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(compile_once, lowered))
    assert len(compiled) == 1
    assert all(one is found[0] for one in found)
    assert compile_once(lowered[0], {"xla_backend_optimization_level": 1}) is not found[0]


def test_a_compilation_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered = jax.jit(jnp.sin).lower(jnp.ones(3))
    with monkeypatch.context() as patched:
        patched.setattr(jax.stages.Lowered, "compile", lambda *_: (_ for _ in ()).throw(MemoryError("none left")))
        with pytest.raises(MemoryError):
            compile_once(lowered)
    assert float(compile_once(lowered)(jnp.zeros(3))[0]) == 0


def test_few_programs_are_kept() -> None:
    for size in range(1, shared_programs.MOST_SHARED + 3):
        compile_once(jax.jit(jnp.sin).lower(jnp.ones(size)))
    assert len(shared_programs._found) == shared_programs.MOST_SHARED


def test_on_a_cpu_lanes_of_small_networks_are_batched() -> None:
    small, large = (executable_for(shared(model__width=width), 2, "auto") for width in (8, 256))
    assert small.parameters < FEW_PARAMETERS <= large.parameters
    assert (small.strategy, large.strategy) == ("vmap", "map")


def test_strategies_and_widths_share_the_data_of_a_signature() -> None:
    one = executable_for(shared(), 2, "map")
    assert executable_for(shared(), 4, "vmap").source is one.source
    assert executable_for(shared(), 2, "map", tuple(jax.local_devices()[:1])).source is not one.source
