"""The sections of a grid that make variants and contexts, read into choices.

In ``ablate`` a key is a field path or the name of a variant. It is a name exactly if it has no dot, is not a
top-level key of ``base``, and stands before a mapping that is neither a value form nor a component (has no ``kind``).
The mapping then holds field paths, each with one value: a dotted path or a top-level key of ``base``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ablate.core import Location, describe, did_you_mean

from .conditions import Condition, read_condition
from .paths import is_above, is_path
from .problems import Problems
from .tree import Tree
from .values import Choice, check_name, is_value_form, read_axis, read_value

Alternative = tuple[Choice, ...]
"""Choices that are made together: one in a plain axis, several in a group of ``zip``."""

Axis = tuple[Alternative, ...]

Product = tuple[Axis, ...]
"""Axes that are crossed with each other."""


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A variant before it is compared with the others."""

    choices: Alternative
    name: str | None
    where: str
    """Path in the grid of what made it."""


@dataclass(frozen=True, slots=True, eq=False)
class When:
    """Axes that only some variants of ``grid`` have."""

    condition: Condition
    products: tuple[Product, ...]
    where: str
    at: Location


@dataclass(frozen=True, slots=True, eq=False)
class Sections:
    """What ``ablate``, ``grid``, ``zip``, ``when``, ``exclude``, ``include`` and ``across`` say."""

    ablate: tuple[Draft, ...]
    grid: tuple[Product, ...]
    zip: Product
    when: tuple[When, ...]
    exclude: tuple[Condition, ...]
    include: tuple[Draft, ...]
    across: Product

    def variant_choices(self) -> Iterator[Choice]:
        """Every choice that a variant can make."""
        for draft in (*self.ablate, *self.include):
            yield from draft.choices
        for product in (*self.grid, self.zip, *(product for when in self.when for product in when.products)):
            yield from _choices(product)

    def context_choices(self) -> Iterator[Choice]:
        """Every choice of ``across``."""
        return _choices(self.across)


def _choices(product: Product) -> Iterator[Choice]:
    return (choice for axis in product for alternative in axis for choice in alternative)


def read_sections(root: Tree, base: Mapping[str, Any], problems: Problems) -> Sections:
    """The sections of a grid; what is wrong goes to `problems`."""
    reader = _Reader(root, base, problems)
    sections = Sections(
        ablate=tuple(reader.ablate()),
        grid=tuple(reader.union("grid", root)),
        zip=tuple(reader.zip()),
        when=tuple(reader.when()),
        exclude=tuple(reader.exclude()),
        include=tuple(reader.include()),
        across=tuple(reader.product("across", reader.entries("across", root))),
    )
    reader.check_axes(sections)
    reader.check_across(sections)
    return sections


