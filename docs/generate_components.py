"""Writes ``docs/reference/components.md`` from the classes of the built-in components.

    python docs/generate_components.py

A test compares the page with `page`, so it cannot fall behind.
"""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import Family, Metric
from ablate.plan import catalogue
from ablate.plan.catalogue import ComponentEntry, FieldEntry
from ablate.systems import FAMILIES, Component, Problem, Program

PAGE = Path(__file__).parent / "reference" / "components.md"

_HEAD = """\
# Components

<!-- Written by docs/generate_components.py from the docstrings; do not edit by hand. -->

Everything that `base` and the axes of a grid can name. A component belongs to a family and is chosen by its kind:
`activation: relu` is short for `activation: {kind: relu}`. A mapping without a kind changes fields of the default
component, where there is one: `optimizer: {lr: 3e-3}`. A field that is left out has its default; writing it out
changes nothing. `ablate components` shows the same in a terminal, plug-ins included.

The column *mark* says what a field means for packing and identity:

| mark | meaning |
|---|---|
| lane | a number that may differ between the runs of one pack; a number and `null` do not go together |
| static | a value that is compiled in; runs that differ in it are never in one pack |
| start | only the first state depends on it; runs that differ in it may share a pack |
| part | a component; its own fields say what they are |
| budget | how long a run trains; outside the identity, so a larger value continues the same run |
| recording | what is recorded; outside the identity |

Components of your own are written in the same way; see [Add an activation](../how-to/add-an-activation.md).
"""


def page() -> str:
    """The whole page as Markdown."""
    entries = {entry.name: entry.members for entry in catalogue()}
    return "\n".join([_HEAD, *(line for family in FAMILIES for line in _family(family, entries[family.name]))])


def _family(family: Family[Any], entries: tuple[ComponentEntry, ...]) -> Iterator[str]:
    built_in = [entry for entry in entries if entry.origin.startswith("ablate.")]
    bases = family[built_in[0].kind].__mro__
    base = [cls for cls in bases if issubclass(cls, Component) and not cls.kind][-2]  # the last one is Component itself
    summary, *_ = inspect.cleandoc(base.__doc__ or "").split("\n\n")
    yield f"## {family.name}\n"
    yield f"{summary}\n"
    for entry in built_in:
        yield f"### {family.name}: {entry.kind}\n"
        yield f"{entry.description}\n"
        if entry.reference:
            yield f"Reference: {entry.reference}.\n"
        yield from _fields(entry.fields)
        yield from _metrics(family[entry.kind])


def _fields(fields: tuple[FieldEntry, ...]) -> Iterator[str]:
    if not fields:
        yield "It has no fields.\n"
        return
    yield "| field | value | default | mark | meaning |"
    yield "|---|---|---|---|---|"
    for field in fields:
        value = f"[{field.type}](#{field.type})" if field.mark == "part" else field.type
        text = field.default if isinstance(field.default, str) else json.dumps(field.default)
        default = "required" if field.required else f"`{text}`"
        yield f"| `{field.path}` | {value} | {default} | {field.mark} | {field.description} |"
    yield ""


def _metrics(cls: type[Component]) -> Iterator[str]:
    metrics: tuple[Metric, ...] = ()
    if issubclass(cls, Program):
        yield "With all defaults it records:\n"
        metrics = cls().recorded
    elif issubclass(cls, Problem):
        yield "It measures, and `supervised` records as `val_NAME`:\n"
        metrics = cls.metrics
    if metrics:
        yield "| metric | unit | better | meaning |"
        yield "|---|---|---|---|"
        for metric in metrics:
            better = {"minimize": "lower", "maximize": "higher"}[metric.goal]
            yield f"| `{metric.name}` | {metric.unit} | {better} | {metric.description} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
