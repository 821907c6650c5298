"""Collecting mistakes, so that a grid shows all of them at once."""

from collections.abc import Iterable

from ablate.core import ErrorCode, GridError, Location, Problem


class Problems:
    """The mistakes found so far."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(
        self,
        message: str,
        code: ErrorCode,
        path: str,
        at: Location | None,
        related: tuple[tuple[str, Location], ...] = (),
    ) -> None:
        """Remember one mistake."""
        self._found.append(Problem(message, code, path, at, related))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Remember mistakes that were found elsewhere."""
        self._found.extend(problems)

    def check(self) -> None:
        """Stop here if anything was found.

        Raises:
            GridError: with every mistake, in the order of the file, each once.
        """
        if self._found:
            raise GridError(sorted(dict.fromkeys(self._found), key=_position))


def _position(problem: Problem) -> tuple[str, int, int]:
    place = problem.location
    return (place.file, place.line, place.column) if place else ("", 0, 0)
