"""`compile_once`: programs with the same text are one program, whichever signatures they were lowered for.

Signatures that differ only in what draws the first weights train by the same machine code. When two threads ask for it
at the same time, the second waits for the first instead of compiling it again.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from typing import Any

import jax

MOST_SHARED = 16
"""Programs that are kept for whoever asks next. They hold machine code and no data."""

_found: OrderedDict[Hashable, Future[jax.stages.Compiled]] = OrderedDict()
_lock = threading.Lock()


def compile_once(
    lowered: jax.stages.Lowered, options: Mapping[str, Any] | None = None, devices: tuple[jax.Device, ...] = ()
) -> jax.stages.Compiled:
    """Compile, or give what was compiled, or is being compiled, from the same text for the same arguments.

    Args:
        lowered: the program. Its text leaves out what it does not use, of which the arguments may differ all the same.
        options: of XLA.
        devices: where it will run.
    """
    text = hashlib.blake2b(lowered.as_text().encode(), digest_size=16).digest()
    arguments = tuple(map(repr, jax.tree.leaves(lowered.args_info)))
    key = text, arguments, lowered.in_tree, lowered.out_tree, tuple(sorted((options or {}).items())), devices
    with _lock:
        future = _found.get(key)
        is_first = future is None
        if future is None:
            future = _found[key] = Future()
        _found.move_to_end(key)
        while len(_found) > MOST_SHARED:
            _found.popitem(last=False)
    if is_first:
        try:
            future.set_result(lowered.compile(dict(options) if options else None))
        except BaseException as error:
            with _lock:
                _found.pop(key, None)
            future.set_exception(error)
    return future.result()


def forget_shared() -> None:
    """Drop what is kept."""
    with _lock:
        _found.clear()
