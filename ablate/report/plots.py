"""The forest plots and the chart of published values, ready to embed: specification and data."""

from typing import Any

from markupsafe import Markup

from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import table
from .charts import forest, reference, spec

STILL_ROWS = 30
"""How many variants the picture for readers without JavaScript holds."""

Json = dict[str, Any]


def forests(analysis: Analysis, plan: PlanRecord) -> list[Json]:
    """One forest plot per context that has an effect to show."""
    made = []
    for number, (context, rows) in enumerate(table.contexts(analysis)):
        style = table.styles(rows).effect
        shown = forest.effects(rows, style)
        if shown.is_empty():
            continue
        dots = forest.seed_effects(rows, style)
        close, whole = forest.windows(shown, dots, plan.margin)
        where = f" in {context}" if context else ""
        label = (
            f"Forest plot: improvement of each variant over the baseline in {plan.metric.name}{where}, with intervals."
        )
        chart = forest.draw(shown["name"].to_list(), close, metric=plan.metric.name, unit=plan.metric.unit, label=label)
        margin = [] if plan.margin is None else [{"low": -plan.margin, "high": plan.margin}]
        made.append(
            {
                "number": number,
                "context": context,
                "label": label,
                "spec": spec.bare(chart),
                "close": [close.low, close.high],
                "whole": [whole.low, whole.high],
                "data": {
                    "rows": spec.records(shown),
                    "seeds": spec.records(dots),
                    "away": spec.records(forest.away(shown, close)),
                    "margin": margin,
                    "zero": [{"x": 0}],
                },
            }
        )
    return made


def still(chart: Json) -> Markup:
    """A forest plot as a picture, for readers without JavaScript; at most the first `STILL_ROWS` variants."""
    part = first(chart, STILL_ROWS)
    return spec.static_svg(part["spec"], part["data"], width=900, label=chart["label"], name=f"still-{chart['number']}")


def first(chart: Json, count: int) -> Json:
    """A forest plot of at most the first `count` variants."""
    rows = chart["data"]["rows"][:count]
    kept = {row["variant"] for row in rows}
    data = {
        name: [row for row in some if "variant" not in row or row["variant"] in kept]
        for name, some in chart["data"].items()
    }
    order = [row["name"] for row in rows]
    axis = {"domain": order}
    layers = [
        layer
        | {
            "encoding": layer["encoding"]
            | ({"y": layer["encoding"]["y"] | {"scale": axis}} if "y" in layer["encoding"] else {})
        }
        for layer in chart["spec"]["layer"]
    ]
    whole = chart["spec"] | {"layer": layers, "height": forest.ROW * len(rows)}
    return chart | {"spec": whole, "data": data}


def slopes(analysis: Analysis, plan: PlanRecord) -> Json | None:
    """The chart of published and own order; None with fewer than two pairs."""
    if analysis.reference is None:
        return None
    rows = reference.slopes(analysis.reference, plan.metric.goal)
    if rows.height < 2:
        return None
    label = "Order of the variants by the published values, at the left, and by ours, at the right."
    return {
        "spec": spec.bare(reference.draw(rows, label=label)),
        "data": {"slopes": spec.records(rows), "heads": reference.HEADS},
        "label": label,
    }
