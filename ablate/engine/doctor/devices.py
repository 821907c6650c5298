"""What JAX sees. Runs in a child, because a broken GPU driver can end or hang the process."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import Finding
from ablate.engine.devices import available_cpus, prepare_environment

_OWN_FLAGS = "--xla_force_host_platform_device_count="


def check(facts: dict[str, Any]) -> Iterator[Finding]:
    """Devices, and a GPU that is there but that JAX does not use."""
    given = os.environ.get("XLA_FLAGS", "")
    prepare_environment(available_cpus())
    start = time.perf_counter()
    import jax

    devices = jax.devices()
    facts["seconds_to_import_jax"] = time.perf_counter() - start
    kinds = sorted({str(device.device_kind) for device in devices})
    facts |= {"platform": devices[0].platform, "count": len(devices), "kinds": kinds}
    limit = (devices[0].memory_stats() or {}).get("bytes_limit")
    facts["memory_limit_bytes"] = limit
    memory = f", {limit / 2**30:.1f} GiB each" if limit else ""
    yield Finding("ok", f"{len(devices)} x {', '.join(kinds)} ({devices[0].platform}){memory}")
    chosen = os.environ.get("JAX_PLATFORMS", "")
    if devices[0].platform == "cpu" and has_nvidia_gpu():
        if chosen:
            yield Finding("note", f"there is an NVIDIA GPU, but JAX_PLATFORMS={chosen}", "unset JAX_PLATFORMS")
        else:
            advice = "pip install 'ablate-grid[cuda13]', or [cuda12] for an older driver (see nvidia-smi)"
            yield Finding("problem", "there is an NVIDIA GPU, but JAX has no support for it", advice)
    flags = [flag for flag in given.split() if not flag.startswith(_OWN_FLAGS)]
    if flags:
        yield Finding("note", f"XLA_FLAGS is set: {' '.join(flags)}", "unset XLA_FLAGS, unless you know why")


def has_nvidia_gpu() -> bool:
    """Whether the kernel or NVIDIA's own tool shows one."""
    return any(Path("/proc/driver/nvidia/gpus").glob("*")) or (
        shutil.which("nvidia-smi") is not None and Path("/dev/nvidia0").exists()
    )
