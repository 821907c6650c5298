"""The persistent compile cache: what XLA compiled once is loaded by every later process of the same kind.

A cached program is machine code that will be executed, so the folder is the user's own and nobody else can write to
it. Its name has the version of jaxlib and what else decides about machine code: an entry of another version or for
other flags is never loaded.
"""

import hashlib
import os
import platform
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

VARIABLE = "ABLATE_CACHE_DIR"
"""Environment variable with another place for the cache, or ``off``."""

SECONDS_TO_WAIT = 60.0
"""For another process that compiles the same; most programs take a few seconds."""
_SECONDS_BETWEEN_LOOKS = 0.02


def cache_folder() -> Path | None:
    """Where this process keeps compiled programs; None if it keeps none.

    Does not make the folder. Reads ``XLA_FLAGS`` as they are, so call it after `prepare_environment`.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen == "off":
        return None
    root = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ablate"
    # A change of any of these may change the machine code, and not all of them are in XLA's own key.
    parts = (os.environ.get("XLA_FLAGS", ""), platform.machine(), platform.system(), _processor())
    kind = hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()
    return root / "xla" / f"jaxlib-{version('jaxlib')}-{kind}"


@cache
def use_compile_cache() -> Path | None:
    """Make JAX keep what this process compiles from now on, and load what an earlier one kept.

    Returns:
        The folder, or None if there is none: it is switched off, cannot be made, or others could write to it.
    """
    import jax
    from jax.experimental.compilation_cache.compilation_cache import reset_cache

    folder = cache_folder()
    if folder is None or not _is_private(folder):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    reset_cache()  # JAX looks at the settings only once, and something small may have been compiled already
    return folder


_turns = tuple(threading.Lock() for _ in range(64))
"""By text. Other texts that share a lock wait for nothing now and then, which costs time and never a result."""


def turn(text: str) -> threading.Lock:
    """What a thread holds while it compiles this text, or one with this digest."""
    return _turns[int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % len(_turns)]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Held by one process at a time, and by one thread of it; the file is there meanwhile.

    A process that dies lets go. Where files cannot be locked, and after `SECONDS_TO_WAIT`, nobody is waited for.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        file = path.open("wb")
    except OSError:
        yield
        return
    with file:
        end = time.monotonic() + SECONDS_TO_WAIT
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            except OSError:
                break
        try:
            yield
        finally:
            with suppress(OSError):  # who waits by now comes next, beside who does not see the file any more
                path.unlink()


_loads = threading.local()


@contextmanager
def watch_loads() -> Iterator[list[str]]:
    """A list that gets an item for each program that this thread loads from the cache inside, instead of compiling."""
    _listen()
    _loads.found = found = list[str]()
    try:
        yield found
    finally:
        del _loads.found


@cache
def _listen() -> None:
    import jax

    def note(event: str, **_: object) -> None:
        found: list[str] | None = getattr(_loads, "found", None)
        if found is not None and event == "/jax/compilation_cache/cache_hits":
            found.append(event)

    jax.monitoring.register_event_listener(note)


def _is_private(folder: Path) -> bool:
    """Whether the folder is there, is ours, and only we can write to it. Makes it if it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _processor() -> str:
    """The model and abilities of the CPU, as far as the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
