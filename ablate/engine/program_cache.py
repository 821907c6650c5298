"""Compiled programs on disk that are found again without tracing.

XLA's own cache, see `compile_cache`, is asked with the text of a program. Making the text means tracing and lowering,
which takes several times as long as loading what is found. This one is asked with what the text is made from: the
signature, the data, the shape of the pack, the devices, the settings of JAX, and all code that was loaded.

The code is checked as a compiler cache checks header files. With each entry goes the list of the files of all modules
that were loaded when it was made, with their times and sizes. An entry counts only if none of these files has changed,
and if no module of the user's own is loaded that is not in the list. Another installation of ablate, or another
environment with other libraries, has other files, so where they lie is a part of what is asked with. Nothing counts
while a file is newer than its process, which may still have the code of before. What has a component that was not read
from a file (in a notebook or inside a function) is never kept, nor are programs that call back into Python.

What this cannot see is a component whose computation depends on something else that is neither in its fields nor in the
data: an environment variable, a file read while it is traced. Such a component breaks the identity of runs, too.
"""

import hashlib
import importlib.machinery
import json
import os
import pickle
import sys
import sysconfig
import tempfile
import zlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ablate.core import STARTED

from .compile_cache import alone, turn, use_compile_cache, watch_loads

if TYPE_CHECKING:
    import jax

_FORMAT = 1
_CHECK = 16
"""Bytes of a checksum."""
_COARSE = 50_000_000
"""Nanoseconds by which the time of a file may lag behind the clock."""
_CALLS_BACK = "callback"
"""In the name of everything in a program's text that calls Python; what it calls is known to one process only."""


def folder() -> Path | None:
    """Where this process keeps programs, beside XLA's; None if it keeps none."""
    kept = use_compile_cache()
    return None if kept is None else kept / "programs"


