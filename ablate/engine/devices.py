"""What a process must set before JAX looks for devices."""

import os
from collections.abc import Mapping
from typing import Literal

SHARE_OF_MEMORY = 0.9
"""Part of a GPU's memory that the workers on it may use between them; the rest is for what CUDA needs by itself."""

_COUNT = "--xla_force_host_platform_device_count"
_OURS = "ABLATE_HOST_DEVICES"
"""Environment variable with the count that this package put into ``XLA_FLAGS``: processes that are started from here
inherit the flags, and may have another number of cores."""


def prepare_environment(cpus: int, gpus: float = 0.0) -> None:
    """Give JAX one host device per core, so that lanes train on every core at once, and its share of the GPU's memory.

    And programs get no source lines, with which they take longer to compile and to load (docs, performance).

    Must run before JAX is imported. A count that the user set in ``XLA_FLAGS``, a fraction in
    ``XLA_CLIENT_MEM_FRACTION`` or ``XLA_PYTHON_CLIENT_MEM_FRACTION`` and ``JAX_TRACEBACK_IN_LOCATIONS_LIMIT`` are kept.

    Args:
        cpus: cores of this process. Has no effect on GPUs.
        gpus: GPUs of this process; below 1 if it shares one.
    """
    os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
    flags = os.environ.get("XLA_FLAGS", "").split()
    ours = f"{_COUNT}={os.environ.get(_OURS)}"
    flags = [flag for flag in flags if flag != ours]
    if not any(flag.startswith(_COUNT) for flag in flags):
        os.environ[_OURS] = str(max(1, cpus))
        os.environ["XLA_FLAGS"] = " ".join([*flags, f"{_COUNT}={max(1, cpus)}"])
    if gpus and "XLA_PYTHON_CLIENT_MEM_FRACTION" not in os.environ:
        os.environ.setdefault("XLA_CLIENT_MEM_FRACTION", f"{SHARE_OF_MEMORY * min(1.0, gpus):.3g}")


def stay_on_cpu() -> None:
    """Keep JAX of this process off accelerators, whose memory it would take from the workers.

    Processes that are started from here are not affected. Must run before JAX initialises its backends.
    """
    import jax

    jax.config.update("jax_platforms", "cpu")


def available_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpus_of_a_worker(resources: Literal["auto"] | Mapping[str, float]) -> int:
    """Cores that one worker on this machine gets by a grid's ``run.resources``."""
    asked = None if resources == "auto" else resources.get("cpu")
    return available_cpus() if asked is None else max(1, int(asked))
