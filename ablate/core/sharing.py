"""Configurations of one grid share most of their parts: `Parts` reads each part once, `Once` works it out once.

Both live as long as the call that handles the configurations; nothing here is global.
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")
V = TypeVar("V")


class Once(Generic[V, T]):
    """A function of objects that is called once for each object, told apart by identity.

    The function gets the object and this `Once`, to use it on the objects inside. Objects are held, so that no other
    object takes the identity of one; they must not change.
    """

    def __init__(self, function: "Callable[[V, Once[V, T]], T]") -> None:
        self._function = function
        self._known: dict[int, tuple[V, T]] = {}

    def __call__(self, value: V) -> T:
        """What the function gives for `value`."""
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = (value, self._function(value, self))
        return known[1]


class Parts:
    """Parts of configurations that were read without a problem: the same data gives the same object again.

    A part is whatever has a reader: a component (read by its family) or a group of fields (read by its class).
    What was refused is not kept, so it is read, and refused, again wherever it stands.
    """

    def __init__(self) -> None:
        self._read: dict[Hashable, Any] = {}

    def read(self, reader: Hashable, data: object, read: Callable[[], T]) -> T:
        """What `read` makes of `data`, or made of it before for the same `reader`."""
        try:
            key = (reader, _exact(data))
        except _NotPlainError:
            key = None
        if key is None:
            return read()
        if key not in self._read:
            self._read[key] = read()
        return cast(T, self._read[key])


class _NotPlainError(Exception):
    """Something else than text, numbers, true, false, null, and lists and mappings of them."""


def _exact(data: object) -> Hashable:
    """A key that is equal for the same data only: ``1``, ``1.0`` and ``True`` differ, and the order counts."""
    if type(data) is str:
        return data
    if type(data) is dict:
        return (dict, *map(_exact, data), *map(_exact, data.values()))
    if type(data) is list:
        return (list, *map(_exact, data))
    if type(data) in _SCALARS:
        return (type(data), repr(data))
    raise _NotPlainError


_SCALARS = frozenset({float, int, bool, type(None)})
