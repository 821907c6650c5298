"""`Stop`: how a run is asked to save what it trains and end."""

import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self


class Stop:
    """A request to stop, which workers on any machine see as a file in the store.

    While entered, the first SIGINT or SIGTERM makes the request; a second one raises `KeyboardInterrupt`.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the file."""
        self.path = path
        self.requested = False
        self.interrupted = False
        """Whether it came from a signal."""
        self._before: dict[int, Any] = {}

    def request(self) -> None:
        """Let the workers save and end, and start nothing more."""
        self.requested = True
        with suppress(OSError):  # where the file cannot be made, workers fail soon in saving, or end with their packs
            self.path.touch()

    def __enter__(self) -> Self:
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.request()
