"""Cores and memory, as this process sees them and as it may use them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import Finding
from ablate.engine.devices import available_cpus

LEAST_MEMORY = 2 * 2**30
"""Ray with one worker, and JAX in it and in the driver, take about this much."""
LEAST_SHARED_MEMORY = 300 * 2**20
"""Ray's object store has 200 MiB there."""
_BUSY = 0.5
"""Load per core from which timings suffer."""
_UNLIMITED = 2**60


def check_machine(
    facts: dict[str, Any], *, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")
) -> Iterator[Finding]:
    """Affinity and limits of the control group against cores and memory of the machine; load; shared memory.

    Args:
        facts: see `Check`.
        proc: where the kernel tells about processes.
        groups: where it tells about control groups, version 1 or 2.
    """
    cores, usable = os.cpu_count() or 1, available_cpus()
    quota = _cpu_quota(proc, groups)
    facts |= {"cores": cores, "usable_cores": usable, "core_quota": quota}
    text = f"{usable} of {cores} cores" if usable < cores else f"{cores} cores"
    memory = _memory(proc)
    if memory:
        limit = _memory_limit(proc, groups)
        total = min(memory["MemTotal"], limit or _UNLIMITED)
        available = min(memory["MemAvailable"], limit or _UNLIMITED)
        facts |= {"memory_bytes": total, "available_bytes": available, "memory_limit_bytes": limit}
        text += f", {_gib(total)} of memory, {_gib(available)} available"
    yield Finding("ok", text)
    if quota is not None and quota < usable:
        advice = (
            f"run: {{resources: {{cpu: {max(1, int(quota))}}}}} in the grid, or taskset -c 0-{max(0, int(quota) - 1)}"
        )
        yield Finding("note", f"a limit of {quota:g} cores of time for {usable} cores: more threads only wait", advice)
    if memory and available < LEAST_MEMORY:
        yield Finding("problem", f"{_gib(available)} of memory available", "end what uses it, or train with --inline")
    yield from _check_shared_memory(facts)
    load = os.getloadavg()[0]
    facts["load"] = load
    if load > _BUSY * cores:
        text = f"the load is {load:.1f}: something else is running, and everything takes longer"
        yield Finding("note", text, "wait for it, if you measure")


def _check_shared_memory(facts: dict[str, Any]) -> Iterator[Finding]:
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return
    size = facts["shared_memory_bytes"] = found.f_frsize * found.f_blocks
    if size < LEAST_SHARED_MEMORY:
        text = f"/dev/shm has {size / 2**20:.0f} MiB, too little for Ray's object store, which is then on disk"
        yield Finding("note", text, "in Docker: --shm-size=1g")


def _memory(proc: Path) -> dict[str, int]:
    """Bytes, by the kernel's names; empty where it has none."""
    try:
        lines = (proc / "meminfo").read_text("utf-8").splitlines()
    except OSError:
        return {}
    words = [line.split() for line in lines]
    return {word[0].rstrip(":"): int(word[1]) * 1024 for word in words if len(word) == 3}


def _cpu_quota(proc: Path, groups: Path) -> float | None:
    """Cores of time that the tightest control group allows; None without a limit."""
    limits = []
    for folder in _folders(proc, groups, "cpu"):
        for name, period in (("cpu.max", None), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
            words = _words(folder / name) + (_words(folder / period) if period else [])
            if len(words) == 2 and words[0] not in {"max", "-1"}:
                limits.append(int(words[0]) / int(words[1]))
    return min(limits, default=None)


def _memory_limit(proc: Path, groups: Path) -> int | None:
    """Bytes that the tightest control group allows; None without a limit."""
    limits = [
        int(words[0])
        for folder in _folders(proc, groups, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (words := _words(folder / name)) and words[0] != "max"
    ]
    return min((limit for limit in limits if limit < _UNLIMITED), default=None)


def _folders(proc: Path, groups: Path, controller: str) -> Iterator[Path]:
    """The control group of this process and those around it, for version 2 and for version 1."""
    try:
        lines = (proc / "self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        root = groups / controller if names else groups
        inner = root / path.strip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root) and folder.is_dir())


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split()
    except OSError:
        return []


def _gib(number: float) -> str:
    return f"{number / 2**30:.1f} GiB"
