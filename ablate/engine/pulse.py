"""Notices when the processes that hold a Ray cluster together are gone, which Ray itself takes a minute for."""

import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future

Address = tuple[str, int]
"""Host and port."""

SECONDS_BETWEEN = 1.0
SECONDS_TO_ANSWER = 2.0


class Pulse:
    """Connects to some addresses again and again, in a thread of its own.

    Use as a context manager.
    """

    def __init__(self, addresses: Mapping[str, Address], *, patience: float) -> None:
        """`addresses` by what answers there; each may be out of reach for `patience` seconds."""
        self.lost: Future[str] = Future()
        """What does not answer any more, once that is so."""
        self._addresses = dict(addresses)
        self._patience = patience
        self._stop = threading.Event()

    @property
    def seconds_to_notice(self) -> float:
        """How long it takes at most from a loss to `lost`."""
        return self._patience + SECONDS_BETWEEN + len(self._addresses) * SECONDS_TO_ANSWER

    def __enter__(self) -> "Pulse":
        threading.Thread(target=self._watch, name="ablate-pulse", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _watch(self) -> None:
        seen = dict.fromkeys(self._addresses, time.monotonic())
        while not self._stop.wait(SECONDS_BETWEEN):
            for name, address in self._addresses.items():
                if answers(address):
                    seen[name] = time.monotonic()
                elif time.monotonic() - seen[name] > self._patience:
                    self.lost.set_result(name)
                    return


def answers(address: Address, *, seconds: float = SECONDS_TO_ANSWER) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(address, timeout=seconds).close()
    except OSError:
        return False
    return True
