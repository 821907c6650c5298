"""Labels of whole variants: each its own, or a message that says which two share one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ablate.core import ErrorCode, Location

from .labels import Labels
from .problems import Problems
from .sections import Draft
from .settings import Setting
from .tree import Tree

SAME_NAME: ErrorCode = "duplicate-label"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A variant that differs from the base and from all others, before it has a label."""

    draft: Draft
    settings: tuple[Setting, ...]
    """What its choices come to, where that differs from the base."""

    @property
    def changes(self) -> Iterator[tuple[str, Any]]:
        """Paths and values that differ from the base."""
        return (change for setting in self.settings for change in setting.changes)


def place(draft: Draft, tree: Tree) -> Location:
    """Where a variant is written."""
    one_value = draft.name is None and len(draft.choices) == 1
    return draft.choices[0].at if one_value else tree.locate(draft.where, key=True)


def name_all(kept: Sequence[Kept], labels: Labels, tree: Tree, problems: Problems) -> list[str]:
    """One label for each variant: its name, or its changes in words; with whole paths where two would be equal."""
    texts = [one.draft.name or ", ".join(setting.text for setting in one.settings) for one in kept]
    times = Counter(texts)
    if len(times) < len(texts):
        for i, one in enumerate(kept):
            if times[texts[i]] > 1 and one.draft.name is None:
                texts[i] = ", ".join(labels.long_part(path, value) for path, value in one.changes)
    first: dict[str, Kept] = {}
    for text, one in zip(texts, kept, strict=True):
        present = first.setdefault(text, one)
        if present is not one:
            message = f"two different variants are called {text!r}; give one of them another name"
            related = (("the other one", place(present.draft, tree)),)
            problems.add(message, SAME_NAME, one.draft.where, place(one.draft, tree), related)
    return texts


def given_name(draft: Draft) -> str | None:
    """The name that the grid gives to a variant, itself or through the name of its only value."""
    return draft.name or (draft.choices[0].name if len(draft.choices) == 1 else None)
