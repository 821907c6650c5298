"""``path=value`` on the command line, in the grammar of the file.

    optimizer.lr=3e-4              sets a field of base
    model.activation=relu,gelu     makes an axis of ablate
    grid.model.width=64,128        makes an axis of grid (also across.PATH, ablate.PATH, tune.axes.PATH)
    seeds=0-9    margin=0.02       sets a top-level key, or a path below one: metric.at=best
    model.position=!remove         takes a key out

A first name that is a top-level key of the grid language means that key; write ``base.`` before the path of a field
that has such a name. Commas between values count only outside brackets and quotes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches

from ablate.core import ErrorCode, GridError, Location, describe, did_you_mean

from .document import parse
from .paths import is_path
from .problems import Problems
from .schema import COMMAND_LINE, KEYS
from .tree import REMOVE, Tree, has_removal, moved

_AXES = (("ablate",), ("grid",), ("across",), ("tune", "axes"))


class _OverrideError(ValueError):
    def __init__(self, message: str, code: ErrorCode, path: str) -> None:
        super().__init__(message)
        self.code = code
        self.path = path


def apply_overrides(tree: Tree, overrides: Sequence[str], problems: Problems) -> Tree:
    """The document with the command line applied; what is wrong goes to `problems`.

    A problem's column is that of its argument when the arguments stand on one line.
    """
    column = 1
    for text in overrides:
        at = Location(COMMAND_LINE, 1, column)
        column += len(text) + 1
        try:
            tree = _apply(tree, text, at)
        except _OverrideError as error:
            problems.add(str(error), error.code, error.path, at)
        except GridError as error:
            problems.extend(replace(problem, location=at, related=()) for problem in error.problems)
    return tree


def _apply(tree: Tree, text: str, at: Location) -> Tree:
    path, equals, value_text = text.partition("=")
    path = path.strip()
    if not equals or not path:
        message = f"{text!r} is not of the form path=value, such as optimizer.lr=3e-4"
        raise _OverrideError(message, "bad-command", "")
    parts = [value_text] if path == "question" else list(split_commas(value_text))
    values = [_value(part, path, at, alone=len(parts) == 1) for part in parts]
    value = values[0] if len(values) == 1 else Tree(values, at, at)
    first = path.partition(".")[0]
    if first == "extends":
        message = "this cannot be set on the command line; write a grid file that extends both"
        raise _OverrideError(message, "not-supported", path)
    for section in _AXES:
        axis = path.removeprefix(".".join((*section, "")))
        if axis not in ("", path):
            return _assign(tree, (*section, axis), value, path, at)
    if not is_path(path):
        message = f"{path!r} is not a path such as model.width"
        raise _OverrideError(message, "unknown-path", "")
    if first in KEYS and first != "base":
        return _assign(tree, tuple(path.split(".")), value, path, at)
    field = path.removeprefix("base.")
    if len(values) > 1:
        return _assign(tree, ("ablate", field), value, path, at)
    base = tree.mapping().get("base")
    if "." not in path and path != "base" and path not in (base.mapping() if base else ()):
        near = get_close_matches(path, KEYS, n=1, cutoff=0.75)
        if near:
            message = f"no such key; did you mean {near[0]}? (write base.{path}=... for a field of that name)"
            raise _OverrideError(message, "unknown-key", path)
    return _assign(tree, ("base",) if path == "base" else ("base", *field.split(".")), value, path, at)


def _value(text: str, path: str, at: Location, *, alone: bool) -> Tree:
    tree = parse(text, COMMAND_LINE)
    if tree is None:
        message = f"there is a value missing after {path}=; write {path}=null for no value"
        raise _OverrideError(message, "bad-command", path)
    if has_removal(tree) and not (alone and tree.content is REMOVE):
        message = f"`!remove` is the whole value, as in {path}=!remove, or is not there"
        raise _OverrideError(message, "bad-value", path)
    return moved(tree, at, at)


def split_commas(text: str) -> Iterator[str]:
    """The parts between commas that are outside brackets and quotes."""
    depth, quote, start = 0, "", 0
    for i, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and text[start:i].rstrip()[-1:] in ("", *"[{,:"):
            quote = sign
        elif sign in "[{(":
            depth += 1
        elif sign in ")}]":
            depth -= 1
        elif sign == "," and depth <= 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]


def _assign(tree: Tree, names: tuple[str, ...], value: Tree, path: str, at: Location) -> Tree:
    """The document with one value set, or taken out."""
    return _assigned(tree, names, 0, value, path, at)


def _assigned(tree: Tree | None, names: tuple[str, ...], level: int, value: Tree, path: str, at: Location) -> Tree:
    content = tree.content if tree else None
    if isinstance(content, str) and names[0] == "base":
        content = {"kind": Tree(content, at)}
    if content is not None and not isinstance(content, dict):
        parent = ".".join(names[:level])
        message = f"{parent} is {describe(tree.plain() if tree else None)}, which has no key {names[level]!r}"
        raise _OverrideError(message, "unknown-path", path)
    entries = dict(content or {})
    name = names[level]
    if level < len(names) - 1:
        entries[name] = _assigned(entries.get(name), names, level + 1, value, path, at)
    elif value.content is REMOVE:
        if entries.pop(name, None) is None:
            message = f"there is nothing to remove; {did_you_mean(name, entries)}"
            raise _OverrideError(message, "unknown-key", path)
    else:
        entries[name] = value
    return Tree(entries, tree.at if tree else at, tree.key_at if tree else at)
