"""The charts of the page as Altair objects that stand alone: with data, size and the colours of the light scheme."""

import copy
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

import altair as alt
import polars as pl

from ablate.analysis.evidence import CostKey
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import across, confirmation, cost, factors, plots, stability, theme, tuning
from . import diagnostics as inside
from .charts import curves as curve_chart
from .charts import difference as difference_chart
from .charts import forest as forest_chart
from .charts import lines, spec
from .studies import Drawing

WIDTH = 720
"""Width of a chart, in pixels."""

TOP = 30
"""How many variants a forest plot holds unless told otherwise."""

BEST = 5
"""How many variants curves show beside the baseline unless told otherwise."""

POINTS = 240
"""Steps that a curve is averaged to."""

Json = dict[str, Any]

P = TypeVar("P", factors.Part, cost.Part, stability.Part)
P_co = TypeVar("P_co", covariant=True)


class _Section(Protocol[P_co]):
    """A section with a part for each context."""

    @property
    def parts(self) -> tuple[P_co, ...]: ...


_COLORS = {f"var(--{name})": color for name, color in asdict(theme.LIGHT).items()}
_PAINTED = frozenset({"color", "c"})
"""The fields of the data that hold a colour; any other text is a label and stays."""


def forest(
    analysis: Analysis, plan: PlanRecord, *, context: str | None = None, top: int = TOP
) -> alt.LayerChart | None:
    """The improvement of every variant over the baseline, with intervals and seeds; the best means first.

    Args:
        analysis: what is drawn.
        plan: its grid.
        context: the first one by default.
        top: how many variants at most; the title says if there are more.

    Returns:
        The chart, or None where no variant has an effect.
    """
    where = _context(plan, context)
    for chart in plots.forests(analysis, plan):
        if chart["context"] == where:
            count = len(chart["data"]["rows"])
            part = plots.first(chart, top) if count > top else chart
            return _alone(
                part["spec"], part["data"], _title(where, f"{top} of {count} variants" if count > top else "")
            )
    return None


def curves(
    analysis: Analysis,
    plan: PlanRecord,
    *,
    metric: str | None = None,
    context: str | None = None,
    variants: Sequence[str] | None = None,
) -> alt.LayerChart | None:
    """A metric over the steps: means with t bands from three seeds on, and the seeds as thin lines.

    Args:
        analysis: what is drawn.
        plan: its grid.
        metric: the one that ranks by default.
        context: the first one by default.
        variants: the baseline and the five best by default.

    Returns:
        The chart, or None where nothing was recorded.
    """
    return _curves(analysis, plan, metric, context, variants, apart=False)


def difference(
    analysis: Analysis,
    plan: PlanRecord,
    *,
    metric: str | None = None,
    context: str | None = None,
    variants: Sequence[str] | None = None,
) -> alt.LayerChart | None:
    """The paired difference from the baseline over the steps; for the metric that ranks, positive is better."""
    return _curves(analysis, plan, metric, context, variants, apart=True)


def published(analysis: Analysis, plan: PlanRecord) -> alt.LayerChart | None:
    """The order of the variants by published values beside ours; None with fewer than two pairs."""
    chart = plots.slopes(analysis, plan)
    return None if chart is None else _alone(chart["spec"], chart["data"], "", width=560)


