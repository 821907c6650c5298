"""YAML text to a `Tree`: YAML 1.2 scalars, places of every value, and bounds on hostile files.

PyYAML (libyaml) parses; this module decides what its nodes mean. A first pass over the parser's events stops a file
that is nested too deeply or has too many values before anything is built of it; a second counter bounds what aliases
expand to.
"""

import codecs
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import yaml

from ablate.core import ErrorCode, GridError, Location, Problem

from .problems import Problems
from .tree import REMOVE, Content, Tree

MAX_BYTES = 2**20
MAX_NODES = 100_000
MAX_DEPTH = 50
_MAX_INTEGER = 2**63

_TAG = "tag:yaml.org,2002:"
_HINTS = {
    "mapping values are not allowed in this context": "a ':' that is part of a text needs quotes around the text",
    "found undefined alias": "no anchor (&name) of this name stands before it",
    "found character that cannot start any token": "quote a text that begins with %, @ or `",
    "did not find expected whitespace or line break": "put a space after the tag, as in {model: !remove }",
    "found unexpected end of stream": "a quote is not closed",
    "did not find expected ',' or ']'": "a '[' is not closed, or a comma is missing",
    "did not find expected ',' or '}'": "a '{' is not closed, or a comma is missing",
    "did not find expected key": "check the indentation and the brackets",
    "did not find expected '-' indicator": "check the indentation",
}


def _integer(text: str) -> int:
    """An integer; one that is far too long for 64 bits is not computed."""
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) <= 60 else _MAX_INTEGER


_SCALARS: dict[str, tuple[str, list[str], Callable[[str], str | int | float | bool | None]]] = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""], lambda text: None),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF"), lambda text: text[0] in "tT"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789"), _integer),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
        lambda text: float(re.sub(r"\.([in])", r"\1", text.lower())),
    ),
    "str": (r"(?s:.*)", [], lambda text: text),
}
"""Name of a YAML 1.2 core type -> its pattern, how it may begin (empty: only by its tag), how to read it."""


class _Mark(Protocol):
    """A place of libyaml; counts from 0."""

    line: int
    column: int


class _Loader(yaml.CBaseLoader):
    """libyaml with the scalars of the YAML 1.2 core schema: ``1e-3`` is a number, ``on`` and ``yes`` are texts."""


for _kind, (_pattern, _first, _read) in _SCALARS.items():
    if _first:
        _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"(?:{_pattern})$"), _first)


def read_text(path: Path, name: str, *, at: Location | None = None, under: str = "") -> str:
    """The text of a grid file.

    Args:
        path: the file.
        name: how the user calls it.
        at: where another file names it, for the message when it cannot be read.
        under: path of that place in the other file.

    Raises:
        GridError: the file does not exist, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read {name}: {reason[:1].lower() + reason[1:]}; check the path"
        raise GridError(Problem(message, "file-not-found", under, at)) from None
    start = Location(name, 1, 1)
    if len(data) > MAX_BYTES:
        message = "a grid file is at most 1 MiB; keep data in its own file and name its path in the grid"
        raise GridError(Problem(message, "too-large", location=start))
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        message = "the file begins with a byte-order mark; save it as UTF-8 without one"
        raise GridError(Problem(message, "not-text", location=start))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place = _place(data[: error.start].decode(), name)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        raise GridError(Problem(message, "not-text", location=place)) from None


def parse(text: str, name: str) -> Tree | None:
    """The data of a YAML text, or None if it has none.

    Raises:
        GridError: with a syntax error, or with every duplicate key, unknown tag and number out of range.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        place = _place(text[: error.start], name)
        raise GridError(Problem("this is not UTF-8 text", "not-text", location=place)) from None
    try:
        _scan(text, name)
        node: yaml.Node | None = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise GridError(_syntax_problem(error, text, name)) from None
    except yaml.YAMLError as error:
        place = _place(text.encode()[: getattr(error, "position", 0)].decode(errors="ignore"), name)
        message = f"the YAML cannot be read: {getattr(error, 'reason', 'unknown reason')}"
        raise GridError(Problem(message, "yaml-syntax", location=place)) from None
    if node is None:
        return None
    builder = _Builder(name)
    tree = builder.build(node, None, "", 1)
    builder.problems.check()
    return tree