class _Reader:
    def __init__(self, root: Tree, base: Mapping[str, Any], problems: Problems) -> None:
        self.root = root
        self.base = base
        self.problems = problems

    def entries(self, name: str, parent: Tree, where: str | None = None) -> dict[str, Tree]:
        """The mapping under a key; a key with nothing after it counts as left out."""
        tree = parent.mapping().get(name)
        if tree is not None and tree.content is not None and not isinstance(tree.content, dict):
            message = f"expected a mapping, got {describe(tree.plain())}"
            self.problems.add(message, "wrong-type", where or name, tree.at)
        return tree.mapping() if tree else {}

    def list(self, name: str) -> list[Tree]:
        tree = self.root.mapping().get(name)
        if tree is not None and tree.content is not None and not isinstance(tree.content, list):
            message = f"expected a list, got {describe(tree.plain())}; begin each entry with '- '"
            self.problems.add(message, "wrong-type", name, tree.at)
        return tree.items() if tree else []

    def path(self, path: str, tree: Tree, where: str) -> bool:
        """Whether a key is a path; a problem if not."""
        if is_path(path):
            return True
        message = f"{path!r} is not a field path such as model.width"
        self.problems.add(message, "unknown-path", where, tree.key_at)
        return False

    def product(self, where: str, entries: Mapping[str, Tree]) -> Iterator[Axis]:
        for path, tree in entries.items():
            here = f"{where}.{path}"
            if self.path(path, tree, here):
                yield tuple((choice,) for choice in read_axis(path, tree, here, self.problems))

    def union(self, where: str, parent: Tree) -> Iterator[Product]:
        tree = parent.mapping().get("grid")
        if tree is None or tree.content is None or tree.content in ({}, []):
            return
        if isinstance(tree.content, list):
            for i, member in enumerate(tree.content):
                here = f"{where}[{i}]"
                if not member.mapping():
                    message = f"expected a mapping of axes, got {describe(member.plain())}"
                    self.problems.add(message, "wrong-type", here, member.at)
                yield tuple(self.product(here, member.mapping()))
        elif isinstance(tree.content, dict):
            yield tuple(self.product(where, tree.content))
        else:
            message = f"expected a mapping of axes, or a list of such mappings, got {describe(tree.plain())}"
            self.problems.add(message, "wrong-type", where, tree.at)

    def ablate(self) -> Iterator[Draft]:
        for key, tree in self.entries("ablate", self.root).items():
            where = f"ablate.{key}"
            if self.is_name(key, tree):
                wrong = check_name(key)
                if wrong:
                    self.problems.add(wrong, "bad-value", where, tree.key_at)
                yield Draft(tuple(self.settings(tree.mapping(), where)), key, where)
            elif self.path(key, tree, where):
                for choice in read_axis(key, tree, where, self.problems):
                    yield Draft((choice,), None, where)

    def is_name(self, key: str, tree: Tree) -> bool:
        """Whether a key of ``ablate`` is the name of a variant, by the rule at the top of this module."""
        entries = tree.mapping()
        return (
            "." not in key
            and key not in self.base
            and bool(entries)
            and "kind" not in entries
            and not is_value_form(tree)
        )

    def settings(self, entries: Mapping[str, Tree], where: str) -> Iterator[Choice]:
        """The choices of a named variant or an ``include``."""
        for path, tree in entries.items():
            here = f"{where}.{path}"
            if not self.path(path, tree, here):
                continue
            if "." not in path and path not in self.base:
                message = (
                    f"a variant with a name holds field paths such as model.width, and {path} is neither a dotted path "
                    f"nor a top-level key of base; {did_you_mean(path, self.base)}"
                )
                self.problems.add(message, "unknown-path", here, tree.key_at)
            yield read_value(path, tree, here, self.problems)

    def zip(self) -> Iterator[Axis]:
        for group, tree in self.entries("zip", self.root).items():
            where = f"zip.{group}"
            if "." in group or not tree.mapping():
                message = "each group of zip has a name: write zip: {NAME: {model.width: [...], model.heads: [...]}}"
                self.problems.add(message, "bad-value", where, tree.key_at)
                continue
            columns = [
                read_axis(path, column, f"{where}.{path}", self.problems)
                for path, column in tree.mapping().items()
                if self.path(path, column, f"{where}.{path}")
            ]
            columns = [column for column in columns if column]
            if len({len(column) for column in columns}) > 1:
                first, *others = ((column[0].path, len(column)) for column in columns)
                message = f"{first[0]} has {first[1]} value{'s' * (first[1] != 1)}"
                message += "".join(f", {path} has {count}" for path, count in others)
                self.problems.add(message, "zip-length", where, tree.at)
            elif columns:
                yield tuple(zip(*columns, strict=True))

    def when(self) -> Iterator[When]:
        for i, tree in enumerate(self.list("when")):
            where = f"when[{i}]"
            entries = tree.mapping()
            for key, value in entries.items():
                if key not in ("if", "grid"):
                    message = f"no such key; {did_you_mean(key, ('if', 'grid'))}"
                    self.problems.add(message, "unknown-key", f"{where}.{key}", value.key_at)
            missing = [key for key in ("if", "grid") if key not in entries]
            if missing:
                message = f"no key {' and '.join(missing)} here; write {{if: {{PATH: VALUE}}, grid: {{PATH: [...]}}}}"
                self.problems.add(message, "missing-field", where, tree.at)
                continue
            condition = read_condition(entries["if"], f"{where}.if", self.problems)
            products = tuple(self.union(f"{where}.grid", tree))
            if not products:
                self.problems.add("there are no axes here", "empty-axis", f"{where}.grid", entries["grid"].at)
            if condition:
                yield When(condition, products, where, tree.at)

    def exclude(self) -> Iterator[Condition]:
        for i, tree in enumerate(self.list("exclude")):
            condition = read_condition(tree, f"exclude[{i}]", self.problems)
            if condition:
                yield condition

    def include(self) -> Iterator[Draft]:
        for i, tree in enumerate(self.list("include")):
            where = f"include[{i}]"
            entries = dict(tree.mapping())
            label = entries.pop("label", None)
            if not entries:
                message = "expected a mapping of field paths to values, with a label: {label: NAME, model.width: 64}"
                self.problems.add(message, "missing-field", where, tree.at)
            wrong = check_name(label.plain()) if label else None
            if label and wrong:
                self.problems.add(wrong, "bad-value", f"{where}.label", label.at)
            name = None if label is None else str(label.content)
            yield Draft(tuple(self.settings(entries, where)), name, where)

    def check_axes(self, sections: Sections) -> None:
        """Refuse two axes of one product that set the same path."""
        for product in sections.grid or ((),):
            seen: dict[str, Choice] = {}
            for axis in (*product, *sections.zip):
                for choice in axis[0] if axis else ():
                    first = seen.setdefault(choice.path, choice)
                    if first is not choice:
                        message = "two axes of the same product set this path; keep one"
                        related = (("the other axis", first.axis_at),)
                        self.problems.add(message, "bad-value", choice.where, choice.axis_at, related)

    def check_across(self, sections: Sections) -> None:
        """Refuse variants that undo what a context sets."""
        fixed = {choice.path: choice for choice in sections.context_choices()}
        if not fixed:
            return
        reported: set[tuple[str, Location]] = set()
        for choice in sections.variant_choices():
            for path, context in fixed.items():
                if (path == choice.path or is_above(choice.path, path)) and (path, choice.axis_at) not in reported:
                    reported.add((path, choice.axis_at))
                    message = f"`across` sets {path}, so a variant cannot; take it out of one of the two"
                    related = (("across sets it here", context.axis_at),)
                    self.problems.add(message, "bad-value", choice.where, choice.axis_at, related)
        for condition in (*sections.exclude, *(when.condition for when in sections.when)):
            for field, at in condition.fields:
                if any(field == path or is_above(field, path) or is_above(path, field) for path in fixed):
                    message = (
                        f"`across` sets {field}, and a variant is in every context or in none; "
                        "use fields that no context changes"
                    )
                    self.problems.add(message, "not-supported", condition.where, at)
