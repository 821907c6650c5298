"""The values of an axis: a list, one value, or a value form.

    axis: [relu, tanh, {kind: soft_shrink, amount: 1.0}]     a list
    axis: relu                                               one value
    axis: {values: [relu, tanh]}                             the same as a list
    axis: {min: 0, max: 1, count: 5}                         evenly spaced, both ends included
    axis: {log: [0.01, 1], count: 5}                         evenly spaced ratios, both ends included
    axis: {range: [0, 10, 2]}                                0, 2, 4, 6, 8: without the stop, as in Python
    axis: [relu, {as: gentle, value: {kind: soft_shrink, amount: 0.1}}]

A mapping is a value form only where it is the whole axis and has exactly the keys of a form; inside a list a mapping
is one value (a component). ``{as: NAME, value: VALUE}`` gives a value a short name, which then stands in labels
in place of ``path=value``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import log10
from typing import Any

from ablate.core import ErrorCode, Location, describe

from .problems import Problems
from .tree import Tree

MAX_COUNT = 10_000
_FORMS = "{values: [...]}, {min: A, max: B, count: N}, {log: [A, B], count: N}, {range: [START, STOP, STEP]}"
_FORM_KEYS = frozenset({"values", "min", "max", "count", "log", "range"})


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One setting of one path."""

    path: str
    value: Any
    tree: Tree
    """The value as it was written, with its places."""
    axis_at: Location
    """Where the path was written."""
    where: str
    """Path in the grid of the axis, named variant or ``include``, such as ``ablate.model.width``."""
    name: str | None = None
    """The name that ``as`` gives to the value."""

    @property
    def at(self) -> Location:
        """Where the value was written."""
        return self.tree.at


class _FormError(ValueError):
    def __init__(self, message: str, code: ErrorCode, at: Location) -> None:
        super().__init__(message)
        self.code = code
        self.at = at


def is_value_form(tree: Tree) -> bool:
    """Whether a whole axis is a mapping with exactly the keys of a value form, or a value with a name."""
    return frozenset(tree.mapping()) in _READERS or _is_named(tree)


def read_axis(path: str, tree: Tree, where: str, problems: Problems) -> tuple[Choice, ...]:
    """The choices of one axis, in the file's order; empty if there are problems.

    Args:
        path: the path that the axis sets.
        tree: what is written after it.
        where: path of the axis in the grid, for messages.
        problems: receives what is wrong.
    """
    axis_at = tree.key_at or tree.at
    try:
        trees = _spread(tree)
        choices = tuple(_choice(path, item, axis_at, where) for item in trees)
        if not choices:
            message = "an axis needs at least one value"
            raise _FormError(message, "empty-axis", tree.at)
    except _FormError as error:
        problems.add(str(error), error.code, where, error.at)
        return ()
    names: dict[str, Choice] = {}
    for choice in choices:
        if choice.name is not None and names.setdefault(choice.name, choice) is not choice:
            message = f"two values are named {choice.name!r}; give each its own name"
            related = (("first used here", names[choice.name].at),)
            problems.add(message, "bad-value", where, choice.at, related)
    return choices


def read_value(path: str, tree: Tree, where: str, problems: Problems) -> Choice:
    """The one choice of a path in a named variant or an ``include``, where a list is a value of its own."""
    if frozenset(tree.mapping()) in _READERS:
        message = f"a value form makes an axis, and here {path} takes one value; write the value itself"
        problems.add(message, "bad-value", where, tree.at)
    return Choice(path, tree.plain(), tree, tree.key_at or tree.at, where)


def check_name(name: object) -> str | None:
    """What is wrong with the name of a variant or value, or None."""
    if not isinstance(name, str) or not name.strip():
        return f"a name is a text that is not empty, got {describe(name)}"
    if name != name.strip() or not name.isprintable():
        return f"the name {name!r} has line breaks, control characters or spaces around it; take them out"
    if name == "base":
        return "the name 'base' is taken by the baseline; choose another"
    return None


def _is_named(tree: Tree) -> bool:
    return tree.mapping().keys() == {"as", "value"}


def _choice(path: str, tree: Tree, axis_at: Location, where: str) -> Choice:
    if not _is_named(tree):
        return Choice(path, tree.plain(), tree, axis_at, where)
    entries = tree.mapping()
    name, value = entries["as"], entries["value"]
    wrong = check_name(name.plain())
    if wrong:
        raise _FormError(wrong, "bad-value", name.at)
    return Choice(path, value.plain(), value, axis_at, where, str(name.content))


