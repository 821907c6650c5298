"""Whether Ray starts here, and how long it takes. Runs in a child, where it can hang without harm."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import EngineError, Finding

SLOW = 30.0
"""Seconds to start from which something is wrong; an idle machine of two cores takes about five."""
LEAST_FREE_BYTES = 2 * 2**30
LARGE_BYTES = 2**30


def check(facts: dict[str, Any]) -> Iterator[Finding]:
    """Start a local cluster as `ablate run` does, run one worker, stop it."""
    if address := os.environ.get("RAY_ADDRESS"):
        text = f"RAY_ADDRESS is set: without --address, `ablate run` uses {address} instead of starting Ray here"
        yield Finding("note", text, "unset RAY_ADDRESS")
    yield from _check_folder(facts)
    start = time.perf_counter()
    import ray

    from ablate.engine.cluster import connected
    from ablate.engine.slots import Resources

    facts["import_seconds"] = time.perf_counter() - start
    try:
        start = time.perf_counter()
        with connected(None, Resources()):
            started = time.perf_counter()
            facts["start_seconds"] = started - start
            ray.get(ray.remote(_nothing).remote(), timeout=60)
            facts["worker_seconds"] = time.perf_counter() - started
            start = time.perf_counter()
        facts["stop_seconds"] = time.perf_counter() - start
    except EngineError as error:
        advice = "train with --inline meanwhile; Ray's own logs are in /tmp/ray/session_latest/logs"
        yield Finding("problem", str(error), advice)
        return
    yield Finding(
        "ok",
        f"imported in {facts['import_seconds']:.1f} s, started in {facts['start_seconds']:.1f} s, first worker after"
        f" {facts['worker_seconds']:.1f} s, stopped in {facts['stop_seconds']:.1f} s",
    )
    if facts["start_seconds"] > SLOW:
        text = f"it took more than {SLOW:g} s to start"
        yield Finding("note", text, "see whether something else keeps the cores busy; small grids: --inline")


def _nothing() -> None:
    """What the worker does."""


def _check_folder(facts: dict[str, Any]) -> Iterator[Finding]:
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    sessions = list((folder / "ray").glob("session_*_*"))
    size = sum(path.lstat().st_size for session in sessions for path in session.rglob("*") if not path.is_symlink())
    facts |= {"free_bytes": free, "sessions": len(sessions), "session_bytes": size}
    if free < LEAST_FREE_BYTES:
        text = f"{free / 1e9:.1f} GB are free in {folder}, where Ray keeps its sessions"
        yield Finding("problem", text, "free some, or export RAY_TMPDIR=FOLDER on another disk")
    if size > LARGE_BYTES:
        text = f"{len(sessions)} old sessions of Ray take {size / 1e9:.1f} GB in {folder / 'ray'}"
        yield Finding("note", text, f"when no Ray runs here: rm -r {folder / 'ray'}/session_*")
