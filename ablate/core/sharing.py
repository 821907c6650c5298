"""Configurations of one grid share most of their parts: `Parts` reads each part once, `Once` works it out once.

Both live as long as the call that handles the configurations; nothing here is global.
"""

import marshal
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

    def read(self, reader: Hashable, data: Any, read: Callable[[], T]) -> T:
        """What `read` makes of `data`, or made of it before for the same `reader`."""
        try:
            key = (reader, marshal.dumps(data, _WITHOUT_REFERENCES))
        except ValueError:  # something else than text, numbers, true, false, null, and lists and mappings of them
            key = None
        if key is None:
            return read()
        if key not in self._read:
            self._read[key] = read()
        return cast(T, self._read[key])


_WITHOUT_REFERENCES = 2
"""The last version of Python's `marshal` format in which equal data are equal bytes whoever else refers to its texts.
``1``, ``1.0`` and ``True`` differ, the order of a mapping counts, and a subclass of a plain type is refused."""
