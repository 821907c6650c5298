"""One driver per grid: a lock file with a heartbeat."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ablate.core import StoreError

from .atomic import write_text

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""A lock of another host that was not renewed for this long belongs to a dead driver."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock at `path` while the block runs, renewing it in the background.

    A lock left by a killed driver is taken over: at once when its process is gone from this host, otherwise when its
    heartbeat is older than `STALE_SECONDS`.

    Raises:
        StoreError: a living driver holds it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"cannot write {path.parent}: {error.strerror or error}"
        raise StoreError(message) from error
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            owner = living_owner(path)
            if owner:
                message = f"another ablate run is training this grid ({owner}); wait for it, or stop it first"
                raise StoreError(message) from None
            path.unlink(missing_ok=True)
        except OSError as error:
            message = f"cannot lock {path}: {error.strerror or error}"
            raise StoreError(message) from error
    stop = threading.Event()
    try:
        _renew(path)
    except StoreError:
        path.unlink(missing_ok=True)
        raise
    beat = threading.Thread(target=_keep_renewing, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        with suppress(OSError):  # a lock whose process is gone is taken over
            path.unlink(missing_ok=True)


def _renew(path: Path) -> None:
    write_text(path, json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "beat": time.time()}))


def _keep_renewing(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        try:
            _renew(path)
        except StoreError:
            continue  # a full disk must not end a run; the next beat may succeed


def living_owner(path: Path) -> str | None:
    """Who holds a lock, in words; None if nobody who is still there."""
    try:
        record = json.loads(path.read_text("utf-8"))
        host, pid, beat = str(record["host"]), int(record["pid"]), float(record["beat"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # Just created and not yet written, or torn: believe it for one heartbeat.
        try:
            return "just starting" if time.time() - path.stat().st_mtime < HEARTBEAT_SECONDS else None
        except OSError:
            return None
    name = f"process {pid} on {host}"
    if host == socket.gethostname():
        return name if pid != os.getpid() and is_alive(pid) else None
    return name if time.time() - beat < STALE_SECONDS else None


def is_alive(pid: int) -> bool:
    """Whether this host has such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
