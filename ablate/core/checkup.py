"""`Checkup`: what `ablate doctor` finds about one part of the installation, and what to do about it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["ok", "note", "problem"]
"""All is well; worth knowing; needs attention."""

_ORDER: tuple[Level, ...] = ("ok", "note", "problem")


@dataclass(frozen=True)
class Finding:
    """One thing that a check found."""

    level: Level
    text: str
    advice: str = ""
    """What to do about it; a command where there is one."""


@dataclass(frozen=True)
class Checkup:
    """The outcome of one check."""

    name: str
    findings: tuple[Finding, ...]
    facts: dict[str, Any]
    """The same in numbers, for programs. JSON."""
    seconds: float

    @property
    def level(self) -> Level:
        """The worst of the findings."""
        return max((finding.level for finding in self.findings), key=_ORDER.index, default="ok")

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "check": self.name,
            "level": self.level,
            "findings": [vars(finding) for finding in self.findings],
            "facts": self.facts,
            "seconds": round(self.seconds, 3),
        }


Check = Callable[[dict[str, Any]], Iterator[Finding]]
"""Yields what it finds, and puts numbers into the mapping that it is given."""


def examine(name: str, check: Check) -> Checkup:
    """Run a check. If it raises, that is one more finding; nothing is raised here."""
    facts: dict[str, Any] = {}
    findings: list[Finding] = []
    start = time.perf_counter()
    try:
        for finding in check(facts):
            findings.append(finding)  # noqa: PERF402 (what was found before it raises is kept)
    except Exception as error:
        text = f"the check could not be completed: {type(error).__name__}: {str(error).strip()[:500]}"
        findings.append(Finding("problem", text))
    return Checkup(name, tuple(findings), facts, time.perf_counter() - start)
