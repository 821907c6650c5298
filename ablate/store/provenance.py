"""What is needed to repeat something: versions, commit, host."""

import platform
import socket
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .schema import Provenance

_PACKAGES = ("ablate-grid", "jax", "jaxlib", "equinox", "optax", "numpy", "polars", "ray")


def provenance(devices: Sequence[str] = (), plugins: Mapping[str, str] | None = None) -> Provenance:
    """The provenance of this process, now.

    Args:
        devices: kinds of the devices that it trains on.
        plugins: name -> digest of the source of each plug-in; kept among the versions.
    """
    commit, dirty = _git(str(Path.cwd()))
    return Provenance(
        created=now(),
        versions=_versions() | dict(plugins or {}),
        git_commit=commit,
        git_dirty=dirty,
        host=socket.gethostname(),
        platform=platform.platform(),
        processor=_processor(),
        devices=tuple(devices),
    )


def now() -> str:
    """UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


@cache
def _git(folder: str) -> tuple[str | None, bool | None]:
    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", folder, *arguments], capture_output=True, text=True, timeout=5, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = git("status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)
