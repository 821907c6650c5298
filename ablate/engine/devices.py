"""What a process must set before JAX looks for devices."""

import os

_COUNT = "--xla_force_host_platform_device_count"


def prepare_environment(cpus: int) -> None:
    """Give JAX one host device per core, so that lanes train on every core at once (see docs, performance).

    Has no effect on GPUs. Must run before JAX initialises its backends; a count that the user set in ``XLA_FLAGS``
    is kept.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _COUNT not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_COUNT}={max(1, cpus)}".strip()


def available_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
