"""How a variant is called: by its difference from the base, in few words.

``model.activation: relu`` becomes ``activation=relu``: the shortest end of the path that no other field of the base
and no other axis has. A component shows its fields, ``activation=soft_shrink(amount=1, scale=3)``; numbers are in
short form; several changes are joined by a comma.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from .paths import fingerprint, split

_PLAIN = re.compile(r"[^\s,=(){}\[\]'\"*?#]+( [^\s,=(){}\[\]'\"*?#]+)*")
_OTHER_TYPE = re.compile(r"[-+]?\.?[0-9][0-9a-fA-F.ox_+-]*|true|false|null|~", re.IGNORECASE)
_DIGITS = 6
"""A number with more digits than this is shown with four."""


def number_text(value: float, *, full: bool = False) -> str:
    """A number in its shortest familiar form: ``1``, ``0.01``, ``6e-4``, ``3e6``.

    Args:
        value: the number.
        full: never round. Otherwise a fraction of more than six digits is rounded to four, as in ``0.03162``.
    """
    number = Decimal(repr(value)).normalize()
    if not full and len(number.as_tuple().digits) > _DIGITS and number != number.to_integral_value():
        number = Decimal(f"{value:.4g}").normalize()
    if not number:
        return "0"
    plain = f"{number:f}"
    if Decimal("0.01") <= abs(number) < 10**6:
        return plain
    sign, digits, _ = number.as_tuple()
    first, *rest = map(str, digits)
    scientific = f"{'-' * sign}{first}{'.' * bool(rest)}{''.join(rest)}e{number.adjusted()}"
    return scientific if len(scientific) < len(plain) else plain


def value_text(value: Any, *, full: bool = False) -> str:
    """A value as it stands in a label; `full` as in `number_text`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value, full=full)
        case str():
            plain = _PLAIN.fullmatch(value) and not _OTHER_TYPE.fullmatch(value)
            return value if plain else json.dumps(value, ensure_ascii=False)
        case Mapping():
            fields = ", ".join(f"{key}={value_text(item, full=full)}" for key, item in value.items() if key != "kind")
            kind = value.get("kind")
            if not isinstance(kind, str):
                return f"{{{fields}}}"
            return f"{kind}({fields})" if fields else kind
        case _:
            return f"[{', '.join(value_text(item, full=full) for item in value)}]"


def all_values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value and every value inside it, each with its path."""
    yield path, value
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from all_values(f"{path}.{name}", item)


def all_paths(config: Mapping[str, Any]) -> Iterator[str]:
    """Every path that a configuration sets, parents included."""
    return (path for name, value in config.items() for path, _ in all_values(name, value))


class ShortPaths:
    """The shortest end of a path that belongs to it alone among some known paths; never ``kind`` alone."""

    def __init__(self, known: Iterable[str]) -> None:
        self._count: Counter[tuple[str, ...]] = Counter()
        for path in frozenset(known):
            names = split(path)
            self._count.update(names[start:] for start in range(len(names)))

    def __getitem__(self, path: str) -> str:
        names = split(path)
        for start in range(len(names) - 1, 0, -1):
            end = names[start:]
            if self._count[end] <= 1 and end != ("kind",):
                return ".".join(end)
        return path


class Labels:
    """Writes the labels of one grid."""

    def __init__(self, base: Mapping[str, Any], settings: Iterable[tuple[str, Any]]) -> None:
        """`settings`: every (path, value) that an axis, named variant or context of the grid gives."""
        texts: dict[str, dict[str, set[str]]] = {}
        for path, value in (inner for setting in settings for inner in all_values(*setting)):
            texts.setdefault(path, {}).setdefault(value_text(value), set()).add(fingerprint(value))
        self._full = {path for path, known in texts.items() if any(len(prints) > 1 for prints in known.values())}
        self._short = ShortPaths((*texts, *all_paths(base)))

    def value(self, path: str, value: Any) -> str:
        """The text of a value; not rounded where two values of the path would look the same."""
        return value_text(value, full=path in self._full)

    def part(self, path: str, value: Any) -> str:
        """One change, as in ``activation=relu``."""
        return f"{self._short[path]}={self.value(path, value)}"

    def long_part(self, path: str, value: Any) -> str:
        """One change with its whole path and all digits."""
        return f"{path}={value_text(value, full=True)}"
