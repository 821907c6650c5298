"""What programs share: machine code of the same text, and the data and traces of a signature."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.engine.compile_cache import compile_in_turn, use_compile_cache
from ablate.engine.drawing import Beginning, drawings
from ablate.engine.executable import FEW_PARAMETERS, executable_for
from ablate.systems import PROGRAMS, Signature, signature

from .conftest import program


def shared(**changes: object) -> Signature:
    return signature(PROGRAMS.parse(program(**changes)))


def test_what_is_in_the_data_is_no_reason_to_compile_the_updates_again() -> None:
    use_compile_cache()
    hits: list[str] = []
    jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))

    def loaded(**changes: object) -> int:
        before = hits.count("/jax/compilation_cache/cache_hits")
        assert executable_for(shared(**changes), 2, "map")._advance is not None
        return hits.count("/jax/compilation_cache/cache_hits") - before

    assert loaded(model__width=9) == 0
    assert loaded(model__width=9, problem__noise=0.03) == 1
    assert loaded(model__width=9, problem__noise=0.03, model__activation="tanh") == 0


def test_data_of_another_size_is_another_program_even_where_nothing_reads_it() -> None:
    """The first weights do not depend on the data, so the texts of the two initialisations are equal."""
    for points in (64, 96):
        whole = shared(problem__points=points).whole
        executable = executable_for(shared(problem__points=points), 2, "map")
        start = Beginning(whole, np.full(whole.structure.num_leaves, 0.01, np.float32))
        assert executable.start(drawings([start] * 2, np.zeros(2, np.int32))).step.tolist() == [0, 0]


def test_threads_take_turns_at_the_same_text_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: list[str] = []
    most: dict[str, int] = {}
    lock = threading.Lock()

    def compile_(lowered: jax.stages.Lowered, *_: object) -> object:
        with lock:
            at_work.append(name := lowered.as_text())
            most[name] = max(most.get(name, 0), at_work.count(name))
            most["all"] = max(most.get("all", 0), len(at_work))
        time.sleep(0.1)
        with lock:
            at_work.remove(name)
        return name

    monkeypatch.setattr(jax.stages.Lowered, "compile", compile_)
    lowered = [jax.jit(lambda x: jnp.sin(x)).lower(jnp.ones(size)) for size in (1, 2, 3, 4) for _ in range(3)]
    with ThreadPoolExecutor(len(lowered)) as threads:
        list(threads.map(compile_in_turn, lowered))
    assert most.pop("all") > 1, "different texts do not wait for each other"
    assert set(most.values()) == {1}


def test_programs_of_one_text_that_call_back_stay_apart() -> None:
    def calling(factor: float) -> jax.stages.Lowered:
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        return jax.jit(lambda x: jax.pure_callback(lambda y: np.float32(factor) * y, shape, x)).lower(jnp.ones(()))

    twice, thrice = calling(2), calling(3)
    assert twice.as_text() == thrice.as_text()
    assert [float(compile_in_turn(one)(jnp.ones(()))) for one in (twice, thrice)] == [2, 3]


def test_on_a_cpu_lanes_of_small_networks_are_batched() -> None:
    small, large = (executable_for(shared(model__width=width), 2, "auto") for width in (8, 256))
    assert small.parameters < FEW_PARAMETERS <= large.parameters
    assert (small.strategy, large.strategy) == ("vmap", "map")


def test_strategies_and_widths_share_the_data_of_a_signature() -> None:
    one = executable_for(shared(), 2, "map")
    assert executable_for(shared(), 4, "vmap").source is one.source
    assert executable_for(shared(), 2, "map", tuple(jax.local_devices()[:1])).source is not one.source