def _spread(tree: Tree) -> list[Tree]:
    """The values of an axis as trees."""
    entries = tree.mapping()
    if not entries:
        if tree.content is None:
            message = "the axis has no values; write a list, or leave the key out"
            raise _FormError(message, "empty-axis", tree.at)
        return tree.items() if isinstance(tree.content, list) else [tree]
    reader = _READERS.get(frozenset(entries))
    if reader is not None:
        return reader(tree)
    if "kind" not in entries and _FORM_KEYS & entries.keys() and entries.keys() <= _FORM_KEYS:
        message = f"these keys make no value form; the forms are {_FORMS}"
        raise _FormError(message, "bad-value", tree.at)
    return [tree]


def _numbers(tree: Tree, count: int, words: str) -> list[int | float]:
    values = [_number(item) for item in tree.items()]
    if len(values) != count:
        message = f"write {count} numbers: {words}"
        raise _FormError(message, "bad-value", tree.at)
    return values


def _number(tree: Tree) -> int | float:
    value = tree.content
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"expected a number, got {describe(tree.plain())}"
        raise _FormError(message, "wrong-type", tree.at)
    return value


def _count(tree: Tree) -> int:
    value = tree.content
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"count must be an integer, got {describe(tree.plain())}"
        raise _FormError(message, "wrong-type", tree.at)
    if not 2 <= value <= MAX_COUNT:
        message = f"count must be from 2 to {MAX_COUNT:,}, got {value}"
        raise _FormError(message, "bad-value", tree.at)
    return value


def _read_values(tree: Tree) -> list[Tree]:
    values = tree.mapping()["values"]
    if not isinstance(values.content, list):
        message = f"values must be a list, got {describe(values.plain())}"
        raise _FormError(message, "wrong-type", values.at)
    return values.items()


def _read_linear(tree: Tree) -> list[Tree]:
    entries = tree.mapping()
    low, high, count = _number(entries["min"]), _number(entries["max"]), _count(entries["count"])
    if low >= high:
        message = f"min must be below max, got {low} and {high}"
        raise _FormError(message, "bad-value", entries["min"].at)
    first, step = _exact(low), (_exact(high) - _exact(low)) / (count - 1)
    whole = isinstance(low, int) and isinstance(high, int)
    return _generated([first + i * step for i in range(count)], tree, whole=whole)


def _read_range(tree: Tree) -> list[Tree]:
    parts = tree.mapping()["range"]
    start, stop, step = _numbers(parts, 3, "[START, STOP, STEP]")
    if step == 0:
        message = "the step of a range must not be 0"
        raise _FormError(message, "bad-value", parts.at)
    span, each = _exact(stop) - _exact(start), _exact(step)
    count = max(0, -((-span / each).__floor__()))
    if count > MAX_COUNT:
        message = f"the range has {count:,} values, more than {MAX_COUNT:,}; make the step larger"
        raise _FormError(message, "too-large", parts.at)
    if count == 0:
        message = f"the range is empty: from {start} in steps of {step} nothing comes before {stop}"
        raise _FormError(message, "empty-axis", parts.at)
    whole = isinstance(start, int) and isinstance(step, int)
    return _generated([_exact(start) + i * each for i in range(count)], tree, whole=whole)


def _read_log(tree: Tree) -> list[Tree]:
    entries = tree.mapping()
    low, high = _numbers(entries["log"], 2, "[FIRST, LAST]")
    count = _count(entries["count"])
    if low <= 0 or high <= 0 or low == high:
        message = f"a log axis goes between two different numbers above 0, got {low} and {high}"
        raise _FormError(message, "bad-value", entries["log"].at)
    first, span = log10(low), log10(high) - log10(low)
    inner = (float(f"{10 ** (first + span * i / (count - 1)):.12g}") for i in range(1, count - 1))
    whole = isinstance(low, int) and isinstance(high, int)
    return _generated([_exact(low), *map(_exact, inner), _exact(high)], tree, whole=whole)


def _exact(number: float) -> Fraction:
    """The decimal number that was written: 0.1 is exactly a tenth."""
    return Fraction(repr(number))


def _generated(values: list[Fraction], tree: Tree, *, whole: bool) -> list[Tree]:
    """Integers if both ends were written as integers and all values are whole; otherwise decimal numbers."""
    whole = whole and all(value.denominator == 1 for value in values)
    return [Tree(int(value) if whole else float(value), tree.at) for value in values]


_READERS: dict[frozenset[str], Callable[[Tree], list[Tree]]] = {
    frozenset({"values"}): _read_values,
    frozenset({"min", "max", "count"}): _read_linear,
    frozenset({"log", "count"}): _read_log,
    frozenset({"range"}): _read_range,
}
