"""Dotted paths into a configuration of plain data.

A component may be written as its name alone: ``activation: relu`` is short for ``activation: {kind: relu}``. So the
text at ``model.activation`` counts as a mapping with the one field ``kind`` wherever a path goes through it.
"""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Final

from ablate.core import canonical_json, describe


class Missing(Enum):
    """Stands for a field that is not set."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

_PATH = re.compile(r"[^\W\d][\w-]*(\.[^\W\d][\w-]*)*")


class BlockedPathError(ValueError):
    """A path goes through a number, a list, true or false: things without fields."""


def is_path(text: str) -> bool:
    """Whether `text` is written as a path: names of letters, digits, ``_`` and ``-`` with dots between them."""
    return _PATH.fullmatch(text) is not None


@cache
def split(path: str) -> tuple[str, ...]:
    """The names of a path: ``split("model.width") == ("model", "width")``."""
    return tuple(path.split("."))


def depth(path: str) -> int:
    """How many names a path has."""
    return path.count(".") + 1


def is_above(ancestor: str, path: str) -> bool:
    """Whether `ancestor` contains `path` and is not the same."""
    return path.startswith(ancestor) and path[len(ancestor) : len(ancestor) + 1] == "."


def related(a: str, b: str) -> bool:
    """Whether one path contains the other, or they are the same."""
    return a == b or is_above(a, b) or is_above(b, a)


def get(config: object, path: str) -> Any:
    """The value at a path, or `MISSING`."""
    for name in split(path):
        if isinstance(config, str):
            config = {"kind": config}
        if not isinstance(config, Mapping) or name not in config:
            return MISSING
        config = config[name]
    return config


def put(config: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A configuration with one value changed. Parts that do not change are shared with `config`.

    Missing parents are created. A component that is written as its name becomes a mapping first.

    Raises:
        BlockedPathError: a parent is a number, a list, true or false.
    """
    return _put(config, split(path), 0, value)


def _put(config: object, names: tuple[str, ...], level: int, value: Any) -> dict[str, Any]:
    if isinstance(config, Mapping):
        copy = dict(config)
    elif isinstance(config, str):
        copy = {"kind": config}
    elif config is None:
        copy = {}
    else:
        parent = ".".join(names[:level])
        message = f"{parent} is {describe(config)}, which has no field {names[level]!r}"
        raise BlockedPathError(message)
    name = names[level]
    copy[name] = value if level == len(names) - 1 else _put(copy.get(name), names, level + 1, value)
    return copy


def put_all(config: Mapping[str, Any], changes: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    """Several changes, whole components before the fields inside them, so that their order does not matter.

    Raises:
        BlockedPathError: as `put`.
    """
    for path, value in sorted(changes, key=lambda change: depth(change[0])):
        config = put(config, path, value)
    return config


def normal(value: Any) -> Any:
    """The same value with every ``{kind: NAME}`` written as ``NAME``."""
    if isinstance(value, Mapping):
        if len(value) == 1 and isinstance(value.get("kind"), str):
            return value["kind"]
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normal(item) for item in value]
    return value


def fingerprint(value: Any) -> str:
    """A text that is the same for equal values: ``1`` and ``1.0``, ``relu`` and ``{kind: relu}``."""
    return "" if value is MISSING else canonical_json(normal(value))


def matches(actual: Any, wanted: Any) -> bool:
    """Whether a value in a configuration is the wanted one.

    The name of a component matches it whatever its fields; a mapping matches if each of its entries does.
    """
    if isinstance(wanted, Mapping):
        if isinstance(actual, str):
            actual = {"kind": actual}
        return isinstance(actual, Mapping) and all(
            key in actual and matches(actual[key], item) for key, item in wanted.items()
        )
    if isinstance(wanted, str) and isinstance(actual, Mapping):
        return bool(actual.get("kind") == wanted)
    if isinstance(wanted, list) and isinstance(actual, list):
        return len(actual) == len(wanted) and all(map(matches, actual, wanted))
    return isinstance(actual, bool) == isinstance(wanted, bool) and bool(actual == wanted)
