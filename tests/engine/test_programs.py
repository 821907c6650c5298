"""What programs share: machine code of the same text, and the data and traces of a signature."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from ablate.engine import program_cache
from ablate.engine.compile_cache import use_compile_cache
from ablate.engine.drawing import Beginning, drawings, read
from ablate.engine.executable import FEW_PARAMETERS, executable_for
from ablate.engine.program_cache import ProgramCache
from ablate.systems import PROGRAMS, Signature, signature

from .conftest import program


def shared(**changes: object) -> Signature:
    return signature(PROGRAMS.parse(program(**changes)))


@pytest.fixture
def empty_cache(tmp_path: Path) -> Iterator[None]:
    """XLA's cache in a folder of the test's own: the other workers compile into the one that tests share."""

    def use(path: str | None) -> None:
        jax.config.update("jax_compilation_cache_dir", path)
        reset_cache()

    use_compile_cache()
    before = jax.config.values["jax_compilation_cache_dir"]
    use(str(tmp_path))
    yield
    use(before)


@pytest.mark.usefixtures("empty_cache")
def test_what_is_in_the_data_is_no_reason_to_compile_the_updates_again() -> None:
    hits: list[str] = []
    here = threading.get_ident()

    def note(event: str, **_: object) -> None:
        if threading.get_ident() == here:  # a program of another test may still be compiled in a thread
            hits.append(event)

    jax.monitoring.register_event_listener(note)

    def loaded(**changes: object) -> int:
        executable = executable_for(shared(**changes), 2, "map")
        executable.source.trace()  # draws the data, by programs of their own
        before = hits.count("/jax/compilation_cache/cache_hits")
        assert executable._advance is not None
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


def compile_(lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    return ProgramCache((), (), jax.devices()[:1]).compile("it", lowered)


def test_threads_take_turns_at_the_same_text_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    at_work: list[str] = []
    most: dict[str, int] = {}
    lock = threading.Lock()

    def slowly(lowered: jax.stages.Lowered, *_: object) -> object:
        with lock:
            at_work.append(name := lowered.as_text())
            most[name] = max(most.get(name, 0), at_work.count(name))
            most["all"] = max(most.get("all", 0), len(at_work))
        time.sleep(0.1)
        with lock:
            at_work.remove(name)
        return name

    monkeypatch.setattr(jax.stages.Lowered, "compile", slowly)
    lowered = [jax.jit(lambda x: jnp.sin(x)).lower(jnp.ones(size)) for size in (1, 2, 3, 4) for _ in range(3)]
    with ThreadPoolExecutor(len(lowered)) as threads:
        list(threads.map(compile_, lowered))
    assert most.pop("all") > 1, "different texts do not wait for each other"
    assert set(most.values()) == {1}


@pytest.mark.usefixtures("empty_cache")
def test_programs_of_one_text_that_call_back_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def calling(factor: float) -> jax.stages.Lowered:
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        call = partial(jax.pure_callback, lambda y: np.float32(factor) * y, shape)
        return jax.jit(lambda x: (call(x),)).lower(jnp.ones(()))

    twice, thrice = calling(2), calling(3)
    assert twice.as_text() == thrice.as_text()
    kept = tmp_path / "programs"
    monkeypatch.setattr(program_cache, "folder", lambda: kept)
    assert [float(*compile_(one)(jnp.ones(()))) for one in (twice, thrice)] == [2, 3]
    assert not list(kept.glob("program-*"))
    assert float(*compile_(jax.jit(lambda x: (5 * x,)).lower(jnp.ones(())))(jnp.ones(()))) == 5
    assert len(list(kept.glob("program-*"))) == 1


def test_on_a_cpu_lanes_of_small_networks_are_batched() -> None:
    small, large = (executable_for(shared(model__width=width), 2, "auto") for width in (8, 256))
    assert small.parameters < FEW_PARAMETERS <= large.parameters
    assert (small.strategy, large.strategy) == ("vmap", "map")


def test_strategies_and_widths_share_the_data_of_a_signature() -> None:
    one = executable_for(shared(), 2, "map")
    assert executable_for(shared(), 4, "vmap").source is one.source
    assert executable_for(shared(), 2, "map", tuple(jax.local_devices()[:1])).source is not one.source


def test_what_is_let_go_is_freed_at_once() -> None:
    """Processes look for cyclic garbage rarely, so nothing that holds arrays may be part of it."""

    def trained() -> list[weakref.ref[Any]]:
        config = program(model__width=13, problem__points=70)  # of no other test, whose programs may be kept
        shared, rows, starts = read([config] * 2)
        executable = executable_for(shared, 2, "vmap")
        executable.compile([shared.whole])
        lanes = executable.start(drawings(starts, np.arange(2)))
        lanes, told = executable.advance(lanes, rows, np.full((2, 1), 3), np.ones((2, 1), bool))
        assert executable.read(told).step[:, 0].tolist() == [3, 3]
        held = executable, executable.source, jax.tree.leaves(executable.source.data)[0], jax.tree.leaves(lanes)[0]
        return [weakref.ref(one) for one in held]

    gc.disable()
    try:
        assert [one() for one in trained()] == [None] * 4
    finally:
        gc.enable()
