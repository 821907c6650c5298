"""How fast this machine is, in about ten seconds. Runs in a child, which imports JAX."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from ablate.core import Finding
from ablate.engine.devices import available_cpus, prepare_environment

SIZE = 1024
"""Rows of the matrices whose product is timed."""
SECONDS = 2.0
"""For each of the two measurements."""
STEPS = 100
SLOW_COMPILATION = 30.0

_PROGRAM = {
    "kind": "supervised",
    "problem": {"kind": "spirals"},
    "model": {"kind": "mlp", "width": 32},
    "optimizer": {"kind": "adamw"},
}


def check(facts: dict[str, Any]) -> Iterator[Finding]:
    """The rate of a matrix product, and compilation and step of a small network."""
    prepare_environment(available_cpus())
    import jax
    import jax.numpy as jnp

    from ablate.plan.estimate import ASSUMED_FLOPS

    product = jax.jit(jnp.dot)
    matrix = jnp.ones((SIZE, SIZE))
    rate = 2 * SIZE**3 / _best(lambda: product(matrix, matrix).block_until_ready()) / 1e9
    facts |= {"gflops": rate, "matrix": SIZE}
    yield Finding("ok", f"matrix product of {SIZE} x {SIZE} float32: {rate:,.0f} GFLOP/s")
    cores = available_cpus()
    if jax.default_backend() == "cpu" and rate < cores * ASSUMED_FLOPS / 1e9:
        assumed = ASSUMED_FLOPS / 1e9
        text = (
            f"that is less than the {assumed:g} GFLOP/s per core that `ablate plan` assumes where nothing is measured"
        )
        yield Finding("note", text, "see whether something else keeps the cores busy: uptime, top")
    yield from _check_step(facts)


def _check_step(facts: dict[str, Any]) -> Iterator[Finding]:
    import jax

    from ablate.systems import PROGRAMS, Program, root

    program = PROGRAMS.parse(_PROGRAM)
    assert isinstance(program, Program)
    data = program.load()

    def steps(state: Any) -> Any:
        return jax.lax.fori_loop(0, STEPS, lambda _, state: program.step(data, state)[0], state)

    start = time.perf_counter()
    state = jax.jit(lambda: program.init(data, root(0)))()
    compiled = jax.jit(steps).lower(state).compile()
    facts["compile_seconds"] = time.perf_counter() - start
    micro = _best(lambda: jax.block_until_ready(compiled(state))) / STEPS * 1e6
    facts["step_microseconds"] = micro
    text = f"a small MLP: compiled in {facts['compile_seconds']:.1f} s, then {micro:,.0f} us per update"
    yield Finding("ok", text)
    if facts["compile_seconds"] > SLOW_COMPILATION:
        text = f"compiling took more than {SLOW_COMPILATION:g} s"
        yield Finding("note", text, "see whether something else keeps the cores busy, and that the cache works")


def _best(function: Callable[[], Any]) -> float:
    """Seconds of the fastest call within `SECONDS`, after a warm-up."""
    function()
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    while not found or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)