def confirmed(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """Both estimates of each confirmed variant; None before ``ablate confirm``."""
    found = confirmation.section(analysis, plan)
    return _part(found.parts if found else (), _context(plan, context))


def tuned(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """Mean score against the one nuisance axis, a line per variant, named by its tooltip; None without such an axis."""
    found = tuning.section(analysis, plan)
    return _part(found.parts if found else (), _context(plan, context))


def effects(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> tuple[alt.LayerChart, ...]:
    """What each factor of a full grid does, a chart each, on one scale; empty for other grids."""
    part = _of(factors.section(analysis, plan, every=True), _context(plan, context))
    return _each(part.levels if part else (), 360)


def interactions(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> tuple[alt.LayerChart, ...]:
    """How far the cells of two factors are from the sum of both, a chart for each pair, the largest share first."""
    part = _of(factors.section(analysis, plan, every=True), _context(plan, context))
    return _each(part.interactions if part else (), 420)


def shares(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """The shares of the variance in a full grid; None for other grids."""
    part = _of(factors.section(analysis, plan, every=True), _context(plan, context))
    return _study(part.shares if part else None)


def changes(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """The effect of each change, the largest first; None unless every variant is one change from the baseline."""
    if analysis.factors is None or analysis.factors.design != "one at a time":
        return None
    part = _of(factors.section(analysis, plan, every=True), _context(plan, context))
    return _study(part.changes if part else None)


def importance(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """What a model says of each path, in a grid that is neither; None without optuna or with too few runs."""
    if analysis.factors is None or analysis.factors.design != "other":
        return None
    part = _of(factors.section(analysis, plan, every=True), _context(plan, context))
    return _study(part.changes if part else None)


def pareto(
    analysis: Analysis, plan: PlanRecord, *, cost_key: CostKey | None = None, context: str | None = None
) -> alt.LayerChart | None:
    """Mean score against a cost, by default the first by which the variants differ; None if they do not in any."""
    part = _of(cost.section(analysis, plan, first=cost_key, every=True), _context(plan, context))
    return _study(part.chart if part else None)


def residuals(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """What is left of the scores after variant and seed; None with fewer than two variants or two seeds."""
    part = _of(stability.section(analysis, plan, every=True), _context(plan, context))
    return _study(part.residuals if part else None)


def ranks(analysis: Analysis, plan: PlanRecord, *, context: str | None = None) -> alt.LayerChart | None:
    """Ranks when the seeds are drawn again; None with fewer than three seeds. Not used for verdicts."""
    part = _of(stability.section(analysis, plan, every=True), _context(plan, context))
    return _study(part.ranks if part else None)


def profiles(analysis: Analysis, plan: PlanRecord) -> alt.LayerChart | None:
    """Performance profiles over all contexts; None with fewer than three. Nothing of it is tested."""
    found = across.section(analysis, plan)
    return _study(found.profile if found else None)


def pairs(analysis: Analysis, plan: PlanRecord) -> alt.LayerChart | None:
    """The best variants and the baseline against each other over the contexts; None with fewer than six."""
    found = across.section(analysis, plan)
    return _study(found.duels if found else None)


def diagnosed(analysis: Analysis, plan: PlanRecord, found: pl.DataFrame | None) -> tuple[alt.LayerChart, ...]:
    """What was read from inside the networks, a chart for each quantity: the first context, and the first layer.

    Args:
        analysis: what is drawn.
        plan: its grid.
        found: what the runs that rank recorded; empty or None: no charts.
    """
    section = inside.section(analysis, plan, found)
    if section is None:
        return ()
    names = [look.name for look in section.looks]
    colors = [_COLORS.get(look.color, look.color) for look in section.looks]
    legend = {"field": "name", "type": "nominal", "scale": {"domain": names, "range": colors}, "title": None}
    made = []
    for one in (*section.lines, *section.maps):
        if one.empty:
            continue
        whole = copy.deepcopy(one.payload["spec"])
        for layer in whole["layer"]:
            if "color" in layer["encoding"]:
                layer["encoding"]["color"] = legend
        of = f"{section.binned[0]}, " if one in section.maps and section.binned else ""
        title = _title(one.caption, f"{of}{one.layers[0]}", section.contexts[0])
        made.append(_alone(whole, one.data, title, width=480))
    return tuple(made)


def _of(section: _Section[P] | None, context: str) -> P | None:
    """The part of a section on one context."""
    return next((part for part in (section.parts if section else ()) if part.context == context), None)


def _each(drawings: Sequence[Drawing], width: int) -> tuple[alt.LayerChart, ...]:
    return tuple(_alone(one.spec, one.data, one.caption, width=width) for one in drawings)


def _study(one: Drawing | None) -> alt.LayerChart | None:
    return None if one is None else _alone(one.spec, one.data, one.caption)


def _part(parts: Sequence[confirmation.Part | tuning.Part], context: str) -> alt.LayerChart | None:
    """The chart of one context of a section."""
    chart = next((part.chart for part in parts if part.context == context), None)
    return None if chart is None else _alone(chart["spec"], chart["data"], _title(context, chart.get("caption", "")))


def _curves(
    analysis: Analysis,
    plan: PlanRecord,
    metric: str | None,
    context: str | None,
    variants: Sequence[str] | None,
    *,
    apart: bool,
) -> alt.LayerChart | None:
    name, where = metric or plan.metric.name, _context(plan, context)
    baseline = next((row.variant for row in analysis.ranking if row.verdict == "baseline"), "")
    chosen = _best(analysis, where, baseline) if variants is None else list(dict.fromkeys(variants))
    needed = [*chosen, baseline]
    here = (pl.col("metric") == name) & (pl.col("context") == where) & pl.col("variant").is_in(needed)
    runs = curve_chart.on_grid(analysis.curves.filter(here), POINTS)
    if apart:
        runs = difference_chart.paired(runs, baseline, {plan.metric.name: 1.0 if _maximize(plan) else -1.0})
        chosen = [variant for variant in chosen if variant != baseline]
    shown = runs.filter(pl.col("variant").is_in(chosen))
    if shown.drop_nulls("value").is_empty():
        return None
    level = next((row.interval.level for row in analysis.ranking if row.interval), 1 - plan.report.alpha)
    labels = forest_chart.names(chosen, limit=28)
    drawn = lines.lines(shown, curve_chart.bands(shown, level), labels, baseline, height=curve_chart.HEIGHT, zero=apart)
    title = f"{name}, paired difference from {_short(baseline)}" if apart else name
    module = difference_chart if apart else curve_chart
    whole = spec.bare(module.draw(label=_title(where, title)))
    for layer in whole["layer"]:
        layer["encoding"]["x"]["scale"] = {"nice": False, "zero": False, "domain": list(drawn.x)}
        if drawn.x[1] < 10_000 and layer["encoding"]["x"].get("axis"):
            layer["encoding"]["x"]["axis"]["format"] = ",d"
        layer["encoding"]["y"]["scale"] = {"nice": False, "zero": False, "domain": list(drawn.y)}
    return _alone(whole, drawn.data, _title(where, title))


def _short(variant: str) -> str:
    """A label for a title."""
    return forest_chart.names([variant], limit=40)[variant]


def _best(analysis: Analysis, context: str, baseline: str) -> list[str]:
    """The baseline and the best means of a context, unstable variants last."""
    ranked = [row for row in analysis.ranking if row.context == context and row.rank is not None]
    ranked.sort(key=lambda row: (row.verdict == "unstable", row.rank or 0))
    return [baseline, *[row.variant for row in ranked if row.variant != baseline][:BEST]]


def _maximize(plan: PlanRecord) -> bool:
    return plan.metric.goal == "maximize"


def _context(plan: PlanRecord, context: str | None) -> str:
    if context is not None:
        return context
    return plan.contexts[0] if plan.contexts else ""


def _title(*parts: str) -> str:
    return " \u2013 ".join(part for part in parts if part)


def _alone(chart: Json, data: Json, title: str, *, width: int = WIDTH) -> alt.LayerChart:
    whole = _painted(chart) | {
        "width": width,
        "config": _painted(theme.chart_config()) | {"background": theme.LIGHT.surface},
        "datasets": {name: [_painted_row(row) for row in rows] for name, rows in data.items()},
    }
    if title:
        whole["title"] = {"text": title, "anchor": "start", "fontSize": 13, "fontWeight": "normal"}
    made = alt.LayerChart.from_dict(whole)
    assert isinstance(made, alt.LayerChart)
    return made


def _painted(value: Any) -> Any:
    """A specification with the colours of the light scheme in place of CSS properties."""
    if isinstance(value, dict):
        return {key: _painted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_painted(item) for item in value]
    return _COLORS.get(value, value) if isinstance(value, str) else value


def _painted_row(row: Json) -> Json:
    return {name: _COLORS.get(value, value) if name in _PAINTED else value for name, value in row.items()}
