"""Charts of what was read from inside the networks: single numbers as lines, rows of bins as maps of tints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl
from markupsafe import Markup

from .charts import diagnostics as chart
from .charts import spec
from .charts.lines import LATE
from .numbers import rounded
from .specimens import spread
from .studies import THIRD, Json
from .text import natural, shorten

LAYERS, BIN_LAYERS = 24, 12
"""So many layers of a quantity can be chosen."""

POINTS, BIN_POINTS = 60, 30
"""So many steps are drawn."""

VALUES, BIN_VALUES = 60_000, 100_000
"""They are fewer where the page would carry more numbers than these."""

FEWEST = 8
"""But not fewer than these."""

Edges = Mapping[str, Sequence[float]]
"""Diagnostic -> the bounds between its bins."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is drawn."""

    variants: tuple[str, ...]
    looks: tuple[Json, ...]
    """Of each: ``v`` (its place), ``name``, ``c`` (colour)."""
    contexts: tuple[str, ...]
    kinds: Mapping[str, str]
    """Diagnostic -> what kind of component it is, where that is known."""

    def caption(self, diagnostic: str, quantity: str) -> str:
        """What a chart of them is called."""
        kind = self.kinds.get(diagnostic, diagnostic)
        return f"{diagnostic}{f' ({kind})' if kind != diagnostic else ''}: {quantity}"


