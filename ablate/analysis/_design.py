"""Which experiment a plan is: a full grid, one change at a time, or neither. Read from what the variants change."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ablate.core import canonical_json
from ablate.store.schema import PlanRecord, VariantRecord

from ._study import base_value, is_number
from ._words import value_text

_UNCHANGED = ""
"""The key of the baseline's own value, which no canonical JSON is equal to."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A path, or several that always change together, and the values that it takes."""

    name: str
    values: tuple[str, ...]
    """In words: numbers ascending, others in the order of the plan."""
    numbers: tuple[float, ...]
    """Empty unless every value is a number."""
    whole: bool
    """Whether the numbers are whole."""
    baseline: int | None
    """Index of the baseline's value, if it is among them."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """A full grid: every combination of the values of two factors or more."""

    factors: tuple[Factor, ...]
    cells: dict[tuple[int, ...], str]
    """Indices of the values -> label."""


def crossed(plan: PlanRecord) -> Crossed | None:
    """The full grid that the variants are, with the baseline as one of its cells or beside it; None if they are not."""
    others = tuple(variant for variant in plan.variants if not variant.is_base)
    for variants in (plan.variants, others):
        found = _crossed(plan, variants)
        if found is not None:
            return found
    return None


def one_at_a_time(plan: PlanRecord) -> bool:
    """Whether every variant is one change from the baseline: a path, or some that change together."""
    groups: dict[frozenset[str], list[VariantRecord]] = {}
    for variant in plan.variants:
        if not variant.is_base:
            groups.setdefault(frozenset(variant.changes), []).append(variant)
    names = [path for paths in groups for path in paths]
    if len(names) != len(set(names)) or frozenset() in groups:
        return False
    return all(len(_together(sorted(paths), variants)) == 1 for paths, variants in groups.items())


def _crossed(plan: PlanRecord, variants: Sequence[VariantRecord]) -> Crossed | None:
    # The variant that changes most has the paths in the order of the grid.
    most_first = sorted(plan.variants, key=lambda variant: -len(variant.changes))
    paths = list(dict.fromkeys(path for variant in most_first for path in variant.changes))
    groups = [group for group in _together(paths, variants) if len(set(_keys(group, variants))) > 1]
    counts = [len(set(_keys(group, variants))) for group in groups]
    if len(groups) < 2 or prod(counts) != len(variants):
        return None
    factors, columns = [], []
    for group in groups:
        factor, places = _factor(plan, group, variants)
        factors.append(factor)
        columns.append(places)
    cells = {place: variant.label for place, variant in zip(zip(*columns, strict=True), variants, strict=True)}
    return Crossed(tuple(factors), cells) if len(cells) == len(variants) else None


def _together(paths: Sequence[str], variants: Sequence[VariantRecord]) -> list[list[str]]:
    """The paths, those that divide the variants in the same way in one group."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for path in paths:
        keys = _keys([path], variants)
        order = list(dict.fromkeys(keys))
        groups.setdefault(tuple(order.index(key) for key in keys), []).append(path)
    return list(groups.values())


def _keys(paths: Sequence[str], variants: Sequence[VariantRecord]) -> list[tuple[str, ...]]:
    """What each variant sets some paths to, as keys that are equal for equal values."""
    return [tuple(_key(variant, path) for path in paths) for variant in variants]


def _key(variant: VariantRecord, path: str) -> str:
    if path not in variant.changes:
        return _UNCHANGED
    value = variant.changes[path]
    return canonical_json(value["kind"] if isinstance(value, dict) and set(value) == {"kind"} else value)


def _factor(
    plan: PlanRecord, paths: Sequence[str], variants: Sequence[VariantRecord]
) -> tuple[Factor, tuple[int, ...]]:
    """A factor, and the index of each variant's value."""
    keys = _keys(paths, variants)
    example = dict(zip(reversed(keys), reversed(variants), strict=True))
    values = {key: [_value(plan, variant, path) for path in paths] for key, variant in example.items()}
    order = list(dict.fromkeys(keys))
    numeric = len(paths) == 1 and all(is_number(value) for (value,) in values.values())
    if numeric:
        order.sort(key=lambda key: float(values[key][0]))
    base = tuple(_UNCHANGED for _ in paths)
    factor = Factor(
        name=" & ".join(paths),
        values=_texts([values[key] for key in order], order.index(base) if base in order else None),
        numbers=tuple(float(values[key][0]) for key in order) if numeric else (),
        whole=numeric and all(isinstance(values[key][0], int) for key in order),
        baseline=order.index(base) if base in order else None,
    )
    place = {key: index for index, key in enumerate(order)}
    return factor, tuple(place[key] for key in keys)


def _value(plan: PlanRecord, variant: VariantRecord, path: str) -> Any:
    return variant.changes[path] if path in variant.changes else base_value(plan, path)


def _texts(values: Sequence[Sequence[Any]], baseline: int | None) -> tuple[str, ...]:
    """Each value in words; of the baseline's components, which are written out in full, only the kinds if they do."""
    texts = [", ".join(map(value_text, some)) for some in values]
    if baseline is not None:
        kinds = (item["kind"] if isinstance(item, dict) and "kind" in item else item for item in values[baseline])
        short = ", ".join(map(value_text, kinds))
        if short not in texts:
            texts[baseline] = short
    return tuple(texts)
