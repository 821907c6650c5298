"""Versions, and whether they are those that ablate asks for."""

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

import ablate
from ablate.core import Finding

DISTRIBUTION = "ablate-grid"
_SHOWN = ("jax", "jaxlib", "equinox", "optax", "numpy", "polars", "ray")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$", re.MULTILINE)


def check_versions(facts: dict[str, Any], *, lock: Path | None = None) -> Iterator[Finding]:
    """Python, packages, requirements that are not met, and differences from ``requirements.lock``.

    Args:
        facts: see `Check`.
        lock: the pinned versions; None: those of the clone that the package lies in, if it lies in one.
    """
    found = {"ablate": ablate.__version__, "python": platform.python_version()}
    found |= {name: known for name in _SHOWN if (known := _version(name))}
    facts["versions"] = found
    yield Finding("ok", ", ".join(f"{name} {number}" for name, number in found.items()))
    yield from _requirements(facts)
    lock = Path(ablate.__file__).parents[1] / "requirements.lock" if lock is None else lock
    if lock.is_file():
        yield from _lock(lock, facts)


def _requirements(facts: dict[str, Any]) -> Iterator[Finding]:
    try:
        asked = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        yield Finding("note", f"{DISTRIBUTION} is not installed, only imported; its requirements are not known")
        return
    unmet = []
    for requirement in asked:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        known = _version(requirement.name)
        if known is None or not requirement.specifier.contains(known, prereleases=True):
            unmet.append(f"{requirement.name}{requirement.specifier}")
            text = f"{requirement.name} {known or 'is missing'}; ablate needs {requirement.name}{requirement.specifier}"
            yield Finding("problem", text, f"pip install '{requirement.name}{requirement.specifier}'")
    facts["unmet_requirements"] = unmet


def _lock(path: Path, facts: dict[str, Any]) -> Iterator[Finding]:
    installed = {_canonical(one.metadata["Name"]): one.version for one in distributions()}
    pinned: dict[str, set[str]] = {}
    for name, number, marker in _PIN.findall(path.read_text("utf-8")):
        if not marker or Requirement(f"{name} ; {marker}").marker.evaluate():  # type: ignore[union-attr]
            pinned.setdefault(_canonical(name), set()).add(number)
    other = {name: installed[name] for name, numbers in pinned.items() if installed.get(name, "") not in {"", *numbers}}
    facts["not_as_locked"] = other
    if other:
        shown = ", ".join(f"{name} {number}" for name, number in list(other.items())[:5])
        more = f" and {len(other) - 5} more" if len(other) > 5 else ""
        advice = f"to have those it was tested with: pip install --require-hashes -r {path}"
        yield Finding("note", f"other versions than {path.name} has: {shown}{more}", advice)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