class ProgramCache:
    """Programs and facts of one signature on some devices.

    Args:
        made_from: whatever decides about them, as text.
        classes: of the components that the programs are traced from.
        devices: what the programs run on. Only those for a CPU are kept: for others it was never tried.
    """

    def __init__(self, made_from: Iterable[str], classes: Iterable[type], devices: "Sequence[jax.Device]") -> None:
        self._devices = devices
        self._folder = folder() if devices[0].platform == "cpu" else None
        self._is_known = self._folder is not None and all(map(_is_from_a_file, classes))
        self._made_from = hashlib.blake2b(digest_size=20)
        for text in (*made_from, self._settings, json.dumps(_homes())):
            self._made_from.update(f"{len(text)} {text}\n".encode())

    def facts(self) -> dict[str, Any] | None:
        """What was kept by `keep_facts`."""
        found = self._entry("facts")
        return None if found is None else json.loads(found)

    def keep_facts(self, facts: dict[str, Any]) -> None:
        """Keep JSON data."""
        self._keep_entry("facts", json.dumps(facts).encode())

    def has(self, name: Hashable) -> bool:
        """Whether there is something to load."""
        found = self._entry(repr(name))
        return found is not None and self._folder is not None and self._program_path(found.decode()).exists()

    def load(self, name: Hashable) -> "jax.stages.Compiled | None":
        """The program that was compiled under this name, if it was.

        Args:
            name: tells the programs of a signature apart; its `repr` is what counts.
        """
        found = self._entry(repr(name))
        return None if found is None else self._load(found.decode())

    def compile(
        self, name: Hashable, lowered: "jax.stages.Lowered", options: Mapping[str, Any] | None = None
    ) -> "jax.stages.Compiled":
        """Compile, unless the same text was compiled before; keep the program under its name.

        Signatures that differ only in their data, or in what draws the first weights, have programs of the same text. A
        thread that compiles the same text as another waits for it, and takes what that one made.

        Args:
            name: as in `load`.
            lowered: a function of arrays that returns a tuple of arrays, without any further structure.
            options: for XLA.
        """
        import jax

        text = lowered.as_text()  # without the arguments that nothing reads
        taken = [str(one) for one in jax.tree.leaves(lowered.args_info)]
        whole = json.dumps([self._settings, dict(options or {}), taken, text])
        digest = hashlib.blake2b(whole.encode(), digest_size=20).hexdigest()
        with turn(digest):
            program = self._load(digest)
            if program is None:
                with watch_loads() as loads:
                    program = lowered.compile(dict(options) if options else None)
                is_kept = not loads and _CALLS_BACK not in text and self._keep(digest, program)
            else:
                is_kept = True
        if is_kept:
            self._keep_entry(repr(name), digest.encode())
        return program

    def turn(self, name: Hashable) -> AbstractContextManager[None]:
        """Held while the program of a name is compiled: other processes that want the same one wait."""
        return alone(self._path(repr(name), "turn")) if self._is_known else nullcontext()

    @cached_property
    def _settings(self) -> str:
        """What decides about a program's text and machine code outside the code: JAX, its settings, the devices."""
        import jax

        outside = {"jax_compilation_cache_dir"}
        values = {name: str(value) for name, value in jax.config.values.items() if name not in outside}
        devices = [f"{device.device_kind} {device.id}" for device in self._devices]
        return json.dumps([_FORMAT, jax.__version__, sys.version, values, devices], sort_keys=True)

    def _load(self, digest: str) -> "jax.stages.Compiled | None":
        if self._folder is None:
            return None
        path = self._program_path(digest)
        program = _programs.get(path)
        if program is None and (found := _get(path)) is not None:
            program = self._unpacked(found)
            if program is not None:
                _programs[path] = program
        return program

    def _unpacked(self, content: bytes) -> "jax.stages.Compiled | None":
        import jax
        from jax.experimental import serialize_executable

        inputs, outputs, data = pickle.loads(content)
        try:
            program: jax.stages.Compiled = serialize_executable.deserialize_and_load(
                data,
                jax.tree.structure(((0,) * inputs, {})),
                jax.tree.structure((0,) * outputs),
                execution_devices=self._devices,
            )
        except Exception:  # whatever a library that was changed under the same version makes of it: compiled anew
            return None
        return program

    def _keep(self, digest: str, program: "jax.stages.Compiled") -> bool:
        """Whether the program could be written."""
        from jax.experimental import serialize_executable

        if self._folder is None:
            return False
        try:
            data, inputs, outputs = serialize_executable.serialize(program)
        except (ValueError, NotImplementedError, TypeError, pickle.PicklingError):  # it holds what cannot be written
            return False
        path = self._program_path(digest)
        is_kept = _put(path, pickle.dumps((inputs.num_leaves, outputs.num_leaves, data)))
        if is_kept:
            _programs[path] = program
        return is_kept

    def _program_path(self, digest: str) -> Path:
        assert self._folder is not None
        return self._folder / f"program-{digest}"

    def _path(self, name: str, kind: str = "entry") -> Path:
        assert self._folder is not None
        key = self._made_from.copy()
        key.update(name.encode())
        return self._folder / f"{kind}-{key.hexdigest()}"

    def _entry(self, name: str) -> bytes | None:
        found = _get(self._path(name)) if self._is_known else None
        if found is None or self._folder is None:
            return None
        modules, content = found.split(b"\n", 1)
        return content if _is_as_it_was(self._folder, modules.decode()) else None

    def _keep_entry(self, name: str, content: bytes) -> None:
        if self._is_known and self._folder is not None and (modules := _keep_modules(self._folder, len(sys.modules))):
            _put(self._path(name), modules.encode() + b"\n" + content)


_programs: "WeakValueDictionary[Path, jax.stages.Compiled]" = WeakValueDictionary()
"""Of this process, as long as anybody has them: those of one text are one object, since they call nothing of Python."""


def shapes_as_text(tree: Any) -> str:
    """The structure of a tree of arrays, their shapes and dtypes."""
    import jax

    leaves, structure = jax.tree.flatten(tree)
    return json.dumps([str(structure), *(f"{leaf.dtype}{leaf.shape}" for leaf in leaves)])