def _scan(text: str, name: str) -> None:
    """Stop early on a text that is too deep or has too many values, without building anything."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise GridError(_too_deep(_location(event.start_mark, name)))
        if nodes > MAX_NODES:
            message = f"the file has more than {MAX_NODES:,} values; use value forms such as {{min, max, count}}"
            raise GridError(Problem(message, "too-large", location=_location(event.start_mark, name)))


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems = Problems()
        self._count = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, key_at: Location | None, path: str, depth: int) -> Tree:
        at = _location(node.start_mark, self.name)
        self._count += 1
        if self._count > MAX_NODES:
            message = f"the aliases (*name) of this file stand for more than {MAX_NODES:,} values; write fewer"
            raise GridError(Problem(message, "alias-bomb", location=at))
        if id(node) in self._open:
            message = "an alias (*name) is inside the value that it stands for; write the value out"
            raise GridError(Problem(message, "alias-bomb", path, at))
        if depth > MAX_DEPTH + 1:
            raise GridError(_too_deep(at))
        if isinstance(node, yaml.ScalarNode):
            return Tree(self._scalar(node, path, at), at, key_at)
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            self._unknown_tag(node.tag, path, at)
        self._open.add(id(node))
        content: Content
        if isinstance(node, yaml.MappingNode):
            content = self._mapping(node, path, depth)
        else:
            content = [self.build(item, None, f"{path}[{i}]", depth + 1) for i, item in enumerate(node.value)]
        self._open.remove(id(node))
        return Tree(content, at, key_at)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            at = _location(key_node.start_mark, self.name)
            key = self._key(key_node, path, at)
            here = f"{path}.{key}" if path else key
            value = self.build(value_node, at, here, depth + 1)
            present = entries.setdefault(key, value)
            if present is not value and present.key_at:
                related = (("first written here", present.key_at),)
                message = "this key is written twice; keep one of the two"
                self.problems.add(message, "duplicate-key", here, at, related)
        return entries

    def _key(self, node: yaml.Node, path: str, at: Location) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self.problems.add("a key must be text, not a mapping or a list", "wrong-type", path, at)
            return str(at)
        if node.tag != _TAG + "str":
            message = f"a key must be text; write {node.value!r} in quotes"
            self.problems.add(message, "wrong-type", path, at)
        elif node.value == "<<" and not node.style:
            message = "merge keys (<<) are not part of YAML 1.2; share settings with `extends`"
            self.problems.add(message, "not-supported", path, at)
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: str, at: Location) -> Content:
        if node.tag == REMOVE.value:
            if node.value:
                message = f"`!remove` takes no value; write `!remove` instead of `!remove {node.value[:40]}`"
                self.problems.add(message, "yaml-syntax", path, at)
            return REMOVE
        kind = node.tag.removeprefix(_TAG)
        if kind not in _SCALARS:
            self._unknown_tag(node.tag, path, at)
            return None
        pattern, _, read = _SCALARS[kind]
        if not re.fullmatch(pattern, node.value):
            self.problems.add(f"{node.value[:40]!r} is not a {kind}; leave out the tag", "bad-value", path, at)
            return None
        value = read(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{node.value[:40]} is not a finite number; write one that is"
            self.problems.add(message, "bad-value", path, at)
        elif isinstance(value, int) and not -_MAX_INTEGER <= value < _MAX_INTEGER:
            message = "this integer does not fit in 64 bits; write a smaller one, or a decimal number such as 1e20"
            self.problems.add(message, "bad-value", path, at)
        return value

    def _unknown_tag(self, tag: str, path: str, at: Location) -> None:
        shown = tag.replace(_TAG, "!!")
        message = f"the tag {shown} is not part of the grid language; the only one is !remove"
        self.problems.add(message, "not-supported", path, at)


def _too_deep(at: Location) -> Problem:
    return Problem(f"values are nested more than {MAX_DEPTH} deep; flatten them", "too-large", location=at)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = _location(mark, name)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    code: ErrorCode = "yaml-syntax"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return Problem("the line is indented with a tab; YAML wants spaces", code, location=place)
    if error.problem == "but found another document":
        return Problem("a second document (---) begins here; a grid file has one", code, location=place)
    other = _location(error.context_mark, name)
    if error.context == "found duplicate anchor; first occurrence":
        related = (("first used here", other),)
        return Problem("this anchor (&name) is used twice; rename one", code, location=place, related=related)
    reason = error.problem or "unknown reason"
    hint = _HINTS.get(reason)
    message = f"the YAML cannot be read: {reason}" + (f" ({hint})" if hint else "")
    return Problem(message, code, location=place, related=((error.context, other),) if error.context else ())


def _location(mark: _Mark | None, name: str) -> Location:
    return Location(name, mark.line + 1, mark.column + 1) if mark else Location(name, 1, 1)


def _place(before: str, name: str) -> Location:
    """The place after the text `before`."""
    return Location(name, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
