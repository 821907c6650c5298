"""What the choices of a variant come to: which fields differ from the base, and whether two variants are the same.

Choices whose paths contain each other (``optimizer`` and ``optimizer.lr``) are settled together, under the topmost
path that any variant of the grid sets; all others stand for themselves. So two variants have equal configurations
exactly if their settings have equal tokens, and no configuration has to be built to know it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.core import did_you_mean, join_path

from .expressions import Lookup
from .labels import Labels, all_paths
from .paths import MISSING, BlockedPathError, fingerprint, get, is_above, is_path, put_all, related
from .problems import Problems
from .sections import Alternative
from .values import Choice

Changes = tuple[tuple[str, Any], ...]
"""Paths and their values."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What some choices come to, apart from all other choices."""

    token: int
    """The same number for the same outcome."""
    changes: Changes
    """Where the outcome differs from the base; empty if it does not."""
    text: str
    """Its part of the label."""


class Settler:
    """Settles the choices of all variants of one grid."""

    def __init__(
        self,
        bases: Sequence[Mapping[str, Any]],
        fixed: Iterable[str],
        choices: Iterable[Choice],
        labels: Labels,
        problems: Problems,
    ) -> None:
        """Args as follows.

        Args:
            bases: the baseline of each context.
            fixed: the paths that contexts set.
            choices: every choice that a variant can make.
            labels: writes the text of each change.
            problems: receives paths that lead through a number or a list.
        """
        self._bases = bases
        self._fixed = tuple(fixed)
        self._labels = labels
        self._problems = problems
        self.paths = frozenset(choice.path for choice in choices)
        self._root = {path: self._topmost(path) for path in self.paths}
        self._crowded = {root for path, root in self._root.items() if root != path}
        self._known: dict[tuple[int, ...], Setting] = {}
        self._tokens: dict[tuple[str, ...], int] = {}
        self._blocked: set[str] = set()

    def _topmost(self, path: str) -> str:
        parts = path.split(".")
        ends = (".".join(parts[:count]) for count in range(1, len(parts)))
        return next((end for end in ends if end in self.paths), path)

    def settle(self, choices: Alternative) -> list[Setting]:
        """The settings of one variant, in the order of its choices."""
        settings: list[Setting] = []
        done: set[str] = set()
        for choice in choices:
            root = self._root[choice.path]
            if root not in self._crowded:
                settings.append(self._together(root, (choice,)))
            elif root not in done:
                done.add(root)
                group = tuple(other for other in choices if self._root[other.path] == root)
                settings.append(self._together(root, group))
        return settings

    def _together(self, root: str, choices: Alternative) -> Setting:
        key = tuple(map(id, choices))
        setting = self._known.get(key)
        if setting is None:
            setting = self._known[key] = self._settled(root, choices)
        return setting

    def _settled(self, root: str, choices: Alternative) -> Setting:
        """What choices below one root come to."""
        in_context = any(is_above(path, root) for path in self._fixed)
        bases = self._bases if in_context else self._bases[:1]
        try:
            configs = [put_all(base, ((choice.path, choice.value) for choice in choices)) for base in bases]
        except BlockedPathError as error:
            if root not in self._blocked:
                self._blocked.add(root)
                self._problems.add(str(error), "unknown-path", choices[-1].where, choices[-1].axis_at)
            return Setting(-1, (), "")
        before = [get(base, root) for base in bases]
        after = [get(config, root) for config in configs]
        prints = tuple(map(fingerprint, after))
        token = self._tokens.setdefault((root, *prints), len(self._tokens))
        if prints == tuple(map(fingerprint, before)):
            return Setting(token, (), "")
        if in_context:
            tops = [one.path for one in choices if not any(is_above(other.path, one.path) for other in choices)]
            changes = tuple((path, get(configs[0], path)) for path in tops)
        else:
            changes = tuple(difference(root, before[0], after[0]))
        named = choices[0].name if len(choices) == 1 else None
        return Setting(token, changes, named or ", ".join(self._labels.part(path, value) for path, value in changes))

    def lookup(self, field: str) -> "Field":
        """Prepares finding the value of one field in many variants."""
        simple = not any(related(field, path) for path in self.paths - {field})
        return Field(field, get(self._bases[0], field), simple=simple)

    def unknown(self, field: str) -> str | None:
        """What is wrong with a field that neither the base nor any variant sets; None if one does."""
        if get(self._bases[0], field) is not MISSING or any(related(field, path) for path in self.paths):
            return None
        known = {*all_paths(self._bases[0]), *self.paths}
        return (
            f"{field} is set neither in base nor by an axis (a component's default does not count, and a text needs "
            f"quotes); {did_you_mean(field, known, show=4)}"
        )

    def view(self, choices: Alternative, fields: Mapping[str, "Field"]) -> Lookup:
        """The values of `fields` in one variant."""
        settings = {choice.path: choice.value for choice in choices}
        whole: Mapping[str, Any] | None = None

        def look(path: str) -> Any:
            nonlocal whole
            field = fields[path]
            if field.simple:
                return settings.get(path, field.base_value)
            if whole is None:
                whole = put_all(self._bases[0], settings.items())
            return get(whole, path)

        return look


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field that conditions look at."""

    path: str
    base_value: Any
    simple: bool
    """Only a choice of exactly this path can change it."""


def difference(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any]]:
    """The changes that turn one value at `path` into another, the same however the other was written.

    A component of the same kind differs in its fields, and one that keeps all its fields in its ``kind``; otherwise,
    and where a field goes away, the whole value is the change.
    """
    if fingerprint(before) == fingerprint(after):
        return
    old, new = _fields(before), _fields(after)
    changed = [name for name in new if fingerprint(old.get(name, MISSING)) != fingerprint(new[name])]
    inside = bool(changed) and old.keys() <= new.keys() and all(is_path(name) and "." not in name for name in changed)
    if inside and ("kind" not in changed or (changed == ["kind"] and len(new) > 1)):
        for name in sorted(changed, key=[*old, *new].index):
            yield from difference(join_path(path, name), old.get(name, MISSING), new[name])
    else:
        yield path, after


def _fields(value: Any) -> Mapping[str, Any]:
    """The fields of a component or mapping; none for anything else."""
    if isinstance(value, str):
        return {"kind": value}
    return value if isinstance(value, Mapping) else {}
