"""What has been computed of a grid, for the parts that write about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ablate.store.schema import PackRecord, PlanRecord

from ._table import Floats
from .effects import Effect
from .types import Confirmation, Ranked, Tuned, Tuning


def base_of(plan: PlanRecord) -> str:
    """The label of the baseline."""
    return next((variant.label for variant in plan.variants if variant.is_base), "base")


def is_number(value: object) -> bool:
    """Whether a configured value has a place on a numeric axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def base_value(plan: PlanRecord, path: str, context: str | None = None) -> Any:
    """What the baseline has at a dotted path; None if it has nothing there. The first context by default."""
    where = context if context is not None else next(iter(plan.contexts), "")
    value: Any = next((variant.contexts.get(where) for variant in plan.variants if variant.is_base), None)
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@dataclass(frozen=True, slots=True)
class Curve:
    """The ranking metric of one run, up to its budget."""

    steps: Floats
    values: Floats
    budget: int


@dataclass(frozen=True, slots=True)
class Study:
    """A grid, its scores, and what follows from them."""

    plan: PlanRecord
    base: str
    scores: pl.DataFrame
    """Schema `SCORES`."""
    runs: pl.DataFrame
    curves: Mapping[tuple[str, str, int], Curve]
    """(variant, context, seed) -> the ranking metric."""
    effects: Mapping[tuple[str, str], Effect]
    """(variant, context) -> the comparison with the baseline."""
    ranking: tuple[Ranked, ...]
    tests: int
    noise_sd: float | None
    seed_correlation: float | None
    pairing_gain: float | None
    smallest_detectable: float | None
    tuning: Tuning | None = None
    confirmation: Confirmation | None = None
    looks: tuple[int, ...] = ()
    """Seeds of each earlier report that showed tests on fewer; then the plan has the level of this look."""
    declared_alpha: float = 0.05
    """The level that the grid sets."""
    packs: tuple[PackRecord, ...] = ()
    """How the runs were trained, if it is known."""

    def rows(self, context: str) -> tuple[Ranked, ...]:
        """The ranking of one context."""
        return tuple(row for row in self.ranking if row.context == context)

    def where(self, row: Ranked | Tuned) -> str:
        """The name of a row, with its context if there are several."""
        return f"{row.variant} ({row.context})" if len(self.plan.contexts) > 1 else row.variant
