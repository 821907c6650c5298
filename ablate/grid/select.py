"""Choosing variants on the command line: ``--only SELECTOR``.

A selector is a label, a pattern over labels (``activation=*``), ``path=value`` (every variant that has this value,
whether it is changed or the base's), the short name of a variant (``relu``), or several of these with commas.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NoReturn

from ablate.core import CommandError, ErrorCode, GridError, Problem, did_you_mean

from .document import parse
from .expansion import Expansion, Variant
from .labels import all_paths, value_text
from .overrides import split_commas
from .paths import MISSING, get, matches, put_all
from .references import ReferenceProblem
from .schema import COMMAND_LINE

_SHOWN = 12


def select(expansion: Expansion, text: str) -> tuple[Variant, ...]:
    """The variants that a selector means, in the expansion's order.

    Raises:
        CommandError: a part of the selector means no variant; names the nearest.
    """
    labels = set().union(*(_meant(expansion, part) for part in _parts(expansion, text)))
    return tuple(variant for variant in expansion.variants if variant.label in labels)


def _parts(expansion: Expansion, text: str) -> Iterator[str]:
    """The parts of a selector. A label may contain commas itself: the longest label at each place counts."""
    pieces = [piece.strip() for piece in split_commas(text)]
    start = 0
    while start < len(pieces):
        ends = range(len(pieces), start, -1)
        joined = (", ".join(pieces[start:end]) for end in ends)
        label = next((name for name in joined if name in expansion.references.labels), None)
        yield label or pieces[start]
        start += label.count(", ") + 1 if label and label != pieces[start] else 1


def _meant(expansion: Expansion, part: str) -> set[str]:
    references = expansion.references
    if not part:
        _refuse("a part of the selector is empty; write a label, a pattern or path=value", "bad-command")
    if part in references.labels:
        return {part}
    if "*" in part or "?" in part:
        pattern = part.replace("[", "[[]")
        found = {label for label in references.labels if fnmatchcase(label, pattern)}
        if not found:
            _refuse(
                f"no label fits the pattern {part!r}; {did_you_mean(part, references.names(), show=6)}",
                "unknown-variant",
            )
        return found
    try:
        return {references.find(part)}
    except ReferenceProblem as error:
        if "=" not in part:
            _refuse(str(error), error.code)
    return _by_value(expansion, part)


def _by_value(expansion: Expansion, part: str) -> set[str]:
    """The variants that have one value at one path."""
    name, _, text = part.partition("=")
    base = expansion.grid.base
    known = {*all_paths(base), *(path for variant in expansion.variants for path in variant.changes)}
    paths = [path for path in known if path == name or path.endswith(f".{name}")]
    if name in paths:
        paths = [name]
    if not paths:
        _refuse(f"no variant sets {name}; {did_you_mean(name, known)}", "unknown-path")
    if len(paths) > 1:
        _refuse(f"{name} may mean {', '.join(sorted(paths))}; write the whole path", "unknown-path")
    try:
        tree = parse(text, COMMAND_LINE)
    except GridError as error:
        raise CommandError(error.problems) from None
    wanted = tree.plain() if tree else None
    values = {variant.label: get(put_all(base, variant.changes.items()), paths[0]) for variant in expansion.variants}
    found = {label for label, value in values.items() if value is not MISSING and matches(value, wanted)}
    if not found:
        present = sorted({value_text(value) for value in values.values() if value is not MISSING})
        shown = ", ".join(present[:_SHOWN]) + (", ..." if len(present) > _SHOWN else "")
        _refuse(f"no variant has {part}; the values of {paths[0]} are {shown}", "unknown-variant")
    return found


def _refuse(message: str, code: ErrorCode) -> NoReturn:
    raise CommandError(Problem(message, code, "--only"))
