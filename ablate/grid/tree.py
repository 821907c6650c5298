"""`Tree`: YAML data in which every value knows where it was written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from ablate.core import Location


class Removal(Enum):
    """What ``!remove`` stands for: the key is taken out of the file that is extended."""

    REMOVE = "!remove"


REMOVE: Final = Removal.REMOVE

Content = str | int | float | bool | Removal | dict[str, "Tree"] | list["Tree"] | None

_INDEX = re.compile(r"\[?(\d{1,9})\]?\.?")


@dataclass(frozen=True, slots=True)
class Tree:
    """A value of a YAML file: a scalar, a mapping or a list of further trees."""

    content: Content
    at: Location
    """Where the value begins."""
    key_at: Location | None = None
    """Where the value's key begins, if it is the value of a key."""

    def plain(self) -> Any:
        """The data without its places."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [item.plain() for item in self.content]
        return self.content

    def mapping(self) -> dict[str, "Tree"]:
        """The entries of a mapping; empty for anything else."""
        return self.content if isinstance(self.content, dict) else {}

    def items(self) -> list["Tree"]:
        """The items of a list; empty for anything else."""
        return self.content if isinstance(self.content, list) else []

    def nearest(self, path: str) -> tuple["Tree", str]:
        """The value at a path such as ``claims[0].that``, or its nearest ancestor, and what is left of the path.

        A key may contain dots itself (``ablate.model.activation`` finds the key ``model.activation``).
        """
        node, rest = self, path
        while rest and (found := node._step(rest)) is not None:
            node, rest = found
        return node, rest

    def locate(self, path: str, *, key: bool = False) -> Location:
        """Where the value at `path` is written, or its key; for a path that does not exist, its nearest ancestor."""
        node, rest = self.nearest(path)
        return node.key_at if key and node.key_at and not rest else node.at

    def _step(self, path: str) -> tuple["Tree", str] | None:
        if isinstance(self.content, dict):
            for end in _ends(path):
                child = self.content.get(path[:end])
                if child is not None:
                    return child, path[end:].removeprefix(".")
        elif isinstance(self.content, list):
            match = _INDEX.match(path)
            if match and int(match[1]) < len(self.content):
                return self.content[int(match[1])], path[match.end() :].removeprefix(".")
        return None


def _ends(path: str) -> Iterator[int]:
    """Where a key that begins `path` may end, longest first."""
    yield len(path)
    yield from (place for place in range(len(path) - 1, 0, -1) if path[place] in ".[")


def from_plain(value: object, at: Location, key_at: Location | None = None) -> Tree:
    """A tree of plain data, all of it at one place: what the command line wrote, or a value form made."""
    if isinstance(value, Mapping):
        return Tree({str(key): from_plain(item, at, at) for key, item in value.items()}, at, key_at)
    if isinstance(value, list | tuple):
        return Tree([from_plain(item, at) for item in value], at, key_at)
    if value is None or isinstance(value, str | int | float | bool):
        return Tree(value, at, key_at)
    message = f"a {type(value).__name__} is not YAML data"
    raise TypeError(message)


def moved(tree: Tree, at: Location, key_at: Location | None = None) -> Tree:
    """The same data, all of it at another place."""
    content = tree.content
    if isinstance(content, dict):
        content = {key: moved(item, at, at) for key, item in content.items()}
    elif isinstance(content, list):
        content = [moved(item, at) for item in content]
    return Tree(content, at, key_at)


def has_removal(tree: Tree) -> bool:
    """Whether ``!remove`` stands anywhere in a tree."""
    return tree.content is REMOVE or any(map(has_removal, (*tree.mapping().values(), *tree.items())))
