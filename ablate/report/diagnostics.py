"""The section on diagnostics: what was read from inside the networks, for the baseline and the best variants."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from ablate.analysis.diagnostics import seed_means
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import readings, specimens
from .charts import forest
from .studies import CONTEXTS, Json
from .theme import SERIES

VARIANTS, BIN_VARIANTS = 6, 3
"""So many variants are shown beside the baseline: as lines, and as maps of bins."""

EDGES = "edges"
"""The quantity with the bounds between the bins of the other quantities of its diagnostic."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one variant is drawn."""

    variant: str
    name: str
    color: str
    n: str
    """Seeds in its means; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Group:
    """Texts or pictures of one quantity."""

    caption: str
    made: tuple[specimens.Made, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    looks: tuple[Look, ...]
    contexts: tuple[str, ...]
    lines: tuple[readings.Chart, ...]
    maps: tuple[readings.Chart, ...]
    binned: tuple[str, ...]
    """The variants whose bins can be chosen."""
    texts: tuple[Group, ...]
    pictures: tuple[Group, ...]
    notes: tuple[str, ...]

    @property
    def payload(self) -> Json:
        """What the page's script needs."""
        return {"looks": _drawn(self.looks), "charts": [one.payload for one in (*self.lines, *self.maps)]}


def section(analysis: Analysis, plan: PlanRecord, found: pl.DataFrame | None) -> Section | None:
    """What the page shows; None where nothing was recorded.

    Args:
        analysis: What it shows.
        plan: Its grid.
        found: What the runs that rank recorded; see `ablate.analysis.seed_means`.
    """
    if found is None or found.is_empty():
        return None
    base, best = _order(analysis, set(found["variant"].unique()))
    had = set(found["context"].unique())
    every = [context for context in plan.contexts if context in had]
    contexts, shown, binned = tuple(every[:CONTEXTS]), (*base, *best[:VARIANTS]), (*base, *best[:BIN_VARIANTS])
    found = found.filter(pl.col("variant").is_in(shown), pl.col("context").is_in(contexts))
    drawn = (pl.col("values").list.len() < 2) | pl.col("variant").is_in(binned)
    means = seed_means(found.filter(drawn, ~specimens.is_picture()))
    looks = _looks(shown, base, means)
    scope = readings.Scope(shown, tuple(_drawn(looks)), contexts, _kinds(plan))
    edges = _edges(found)
    lines, maps = readings.lines(means, scope), readings.maps(means, scope, binned, edges)
    notes = [_undrawn(means, scope, edges)]
    if len(every) > len(contexts):
        notes.append(f"Shown for the first {CONTEXTS} of {len(every)} contexts.")
    return Section(
        lede=_lede(bool(base), len(best), bool(maps)),
        looks=looks if lines else (),
        contexts=contexts,
        lines=tuple(lines),
        maps=tuple(maps),
        binned=binned,
        texts=_groups(specimens.texts(found, shown, contexts), scope),
        pictures=_groups(specimens.pictures(found, shown, contexts), scope),
        notes=tuple(note for note in notes if note),
    )


def _order(analysis: Analysis, known: set[str]) -> tuple[tuple[str, ...], list[str]]:
    """The baseline if it is known, and the other known variants, the best means first."""
    base = [row.variant for row in analysis.ranking if row.verdict == "baseline" and row.variant in known]
    others = [row for row in analysis.ranking if row.verdict != "baseline" and row.variant in known]
    others.sort(key=lambda row: (row.rank is None, row.verdict == "unstable"))
    return tuple(base[:1]), list(dict.fromkeys(row.variant for row in others))


def _lede(has_base: bool, others: int, has_maps: bool) -> str:
    words = (
        "Read from inside the networks at the evaluations. Numbers are means over the seeds, up to where a seed has "
        "none that is finite. Nothing here is tested or used for verdicts."
    )
    base = "the baseline and " if has_base else ""
    if others > VARIANTS:
        words += f" Shown: {base}the {VARIANTS} best means of {others}."
    if has_maps and others > BIN_VARIANTS:
        words += f" Histograms: {base}the {BIN_VARIANTS} best."
    return words


def _looks(shown: tuple[str, ...], base: tuple[str, ...], means: pl.DataFrame) -> tuple[Look, ...]:
    """Ink for the baseline, the colours of the curves for the others."""
    counts = {
        name: (low, high) for name, low, high in means.group_by("variant").agg(low=pl.min("n"), high=pl.max("n")).rows()
    }
    colors = ["var(--ink)"] * len(base) + list(SERIES)
    made = []
    for color, (variant, name) in zip(colors, forest.names(shown, limit=28).items(), strict=False):
        low, high = counts.get(variant, (0, 0))
        made.append(Look(variant, name, color, f"n = {low}" + (f" to {high}" if high > low else "") if high else ""))
    return tuple(made)


def _drawn(looks: tuple[Look, ...]) -> list[Json]:
    return [{"v": place, "name": look.name, "c": look.color} for place, look in enumerate(looks)]


def _kinds(plan: PlanRecord) -> dict[str, str]:
    """Diagnostic -> kind of component, as far as the configurations say."""
    found: dict[str, str] = {}
    for config in (config for variant in plan.variants for config in variant.contexts.values()):
        named = config.get("diagnostics")
        for name, one in named.items() if isinstance(named, Mapping) else ():
            kind = one.get("kind") if isinstance(one, Mapping) else None
            if isinstance(kind, str):
                found.setdefault(str(name), kind)
    return found


def _edges(found: pl.DataFrame) -> dict[str, list[float]]:
    """The bounds between the bins of each diagnostic that has them, and everywhere the same."""
    known = {}
    rows = found.filter(pl.col("quantity") == EDGES, pl.col("layer") == "")
    for (diagnostic,), part in rows.partition_by("diagnostic", as_dict=True).items():
        different = {tuple(values) for values in part["values"].to_list()}
        edges = different.pop()
        rising = all(0 < low < high < math.inf for low, high in pairwise(edges))
        if not different and len(edges) > 1 and rising:
            known[str(diagnostic)] = list(edges)
    return known


def _undrawn(means: pl.DataFrame, scope: readings.Scope, edges: readings.Edges) -> str:
    """A line for the rows of numbers that nothing can be made of; empty if there are none."""
    odd = []
    longest = means.group_by("diagnostic", "quantity", maintain_order=True).agg(most=pl.col("values").list.len().max())
    for diagnostic, quantity, most in longest.rows():
        bounds = edges.get(diagnostic)
        if most > 1 and (bounds is None or (most != len(bounds) + 1 and quantity != EDGES)):
            odd.append(scope.caption(diagnostic, quantity))
    return f"Rows of numbers without bins are not drawn: {'; '.join(odd)}." if odd else ""


def _groups(found: list[specimens.Group], scope: readings.Scope) -> tuple[Group, ...]:
    return tuple(Group(scope.caption(one.diagnostic, one.quantity), one.made, one.notes) for one in found)
