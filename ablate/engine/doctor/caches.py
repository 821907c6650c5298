"""The compile cache: where it is, whether it is private, how large, and what in it can never be used again."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import Finding
from ablate.engine.compile_cache import VARIABLE, cache_folder


def check_cache(facts: dict[str, Any]) -> Iterator[Finding]:
    """See the module. Makes nothing. To be called after `prepare_environment`, like `cache_folder`."""
    folder = cache_folder()
    facts["path"] = None if folder is None else str(folder)
    if folder is None:
        yield Finding("note", f"switched off by {VARIABLE}=off: every process compiles anew", f"unset {VARIABLE}")
        return
    if folder.exists():
        entries, size = _content(folder)
        facts |= {"entries": entries, "bytes": size}
        yield Finding("ok", f"{folder}: {_count(entries, 'file')}, {_size(size)}")
        yield from _check_private(folder)
    else:
        facts |= {"entries": 0, "bytes": 0}
        yield from _check_can_be_made(folder)
    yield from _check_others(folder, facts)


def _check_private(folder: Path) -> Iterator[Finding]:
    found = folder.stat()
    if found.st_uid != os.getuid():
        advice = f"export {VARIABLE}=FOLDER, with a folder of your own"
        yield Finding("problem", f"it belongs to another user and is not used: {folder}", advice)
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"others can write to it, so it is not used (what is in it is executed): {folder}"
        yield Finding("problem", text, f"chmod go-w {shlex.quote(str(folder))}")
    elif not os.access(folder, os.W_OK):
        yield Finding("problem", f"it cannot be written: {folder}", f"chmod u+w {shlex.quote(str(folder))}")


def _check_can_be_made(folder: Path) -> Iterator[Finding]:
    there = next(parent for parent in folder.parents if parent.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Finding("ok", f"{folder} does not exist yet; the first run makes it")
    else:
        text = f"{folder} cannot be made, because {there} cannot be written: every process compiles anew"
        yield Finding("problem", text, f"export {VARIABLE}=FOLDER, with a folder of your own")


def _check_others(folder: Path, facts: dict[str, Any]) -> Iterator[Finding]:
    """Folders of other versions, which nothing reads any more, and of other flags or cores, which something may."""
    version = folder.name.rpartition("-")[0]
    old: list[Path] = []
    same: list[Path] = []
    for other in sorted(folder.parent.glob("jaxlib-*")):
        if other != folder and other.is_dir():
            (same if other.name.rpartition("-")[0] == version else old).append(other)
    facts |= {"old": [str(path) for path in old], "other_flags": [str(path) for path in same]}
    if old:
        size = _size(sum(_content(path)[1] for path in old))
        text = f"{_count(len(old), 'folder')} of other versions of jaxlib, {size}"
        yield Finding("note", text, f"rm -r {' '.join(shlex.quote(str(path)) for path in old)}")
    if same:
        size = _size(sum(_content(path)[1] for path in same))
        yield Finding("ok", f"{_count(len(same), 'folder')} more for other XLA_FLAGS, numbers of cores or CPUs, {size}")


def _content(folder: Path) -> tuple[int, int]:
    """Number and bytes of its files."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                sizes.append(path.stat().st_size)
        except OSError:
            continue  # removed meanwhile
    return len(sizes), sum(sizes)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def _size(number: float) -> str:
    return f"{number / 1e6:,.1f} MB"
