"""Checks that run in a process of their own: what they import may crash or hang, and the other checks must go on.

``python -m ablate.engine.doctor.child NAME`` prints one JSON object, last.
"""

import importlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from ablate.core import Check, Finding, examine

_MODULES = {"devices": "devices", "speed": "speed", "ray": "ray_start", "states": "states"}
"""Check -> module beside this one, which has a function ``check``."""


def in_child(name: str, *arguments: str, timeout: float) -> Check:
    """The check `name`, in a process of its own that may take `timeout` seconds."""

    def check(facts: dict[str, Any]) -> Iterator[Finding]:
        command = [sys.executable, "-m", "ablate.engine.doctor.child", name, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            yield Finding("problem", f"no answer after {timeout:g} s", f"see where it hangs: {' '.join(command)}")
            return
        try:
            found = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            yield Finding("problem", f"the process {_end(done.returncode)}", _last_line(done.stderr))
            return
        facts |= found["facts"]
        for finding in found["findings"]:
            yield Finding(**finding)

    return check


def main() -> None:
    """Run the check that the command line names."""
    name, *arguments = sys.argv[1:]
    module = importlib.import_module(f".{_MODULES[name]}", __package__)
    print(json.dumps(examine(name, lambda facts: module.check(facts, *arguments)).to_plain()))  # noqa: T201


def _end(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code} and said nothing"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:500] if lines else ""


if __name__ == "__main__":
    main()
