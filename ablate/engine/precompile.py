"""What the process of a `HeadStart` does: compile programs for workers that are not there yet."""

import os
import sys
import threading
from pathlib import Path

from ablate.core import collect_rarely


def main() -> None:
    """Compile what a line of standard input names, until that is at its end."""
    collect_rarely()
    from ablate.plan import import_plugins
    from ablate.store import Store

    from .drawing import read
    from .job import Programs
    from .programs import chosen

    line = sys.stdin.readline()
    if not line:
        return
    asked = Programs.model_validate_json(line)
    over = threading.Event()
    threading.Thread(target=_wait, args=(over,), daemon=True).start()
    import_plugins(asked.plugins)
    store = Store(Path(asked.store), frozenset())
    for program in asked.programs:
        if over.is_set():
            return
        shared, _, starts = read(program.configs)
        executable, drawn_by = chosen(shared, program.lanes, program.strategy, store), [start.whole for start in starts]
        if not executable.is_kept(drawn_by):
            executable.compile(drawn_by)


def _wait(over: threading.Event) -> None:
    while os.read(0, 1):  # not by `sys.stdin`, whose lock Python wants when it ends
        pass
    over.set()
