"""Every error that ablate raises on purpose, and how a problem in a file is shown.

The tree:

    AblateError
    ├── InputError          the user's files or command are wrong            exit code 2
    │   ├── GridError       the grid file, or a configuration it describes
    │   ├── CommandError    the command line
    │   └── NoResultsError  a report or status of something that never ran
    ├── StoreError          the results folder cannot be used                exit code 2
    └── EngineError         runs failed for a reason outside the grid        exit code 1

Anything else that escapes is a bug in ablate (exit code 3).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import ClassVar, Literal

ErrorCode = Literal[
    "alias-bomb",
    "bad-command",
    "bad-expression",
    "bad-plugin",
    "bad-reference",
    "bad-value",
    "circular-extends",
    "duplicate-key",
    "duplicate-label",
    "duplicate-seed",
    "duplicate-variant",
    "empty-axis",
    "empty-grid",
    "file-not-found",
    "missing-field",
    "no-corpus",
    "no-match",
    "no-results",
    "not-supported",
    "not-text",
    "plugin-changed",
    "too-large",
    "unknown-component",
    "unknown-field",
    "unknown-key",
    "unknown-path",
    "unknown-variant",
    "wrong-type",
    "yaml-syntax",
    "zip-length",
]
"""The stable name of a kind of mistake; each has a section in ``docs/reference/errors.md``."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a text file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: what is wrong, where, and what to write instead."""

    message: str
    code: ErrorCode
    path: str = ""
    """Dotted path inside the grid or the configuration; empty for the whole file."""
    location: Location | None = None
    related: tuple[tuple[str, Location], ...] = ()
    """Other places that belong to the same mistake, each with a short reason."""

    def at(self, location: Location | None) -> "Problem":
        """The same problem, placed in a file."""
        return replace(self, location=location)

    def under(self, prefix: str) -> "Problem":
        """The same problem, one level further out: ``prefix`` is put before the path."""
        return replace(self, path=join_path(prefix, self.path))

    def __str__(self) -> str:
        place = f"{self.location}  " if self.location else ""
        path = f"{self.path}: " if self.path else ""
        notes = "".join(f"\n    {location}  {reason}" for reason, location in self.related)
        return f"{place}{path}{self.message}  [{self.code}]{notes}"


class AblateError(Exception):
    """Base class; ``exit_code`` is what the command line returns."""

    exit_code: ClassVar[int] = 3


class InputError(AblateError):
    """The input is wrong. Carries every problem that was found, not only the first."""

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class GridError(InputError):
    """A grid file, or a configuration that it describes, is wrong."""


class CommandError(InputError):
    """The command line is wrong."""


class NoResultsError(InputError):
    """There is nothing to show: the grid has not been run in this store."""


class StoreError(AblateError):
    """The results folder is locked, foreign, or cannot be written."""

    exit_code = 2


class EngineError(AblateError):
    """Training could not go on, for a reason that is not in the grid."""

    exit_code = 1


class LostClusterError(EngineError):
    """Ray is gone. Its threads in this process may block or crash when the interpreter ends: leave without that."""


def join_path(*parts: str) -> str:
    """Join dotted paths, leaving out empty parts: ``join_path("a", "", "b.c") == "a.b.c"``."""
    return ".".join(part for part in parts if part)


def did_you_mean(name: str, options: Iterable[str], *, show: int = 12) -> str:
    """The helpful end of an "unknown name" message: the nearest match, or what exists."""
    known = sorted(set(options))
    if not known:
        return "none exist"
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    listed = ", ".join(known[:show]) + (", ..." if len(known) > show else "")
    return f"known: {listed}"
