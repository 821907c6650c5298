"""What a grid expands to: `Variant`, `Context`, `Counts` and the `Expansion` that holds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ablate.core import Location, Problem, join_path

from .paths import depth, is_above, put_all
from .references import References
from .schema import Grid
from .values import Choice


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One configuration, as a difference from the base."""

    label: str
    changes: dict[str, Any]
    """Dotted path -> value, where it differs from the base; no path is inside another."""
    is_base: bool
    choices: tuple[Choice, ...] = field(repr=False)
    """What made it, with its places."""

    @property
    def origins(self) -> dict[str, Location]:
        """Dotted path of each change -> where its value is written."""
        found = {path: _source(self.choices, path) for path in self.changes}
        return {path: _place(choice, path, key=False) for path, choice in found.items() if choice}


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """Values of some axes that are set together."""

    label: str
    changes: dict[str, Any]
    """Dotted path -> value, whether or not it differs from the base."""
    choices: tuple[Choice, ...] = field(repr=False)
    """The changes with their places."""


class Context(Combination):
    """One value of ``across``. The label is empty for the one context of a grid without it."""


class Candidate(Combination):
    """One setting of the nuisance axes, which each variant tries."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of what: ``variants = base + ablate + grid * zip + when + include - excluded - duplicates``."""

    base: int
    ablate: int
    grid: int
    """Products of ``grid``; 1 if there is only ``zip``, 0 if there is neither."""
    zip: int
    """Factor of ``zip``; 1 without it."""
    when: int
    """Variants that conditional axes add to the product."""
    include: int
    excluded: int
    duplicates: int
    variants: int
    contexts: int
    seeds: int
    runs: int
    """``variants * contexts * seeds``."""
    candidates: int = 0
    """Settings of the nuisance axes; 0 without ``tune``."""
    tuning_seeds: int = 0
    tuning_runs: int = 0
    """``variants * contexts * candidates * tuning_seeds``, beside the `runs`."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """Every variant and context of a grid, and what the grid says about them."""

    grid: Grid = field(repr=False)
    variants: tuple[Variant, ...]
    """The base first, then in the order of ``ablate``, ``grid`` and ``include``."""
    contexts: tuple[Context, ...]
    candidates: tuple[Candidate, ...]
    """What ``tune`` tries for each variant; empty without it."""
    warnings: tuple[Problem, ...]
    """What is allowed but probably not meant."""
    counts: Counts
    claims: tuple[dict[str, Any], ...]
    """The grid's claims, with every variant by its label."""
    reference: dict[str, Any] | None
    """Published numbers: ``source``, ``metric`` and ``values`` by variant label."""
    references: References = field(repr=False)
    """Finds variants by what people write."""

    def config(self, variant: Variant, context: Context, candidate: Candidate | None = None) -> dict[str, Any]:
        """The configuration of a variant in a context: the base, changed by context, variant and candidate in turn.

        Parts that do not change are shared between configurations, so treat the result as read-only.
        """
        config = put_all(self.grid.base, context.changes.items())
        config = put_all(config, variant.changes.items())
        return dict(put_all(config, candidate.changes.items()) if candidate else config)

    def locate(
        self, variant: Variant, context: Context, path: str, *, candidate: Candidate | None = None, key: bool = False
    ) -> Location | None:
        """Where the value at a path of `config` is written: in an axis, in ``across`` or in ``base``.

        Args:
            variant: the variant.
            context: the context.
            path: a dotted path of the configuration, which need not exist.
            candidate: the setting of the nuisance axes, if there is one.
            key: the place of the value's key instead, for a field that should not be there.
        """
        choice = _first_source(path, candidate, variant, context)
        if choice:
            return _place(choice, path, key=key)
        node, rest = self.grid.tree.nearest(f"base.{path}")
        if not rest:
            return node.key_at if key and node.key_at else node.at
        kinds = (one for one in (*variant.choices, *context.choices) if one.path.endswith(".kind"))
        return next((one.at for one in kinds if is_above(one.path[:-5], path)), node.at)

    def where(self, variant: Variant, context: Context, path: str, *, candidate: Candidate | None = None) -> str:
        """The path in the grid file of what sets a path of `config`: ``ablate.model.width``, ``base.model.width``."""
        choice = _first_source(path, candidate, variant, context)
        return join_path(choice.where, path[len(choice.path) + 1 :]) if choice else join_path("base", path)


def _first_source(path: str, *parts: Variant | Combination | None) -> Choice | None:
    """What sets `path`, in the first of some parts of a configuration that does."""
    return next((choice for part in parts if part and (choice := _source(part.choices, path))), None)


def _source(choices: Iterable[Choice], path: str) -> Choice | None:
    """The innermost choice that contains `path`, or one that sets a field inside it."""
    above = [choice for choice in choices if choice.path == path or is_above(choice.path, path)]
    if above:
        return max(above, key=lambda choice: depth(choice.path))
    return next((choice for choice in choices if is_above(path, choice.path)), None)


def _place(choice: Choice, path: str, *, key: bool) -> Location:
    if choice.path == path:
        return choice.axis_at if key else choice.at
    inside = is_above(choice.path, path)
    return choice.tree.locate(path[len(choice.path) + 1 :], key=key) if inside else choice.axis_at
