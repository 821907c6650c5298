"""A plug-in for tests: a program that counts its steps, and at step 37 does what it is asked to."""

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import ray

from ablate.core import Lane, Metric
from ablate.systems import PROGRAMS, Program

GIBIBYTE = 1024**3
ALLOWED = 6 * GIBIBYTE
"""Bytes of address space that a worker may take beyond what it has when it compiles its first program."""


def _do(fault: str) -> Callable[[Any], Any]:
    def do(count: Any) -> Any:
        if count == 37:
            if fault == "raise":
                message = "the cat is on the mat"
                raise ArithmeticError(message)
            if fault == "hang":
                time.sleep(3600)
            if fault == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        return np.float32(np.inf if count == 37 and fault == "explode" else count)

    return do


@PROGRAMS.register("trouble")
class Trouble(Program):
    """Counts."""

    fault: Literal["none", "raise", "hang", "die", "explode"] = "none"
    """What happens."""
    unlucky: Annotated[float, Lane()] = 1.0
    """Whether it happens in this lane: 1 or 0."""
    gibibytes: int = 0
    """Memory that each lane needs."""

    @property
    def recorded(self) -> tuple[Metric, ...]:
        """See Program."""
        return (Metric("count"),)

    def load(self) -> Any:
        """See Program."""
        if self.gibibytes and ray.is_initialized():
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            if soft == resource.RLIM_INFINITY:
                pages = int(Path("/proc/self/statm").read_text().split()[0])
                resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ALLOWED, hard))
        return jnp.zeros(())

    def init(self, data: Any, key: Any) -> Any:
        """See Program."""
        return {"count": jnp.zeros(())}

    def step(self, data: Any, state: Any) -> Any:
        """See Program."""
        count = state["count"] + 1
        if self.fault != "none":
            shape = jax.ShapeDtypeStruct((), jnp.float32)
            done = jax.pure_callback(_do(self.fault), shape, count * self.unlucky, vmap_method="sequential")
            count = jnp.where(self.unlucky > 0, done, count)
        if self.gibibytes:

            def much() -> Any:  # never run, but XLA takes the memory for it
                rows = jnp.arange(self.gibibytes, dtype=jnp.float32)[:, None]
                return jnp.sort(rows + jnp.arange(GIBIBYTE // 4, dtype=jnp.float32) * state["count"])[0, 0]

            count = jax.lax.cond(data > 0, much, lambda: count)
        return {"count": count}, {"count": count}

    def evaluate(self, data: Any, state: Any) -> Any:
        """See Program."""
        return {"count": state["count"]}
