"""`HeadStart`: the first programs are compiled while Ray and its workers start."""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from .compile_cache import cache_folder
from .job import NextProgram, Programs

_COMMAND = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from ablate.engine.precompile import main; main()"
_ACCELERATORS = ("nvidia[0-9]*", "dxg", "kfd", "accel*")
"""Under ``/dev``, of NVIDIA (also under Windows), AMD and Google."""


class HeadStart:
    """A process that compiles for workers that are not there yet, and leaves what it compiled in the compile cache.

    While Ray starts, half of the cores of a small machine have nothing to do. A process of its own can be started
    before the plan is made, imports what it needs meanwhile, and is no burden for a driver that Ray forks. A worker
    that comes to a program which is being compiled waits for it. What goes wrong here goes wrong again in the worker,
    where it is reported. As a context manager, it is gone at the end.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-c", _COMMAND, json.dumps(sys.path)]  # it finds plug-ins where we do
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        self._input = self._process.stdin
        self._telling: threading.Thread | None = None

    @staticmethod
    def is_useful(devices: Path = Path("/dev")) -> bool:
        """Whether programs are kept, and workers of this machine will train on its cores."""
        return cache_folder() is not None and not any(any(devices.glob(name)) for name in _ACCELERATORS)

    def begin(self, programs: Sequence[NextProgram], *, plugins: Sequence[str], store: Path) -> None:
        """Say what to compile, in this order. Returns at once, though it may still be importing."""
        asked = Programs(programs=tuple(programs), plugins=tuple(plugins), store=str(store))
        line = f"{asked.model_dump_json()}\n".encode()  # longer, perhaps, than a pipe takes before it is read
        self._telling = threading.Thread(target=self._tell, args=(line,), daemon=True)
        self._telling.start()

    def end(self) -> None:
        """Let it end what it is compiling, and then itself; at once if it has not begun."""
        if self._telling and self._telling.is_alive():
            self._process.kill()
            self._telling.join()
        with suppress(OSError):
            self._input.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.end()
        self._process.wait()

    def _tell(self, line: bytes) -> None:
        with suppress(OSError):  # it is gone
            self._input.write(line)
            self._input.flush()
