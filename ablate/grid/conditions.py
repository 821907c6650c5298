"""What ``exclude`` lists and ``when`` asks: a mapping of fields to values, or an expression."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ablate.core import Location, describe

from .expressions import ExpressionError, Lookup, read_expression
from .paths import MISSING, is_path, matches
from .problems import Problems
from .tree import Tree


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """Says of each configuration whether it matches."""

    where: str
    """Path in the grid, such as ``exclude[0]``."""
    at: Location
    fields: tuple[tuple[str, Location], ...]
    """The paths that it looks at, with the place where each is written."""
    holds: Callable[[Lookup], bool]
    """Raises `ExpressionError` if it cannot be worked out."""


def read_condition(tree: Tree, where: str, problems: Problems) -> Condition | None:
    """A condition, or None if there are problems.

    Args:
        tree: a mapping of paths to values (all must match), or the text of an expression.
        where: path of the condition in the grid.
        problems: receives what is wrong.
    """
    if isinstance(tree.content, str):
        try:
            expression = read_expression(tree.content)
        except ExpressionError as error:
            problems.add(str(error), "bad-expression", where, tree.at)
            return None
        return Condition(where, tree.at, tuple((path, tree.at) for path in expression.paths), expression.holds)
    entries = tree.mapping()
    if not entries:
        message = (
            f"expected a mapping of fields to values or an expression in quotes, got {describe(tree.plain())}"
            if not isinstance(tree.content, dict)
            else "an empty condition would match every variant; name the fields that decide"
        )
        problems.add(message, "wrong-type" if tree.content != {} else "bad-value", where, tree.at)
        return None
    for path, value in entries.items():
        if not is_path(path):
            message = f"{path!r} is not a field path such as model.width"
            problems.add(message, "unknown-path", where, value.key_at)
    wanted = [(path, value.plain()) for path, value in entries.items()]
    fields = tuple((path, value.key_at or value.at) for path, value in entries.items())
    return Condition(where, tree.at, fields, lambda lookup: all(_fits(lookup(path), value) for path, value in wanted))


def _fits(actual: Any, wanted: Any) -> bool:
    """Whether a field has the wanted value; a list stands for itself and for any of its items."""
    if actual is MISSING:
        return False
    return matches(actual, wanted) or (isinstance(wanted, list) and any(matches(actual, item) for item in wanted))