def content_as_text(tree: Any) -> str:
    """A digest of all numbers of a tree of arrays."""
    import jax
    import numpy as np

    found = hashlib.blake2b(digest_size=20)
    for leaf in jax.tree.leaves(tree):
        found.update(np.ascontiguousarray(leaf).view(np.uint8).reshape(-1).data)
    return found.hexdigest()


# --- what is loaded ------------------------------------------------------------------------------------------------


@cache
def _paths(count: int) -> frozenset[str]:
    """Of all modules that are loaded now, when there are so many."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return frozenset(file for file in files if isinstance(file, str))


@cache
def _own_paths(count: int) -> frozenset[str]:
    """Those of `_paths` that belong neither to Python, nor to an installed package, nor to ablate."""
    return frozenset(path for path in _paths(count) if not path.startswith(_homes()))


@cache
def _homes() -> tuple[str, ...]:
    """The folders of Python, of installed packages, and of ablate."""
    installed = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{path}{os.sep}" for path in (*sorted(installed), Path(__file__).parents[1]))


@cache
def _state(path: str) -> tuple[int, int, int] | None:
    """The times of a file's last change, as it says and as the system does, in nanoseconds, and its size in bytes.

    None if it is not there, or is newer than this process: then what was loaded may be what it was before. Looked at
    once: the code of a process does not change.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 (a thousand of them: a third of the time of Path.stat)
    except OSError:
        return None
    is_newer = found.st_ctime_ns > STARTED - _COARSE
    return None if is_newer else (found.st_mtime_ns, found.st_ctime_ns, found.st_size)


@cache
def _keep_modules(folder: Path, count: int) -> str | None:
    """Write the list of the modules that are loaded now, when there are so many; its name, or None if it cannot be."""
    listed = {path: _state(path) for path in sorted(_paths(count))}
    if None in listed.values():
        return None
    text = json.dumps(listed).encode()
    name = hashlib.blake2b(text, digest_size=20).hexdigest()
    path = folder / f"modules-{name}"
    return name if path.exists() or _put(path, text) else None


def _is_as_it_was(folder: Path, name: str) -> bool:
    """Whether all files of a list are as they were, and whatever the user has loaded is among them."""
    with _looking:
        then = _unchanged(folder / f"modules-{name}")
    return then is not None and _own_paths(len(sys.modules)) <= then


_looking = Lock()
"""Threads that load programs of one list wait for the one that looks."""


@cache
def _unchanged(path: Path) -> frozenset[str] | None:
    """The paths of a list if all its files are as they were."""
    found = _get(path)
    if found is None:
        return None
    listed = {file: tuple(state) for file, state in json.loads(found).items()}
    return frozenset(listed) if all(_state(file) == state for file, state in listed.items()) else None


def _is_from_a_file(cls: type) -> bool:
    module: ModuleType | None = sys.modules.get(cls.__module__)
    suffixes = tuple(importlib.machinery.all_suffixes())
    return "<locals>" not in cls.__qualname__ and (getattr(module, "__file__", None) or "").endswith(suffixes)


# --- files ---------------------------------------------------------------------------------------------------------


def _put(path: Path, content: bytes) -> bool:
    """Write a file that others see whole or not at all; False if it cannot be written, as on a full disk.

    Not by `ablate.store.replacing`: threads may write the same file at a time, and nothing has to wait for the disk,
    since what is lost is compiled again.
    """
    body = zlib.compress(content, 1)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix="new-", delete=False) as new:
            try:
                new.write(_check(body) + body)
                new.close()
                Path(new.name).replace(path)
            except BaseException:
                Path(new.name).unlink(missing_ok=True)
                raise
    except OSError:
        return False
    return True


def _get(path: Path) -> bytes | None:
    """What `_put` wrote; None if it is not there, or not whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    check, body = content[:_CHECK], content[_CHECK:]
    return zlib.decompress(body) if _check(body) == check else None


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK).digest()
