"""`import_sweep`: a W&B sweep file as the text of a grid."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from .sweep import Sweep, read_sweep

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_OTHER_MEANING = frozenset({"true", "false", "null"})
_WIDTH = 118
_MANY = 100
"""Variants from which on a product is said to be large."""


def import_sweep(path: Path, *, count: int = 5) -> tuple[str, tuple[str, ...]]:
    """A W&B sweep file as a grid.

    Args:
        path: the sweep file.
        count: how many values a range becomes, at least 2.

    Returns:
        The text of a grid file, and its notes: what has no equivalent and what was put in its place.

    Raises:
        GridError: the file is not a W&B sweep; with every problem and its place.
    """
    sweep = read_sweep(path, count=count)
    if sweep.variants > _MANY:
        sweep.notes.append(
            f"the product has {sweep.variants:,} members; write ablate: in place of grid: to change one thing at a time"
        )
    return "\n".join(_lines(sweep, path.name)) + "\n", tuple(sweep.notes)


def _lines(sweep: Sweep, name: str) -> Iterator[str]:
    program = _program(sweep.script)
    yield from _comment(
        f"From the W&B sweep {_visible(name)}: its structure and its values, nothing else. The names of the parameters "
        f"are your own, so this grid needs a program of yours that has them as fields. Write it in one file, register "
        f"it as {program!r} and name the file in `plugins`; docs/how-to/write-a-program.md shows how."
    )
    if sweep.notes:
        yield "#"
        yield "# What has no equivalent, or means something else here:"
        for note in sweep.notes:
            yield from _comment(_visible(note), first="# - ", then="#   ")
    yield "version: 1"
    if sweep.question:
        yield f"question: {flow(sweep.question)}"
    yield f"# plugins: [ablate_{program}.py]"
    yield ""
    yield "base:  # the first or the middle value of every axis; write your own reference setting here"
    yield f"  program: {program}"
    yield from _block(sweep.base, "  ")
    yield ""
    yield f"metric: {flow(sweep.metric)}"
    if sweep.seeds:
        yield f"seeds: {flow(list(sweep.seeds))}"
    else:
        yield "seeds: 3  # the sweep trained every combination once"
    if sweep.axes:
        yield ""
        yield "grid:"
        for axis, values in sweep.axes.items():
            yield f"  {flow(axis) if axis.lower() in _OTHER_MEANING else axis}: {flow(values)}"


def _block(fields: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{flow(name)}:"
            yield from _block(value, indent + "  ")
        else:
            yield f"{indent}{flow(name)}: {flow(value)}"


def _program(script: str) -> str:
    """A name for the program, from that of the script."""
    stem = re.sub(r"\W+", "_", Path(script).stem, flags=re.ASCII).strip("_").lower()
    return stem if _WORD.fullmatch(stem) and stem not in {*_OTHER_MEANING, "supervised"} else "my_program"


def _comment(text: str, first: str = "# ", then: str = "# ") -> Iterator[str]:
    yield from wrap(text, _WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False)


def _visible(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def flow(value: Any) -> str:
    """Plain data as YAML on one line, which `ablate.grid` reads back as the same data."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{flow(str(key))}: {flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case _:
            text = str(value)
            return text if _WORD.fullmatch(text) and text.lower() not in _OTHER_MEANING else _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in escaped) + '"'