@dataclass(frozen=True, slots=True)
class Chart:
    """One quantity; its layer, context and variant can be chosen."""

    id: str
    caption: str
    layers: tuple[str, ...]
    """As they are called."""
    still: Markup
    """A picture of the first choice."""
    payload: Json
    notes: tuple[str, ...]
    empty: bool
    """Whether nothing was recorded of the first choice."""
    far: bool
    """Whether some of the first choice lies beyond the axis."""
    data: Json
    """The named data of the picture."""
    share: float = THIRD
    """Of the width of the page that it takes where there is room."""


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One quantity of a diagnostic, cut to what is drawn."""

    id: str
    caption: str
    layers: list[str]
    steps: list[int]
    rows: pl.DataFrame
    notes: tuple[str, ...]

    @property
    def called(self) -> tuple[str, ...]:
        """The layers, as the page calls them."""
        return tuple(shorten(layer, 40) or "whole network" for layer in self.layers)

    @property
    def where(self) -> str:
        """The first layer, for a sentence."""
        return f", {self.called[0]}" if self.called != ("whole network",) else ""

    def series(self, contexts: Sequence[str], variants: Sequence[str]) -> Iterator[tuple[tuple[int, int, int], Json]]:
        """(context, layer, variant), all as places, and step, n and values of each that there is."""
        order = [{name: place for place, name in enumerate(names)} for names in (contexts, self.layers, variants)]
        listed = self.rows.group_by("context", "layer", "variant", maintain_order=True).agg("step", "n", "values")
        found = [
            ((order[0][row["context"]], order[1][row["layer"]], order[2][row["variant"]]), row)
            for row in listed.iter_rows(named=True)
        ]
        yield from sorted(found, key=lambda one: one[0])


def lines(means: pl.DataFrame, scope: Scope) -> list[Chart]:
    """A chart for every quantity that is a single number.

    Args:
        means: Schema ``SEED_MEANS``.
        scope: What of it is drawn.
    """
    single = pl.col("values").list.len().max().over("diagnostic", "quantity") == 1
    charts = []
    for one in _quantities(means.filter(single), scope, "inside", LAYERS, POINTS, VALUES):
        places = {step: place for place, step in enumerate(one.steps)}
        choices: dict[str, Json] = {}
        for (context, layer, variant), row in one.series(scope.contexts, scope.variants):
            values: list[float | None] = [None] * len(one.steps)
            for step, value in zip(row["step"], row["values"], strict=True):
                values[places[step]] = rounded(value[0])
            choice = choices.setdefault(f"{context} {layer}", {"rows": []})
            choice["rows"].append([variant, row["n"][0], values])
        late = sum(step < (1 - LATE) * one.steps[-1] for step in one.steps)
        for choice in choices.values():
            known = [[value for value in values if value is not None] for _, _, values in choice["rows"]]
            after = [[value for value in values[late:] if value is not None] for _, _, values in choice["rows"]]
            choice |= chart.reach([*chain(*known)], [*chain(*after)])
        first = choices.get("0 0")
        label = f"{one.caption}{one.where}, over the steps, for each variant."
        drawn = spec.bare(chart.draw_lines(one.steps, first, label=label))
        data = {"points": chart.points(scope.looks, one.steps, first)}
        payload = {"kind": "lines", "steps": one.steps, "choices": choices}
        charts.append(_chart(one, drawn, data, label, payload, far=bool(first and first["cut"])))
    return charts


def maps(means: pl.DataFrame, scope: Scope, binned: Sequence[str], edges: Edges) -> list[Chart]:
    """A chart for every quantity that is a row of bins.

    Args:
        means: Schema ``SEED_MEANS``.
        scope: What of it is drawn.
        binned: The variants that can be chosen; the picture is that of the first.
        edges: The bounds between the bins.
    """
    size = pl.col("values").list.len()
    wanted = size == pl.col("diagnostic").replace_strict(
        {name: len(bounds) + 1 for name, bounds in edges.items()}, default=0, return_dtype=pl.UInt32
    )
    kept = means.filter(wanted, pl.col("variant").is_in(list(binned)))
    width = 1 + max((len(bounds) for bounds in edges.values()), default=0)
    charts = []
    for one in _quantities(kept, scope, "bins", BIN_LAYERS, BIN_POINTS, BIN_VALUES // width):
        diagnostic = one.rows["diagnostic"][0]
        bins = chart.bounds(edges[diagnostic])
        places = {step: place for place, step in enumerate(one.steps)}
        choices: dict[str, Json] = {}
        used: set[int] = set()
        most = 0.0
        for (context, layer, variant), row in one.series(scope.contexts, binned):
            rows = []
            for step, shares in zip(row["step"], row["values"], strict=True):
                filled = [place for place, share in enumerate(shares) if share > 0]
                if filled:
                    used |= {filled[0], filled[-1]}
                    most = max(most, *shares)
                    some = shares[filled[0] : filled[-1] + 1]
                    rows.append([places[step], filled[0], [rounded(share, 4) for share in some]])
            choices[f"{context} {layer} {variant}"] = {"n": row["n"][0], "rows": rows}
        if not used:
            continue
        first = choices.get("0 0 0")
        label = f"{one.caption}{one.where}: shares of the sizes over the steps, for one variant."
        drawn = spec.bare(chart.draw_bins(one.steps, bins, (min(used), max(used)), most=most, label=label))
        payload = {"kind": "bins", "steps": one.steps, "bins": bins, "choices": choices}
        data = {"cells": chart.cells(bins, one.steps, first)}
        charts.append(_chart(one, drawn, data, label, payload))
    return charts


def _quantities(
    means: pl.DataFrame, scope: Scope, prefix: str, layers: int, points: int, values: int
) -> list[_Quantity]:
    """The quantities of a frame with at most so many layers, and steps so that all have about so many values."""
    parts = means.partition_by("diagnostic", "quantity", as_dict=True, maintain_order=True)
    cut, counts = [], 0
    for (diagnostic, quantity), part in parts.items():
        every = sorted(part["layer"].unique().to_list(), key=natural)
        kept = spread(every, layers)
        rows = part.filter(pl.col("layer").is_in(kept))
        counts += rows.select("context", "layer", "variant").n_unique()
        cut.append((scope.caption(str(diagnostic), str(quantity)), every, kept, rows))
    points = max(FEWEST, min(points, values // max(counts, 1)))
    made = []
    for number, (caption, every, kept, rows) in enumerate(cut):
        steps = rows["step"].unique().sort().to_list()
        notes = []
        if len(kept) < len(every):
            notes.append(f"{len(kept)} of {len(every)} layers")
        if len(steps) > points:
            notes.append(f"{points} of {len(steps)} steps")
        shown = spread(steps, points)
        rows = rows.filter(pl.col("step").is_in(shown))
        made.append(_Quantity(f"{prefix}-{number}", caption, kept, shown, rows, tuple(notes)))
    return made


def _chart(one: _Quantity, drawn: Json, data: Json, label: str, payload: Json, *, far: bool = False) -> Chart:
    still = spec.static_svg(drawn, data, width=400, label=label, name=f"still-{one.id}")
    whole = payload | {"id": one.id, "spec": drawn}
    return Chart(one.id, one.caption, one.called, still, whole, one.notes, not any(data.values()), far, data)
