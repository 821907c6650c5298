"""Keeps Ray's own messages away from standard output, where ours would be lost among them."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LISTENER = "ray_listen_error_messages"
"""The thread in which Ray prints what happened to workers: a page each time, of which we say a line."""


class _WithoutListener:
    """A stream that drops what one thread writes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if threading.current_thread().name == _LISTENER:
            return len(text)
        return int(self._stream.write(text))


@contextmanager
def quiet_ray() -> Iterator[None]:
    """Drop what Ray prints to standard output about workers and nodes, and nothing else."""
    before = sys.stdout
    muted = _WithoutListener(before)
    sys.stdout = muted
    try:
        yield
    finally:
        if sys.stdout is muted:
            sys.stdout = before
