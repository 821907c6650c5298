"""The curves, ready to embed: every metric and context on common steps, with means, bands and differences."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import packed
from .charts import curves, difference, forest, spec
from .numbers import percent, rounded

VALUES = 200_000
"""About how many numbers of curves a page carries at most."""

Json = dict[str, Any]
Panel = tuple[str, str]
"""Metric and context."""


def curve_data(analysis: Analysis, plan: PlanRecord) -> Json | None:
    """Curves of every metric and context on common steps, and their differences from the baseline; None without any."""
    data = analysis.curves
    if data.is_empty():
        return None
    level = next((row.interval.level for row in analysis.ranking if row.interval), 1 - plan.report.alpha)
    base = next((row.variant for row in analysis.ranking if row.verdict == "baseline"), "")
    runs_of = data.group_by(*curves.RUN).len().group_by(*curves.CURVE).len()
    numbers_per_step = int(runs_of["len"].sum()) + 6 * runs_of.height
    points = min(max(VALUES // numbers_per_step, 30), 240)
    runs = curves.on_grid(data, points)
    apart = difference.paired(runs, base, {plan.metric.name: 1.0 if plan.metric.goal == "maximize" else -1.0})
    metrics = sorted(data["metric"].unique().to_list(), key=lambda name: (name != plan.metric.name, name))
    order = list(dict.fromkeys(row.variant for row in analysis.ranking))
    panels = _panels(runs, apart, level, order)
    contexts = [context for context in plan.contexts if any(key[1] == context for key in panels)]
    listed = [
        panels[metric, context] | {"metric": metric, "context": context}
        for metric in metrics
        for context in contexts
        if (metric, context) in panels
    ]
    ranked = [row for row in analysis.ranking if row.verdict != "baseline" and row.rank is not None]
    top = [row.variant for row in sorted(ranked, key=lambda row: row.verdict == "unstable")]
    return {
        "level": percent(level),
        "baseline": base,
        "variants": order,
        "names": list(forest.names(order, limit=28).values()),
        "default": list(dict.fromkeys(top))[:5],
        "metrics": metrics,
        "contexts": contexts,
        "axes": axes(analysis, plan, order, contexts),
        "packed": packed.pack(listed) if packed.size(listed) >= packed.LARGE else "",
        "panels": listed,
        "spec": spec.bare(curves.draw(label=f"{plan.metric.name} of the chosen variants over the steps of training.")),
        "difference": spec.bare(
            difference.draw(
                label="Paired difference of the chosen variants from the baseline over the steps of training."
            )
        ),
    }


def axes(analysis: Analysis, plan: PlanRecord, order: list[str], contexts: list[str]) -> list[Json]:
    """What curves can be drawn over: steps, what a step consumes if every variant counts it, and training time.

    All but steps have ``each``: context -> how much a step is, for each variant in `order`; null where it is not known.
    Times are left out if the runs took place on different hardware.
    """
    found: list[Json] = [{"label": "steps", "title": "step"}]
    amounts = {variant.label: variant.amounts for variant in plan.variants}
    units = dict.fromkeys(unit for of in amounts.values() for some in of.values() for unit in some)
    for unit in units:
        each = {context: [amounts.get(label, {}).get(context, {}).get(unit) for label in order] for context in contexts}
        if all(amount is not None for some in each.values() for amount in some):
            found.append({"label": unit, "title": unit, "each": each})
    machines = {name for one in (analysis.cost.contexts if analysis.cost else ()) for name in one.hardware}
    pace = {(row.variant, row.context): row.step_ms for row in analysis.ranking if row.step_ms}
    if pace and len(machines) < 2:
        seconds = {
            context: [rounded(pace[label, context] / 1000) if (label, context) in pace else None for label in order]
            for context in contexts
        }
        found.append({"label": "training time", "title": "seconds of training", "each": seconds})
    return found


def _panels(runs: pl.DataFrame, apart: pl.DataFrame, level: float, order: list[str]) -> dict[Panel, Json]:
    """(metric, context) -> steps, and for each variant's position its seed curves, mean, band and differences."""
    number = {variant: str(index) for index, variant in enumerate(order)}
    panels: dict[Panel, Json] = {}
    for metric, context, step in runs.select("metric", "context", "step").unique().sort(pl.all()).rows():
        panels.setdefault((metric, context), {"steps": [], "series": {}})["steps"].append(step)
    places = {key: {step: place for place, step in enumerate(panel["steps"])} for key, panel in panels.items()}
    for source, is_apart in ((runs, False), (apart, True)):
        for (metric, context, variant, seed), values in _lists(source, curves.RUN, ["value"], places):
            item = _item(panels[metric, context], number[variant], apart=is_apart)
            item["runs"][str(seed)] = values["value"]
        means = curves.bands(source, level)
        for (metric, context, variant), values in _lists(means, curves.CURVE, ["mean", "low", "high"], places):
            item = _item(panels[metric, context], number[variant], apart=is_apart)
            item |= values
            if is_apart:
                del item["runs"]
    return panels


def _item(panel: Json, variant: str, *, apart: bool) -> Json:
    """The place of a variant's curves in a panel, or of its differences from the baseline."""
    item: Json = panel["series"].setdefault(variant, {"runs": {}, "apart": {"runs": {}}})
    return item["apart"] if apart else item


def _lists(
    frame: pl.DataFrame, key: tuple[str, ...], names: list[str], places: dict[Panel, dict[int, int]]
) -> Iterator[tuple[tuple[Any, ...], Json]]:
    """(key, column -> numbers at the steps of the panel) for each curve; five significant digits."""
    short = [pl.col(name).cast(pl.Float64).round_sig_figs(5) for name in names]
    listed = frame.group_by(*key, maintain_order=True).agg("step", *short)
    for row in listed.iter_rows(named=True):
        place = places[row["metric"], row["context"]]
        yield tuple(row[name] for name in key), {name: _aligned(row[name], row["step"], place) for name in names}


def _aligned(values: list[float | None], steps: list[int], places: dict[int, int]) -> list[float | None]:
    """The values at their places among all steps of the panel; trailing gaps are left out."""
    row: list[float | None] = [None] * (max((places[step] for step in steps), default=-1) + 1)
    for step, value in zip(steps, values, strict=True):
        row[places[step]] = value
    while row and row[-1] is None:
        row.pop()
    return row
