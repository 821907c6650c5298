"""Finding the variant that a claim, a published number or ``--only`` means."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Protocol

from ablate.core import ErrorCode, describe, did_you_mean

from .labels import value_text
from .paths import MISSING, BlockedPathError, fingerprint, get, matches, put_all, related

_SHOWN = 2_000
"""How many names are searched for one that is near."""


class Named(Protocol):
    """What this module needs of a variant."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def changes(self) -> Mapping[str, Any]:
        """Dotted path -> value, where it differs from the base."""


class ReferenceProblem(ValueError):
    """A reference means no variant, or more than one."""

    def __init__(self, message: str, code: ErrorCode) -> None:
        super().__init__(message)
        self.code = code


class References:
    """Looks variants up by what people write.

    A variant is meant by its label (the order of the changes in it does not matter), by the text of the value that is
    its only change (``relu``; the name of a component is enough, and so is the name that ``as`` gave), or by a mapping
    of paths to values that is exactly its difference from the base.
    """

    def __init__(
        self,
        variants: Iterable[Named],
        aliases: Mapping[str, str],
        base: Mapping[str, Any],
        text: Callable[[str, Any], str],
    ) -> None:
        """`aliases`: further names, to labels. `text`: how a value of a path stands in labels."""
        self._variants = tuple(variants)
        self._aliases = aliases
        self._base = base
        self._text = text
        self.labels = {variant.label: variant.label for variant in self._variants}

    def find(self, reference: object) -> str:
        """The label of the variant that is meant.

        Raises:
            ReferenceProblem: with the nearest name, or the variants among which the reference does not decide.
        """
        if isinstance(reference, Mapping):
            return self._by_changes(reference)
        if isinstance(reference, str):
            names = reference
        elif isinstance(reference, bool | int | float):
            names = value_text(reference)
        else:
            message = f"a variant is named by its label or by a mapping of paths to values, got {describe(reference)}"
            raise ReferenceProblem(message, "bad-reference")
        if names in self.labels:
            return names
        if names in self._aliases:
            return self._aliases[names]
        found = self._by_value.get(names) or self._by_parts.get(_parts(names))
        if found:
            return self._only(found, repr(names))
        message = f"no variant is called {names!r}; {did_you_mean(names, self.names(), show=6)}"
        raise ReferenceProblem(message, "unknown-variant")

    def names(self) -> list[str]:
        """What can be written for the first variants: short names where they are clear, labels for the others."""
        short = {found[0]: text for text, found in self._by_value.items() if len(found) == 1 and text[:1].isalpha()}
        return [short.get(label, label) for label in list(self.labels)[:_SHOWN]]

    def _by_changes(self, wanted: Mapping[str, Any]) -> str:
        changed = {path: value for path, value in wanted.items() if not _same(get(self._base, path), value)}
        try:
            config = fingerprint(put_all(self._base, changed.items()))
        except BlockedPathError as error:
            raise ReferenceProblem(str(error), "unknown-path") from None
        near = [v for v in self._variants if all(any(related(a, b) for b in changed) for a in v.changes)]
        found = [v.label for v in near if fingerprint(put_all(self._base, v.changes.items())) == config] or [
            variant.label
            for variant in near
            if variant.changes.keys() == changed.keys()
            and all(matches(value, changed[path]) for path, value in variant.changes.items())
        ]
        shown = ", ".join(f"{path}: {self._text(path, value)}" for path, value in wanted.items())
        if found:
            return self._only(found, f"{{{shown}}}")
        paths = {path for variant in self._variants for path in variant.changes}
        unknown = [path for path in changed if path not in paths]
        if unknown:
            message = f"no variant changes {unknown[0]}; {did_you_mean(unknown[0], paths)}"
        else:
            message = f"no variant differs from the base by exactly {{{shown}}}; known: {_sample(self.names())}"
        raise ReferenceProblem(message, "unknown-variant")

    def _only(self, found: list[str], shown: str) -> str:
        if len(found) == 1:
            return found[0]
        message = f"{shown} may mean {_sample(found)}; write the whole label"
        raise ReferenceProblem(message, "bad-reference")

    @cached_property
    def _by_value(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = defaultdict(list)
        for variant in self._variants:
            if len(variant.changes) == 1:
                ((path, value),) = variant.changes.items()
                texts = {self._text(path, value), value_text(value)}
                if isinstance(value, int | float):
                    texts.add(str(value))
                if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
                    texts.add(value["kind"])
                for text in texts:
                    index[text].append(variant.label)
        return dict(index)

    @cached_property
    def _by_parts(self) -> dict[tuple[str, ...], list[str]]:
        index: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for variant in self._variants:
            index[_parts(variant.label)].append(variant.label)
        return dict(index)


def _sample(names: list[str]) -> str:
    return "; ".join(names[:6]) + ("; ..." if len(names) > 6 else "")


def _parts(label: str) -> tuple[str, ...]:
    return tuple(sorted(label.split(", ")))


def _same(one: Any, two: Any) -> bool:
    return one is not MISSING and fingerprint(one) == fingerprint(two)
