"""The section on tuning: which setting each variant got, and how far the tuning score flattered it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from markupsafe import Markup

from ablate.analysis.types import Analysis, NuisanceAxis, Tuned, Tuning
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import spec
from .charts import tuning as chart

CELLS = 40
"""The table of all settings is left out where there are more of them."""

SHEET = 16
"""Columns that fit on a sheet of paper."""

SHADES = 4
"""Shades of the table of all settings, the best first."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """The chosen value of one nuisance axis."""

    text: str
    edge: str
    """Which end of the range it is; empty inside."""


@dataclass(frozen=True, slots=True)
class Line:
    """One variant."""

    variant: str
    baseline: bool
    values: tuple[Value, ...]
    """Empty while none is chosen."""
    open: str
    """How far the tuning is, while nothing is chosen."""
    score: str
    seeds: str
    fresh: str
    fresh_seeds: str
    gap: str
    others: tuple[tuple[str, str], ...]
    """(way to read a score, setting that it would choose), where it differs."""
    lost: str
    """How many of its tuning runs diverged or failed."""


@dataclass(frozen=True, slots=True)
class Shaded:
    """One cell of the table of all settings."""

    text: str
    shade: int
    """From 0, the best of the row, to `SHADES`."""
    chosen: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """All settings of several nuisance axes, with their scores."""

    heads: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    """One row per axis: its path, and its values with the number of columns that each spans."""
    rows: tuple[tuple[str, tuple[Shaded, ...]], ...]
    """(variant, its cells)."""

    @property
    def wide(self) -> bool:
        """Whether it has too many columns for a sheet of paper."""
        return len(self.rows[0][1]) > SHEET


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    lines: tuple[Line, ...]
    heat: Heat | None
    key: tuple[tuple[str, str], ...]
    """(variant, colour) of the lines of the chart."""
    more: int
    """How many lines of the chart are grey."""
    chart: Json | None


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    axes: tuple[str, ...]
    selectors: str
    """The other ways to read a score."""
    parts: tuple[Part, ...]
    cut: bool
    """Whether a chart leaves out points that are far off."""


def section(analysis: Analysis, plan: PlanRecord) -> Section | None:
    """What the page shows; None for a grid that does not tune."""
    tuning = analysis.tuning
    if tuning is None or not tuning.rows:
        return None
    contexts = dict.fromkeys(row.context for row in tuning.rows)
    parts = tuple(_part(analysis, plan, tuning, context, number) for number, context in enumerate(contexts))
    return Section(
        lede=_lede(tuning, plan),
        axes=tuple(axis.path for axis in tuning.axes),
        selectors=", ".join(at for at, _ in tuning.rows[0].alternatives[1:]),
        parts=parts,
        cut=any(part.chart and part.chart["data"]["away"] for part in parts),
    )


def _lede(tuning: Tuning, plan: PlanRecord) -> str:
    settings = len(tuning.rows[0].candidates)
    axes = " and ".join(axis.path for axis in tuning.axes)
    text = (
        f"Every variant tried {settings} settings of {axes} on {len(tuning.seeds)} tuning seeds. The one with the best "
        f"mean {tuning.metric} ({tuning.at}) was chosen, and trained again on the {len(plan.seeds)} seeds of the "
        "ranking. The gap is how much worse it did there."
    )
    known = [row.optimism for row in tuning.rows if row.optimism is not None]
    if known:
        style = numbers.style_for(known, [], digits=2)
        text += f" On average: {style.text(sum(known) / len(known), sign=True)}."
    if tuning.ended < tuning.planned:
        text += f" {tuning.ended} of {tuning.planned} tuning runs have ended."
    return text


def _style(tuning: Tuning) -> numbers.Style:
    """How scores are written: so that a typical gap has two digits."""
    gaps = [abs(row.optimism) for row in tuning.rows if row.optimism]
    scores = [one for row in tuning.rows for one in (row.tuning_score, row.fresh_score)]
    return numbers.style_for(scores, [median(gaps)] if gaps else [], digits=4)


def _part(analysis: Analysis, plan: PlanRecord, tuning: Tuning, context: str, number: int) -> Part:
    style = _style(tuning)
    baseline = next((row.variant for row in analysis.ranking if row.verdict == "baseline"), "")
    rows = [row for row in tuning.rows if row.context == context]
    rows.sort(key=lambda row: row.variant != baseline)
    lines = tuple(_line(row, tuning, style, baseline, len(plan.seeds)) for row in rows)
    single = len(tuning.axes) == 1
    drawn = _chart(rows[: chart.LINES], tuning, style, context, number, baseline) if single else None
    paints = chart.colors(rows[: chart.LINES], baseline)
    key = tuple((variant, color) for variant, color in paints.items() if color != "var(--edge)")
    return Part(
        context=context,
        lines=lines,
        heat=None if single else _heat(rows[: chart.LINES], tuning.axes, style),
        key=key if drawn else (),
        more=len(paints) - len(key),
        chart=drawn,
    )


def _line(row: Tuned, tuning: Tuning, style: numbers.Style, baseline: str, seeds: int) -> Line:
    lost = [f"{count} {word}" for count, word in ((row.diverged, "diverged"), (row.failed, "failed")) if count]
    runs = len(row.candidates) * len(tuning.seeds)
    values: tuple[Value, ...] = ()
    if row.chosen is not None:
        edges = {edge.path: f"{edge.side} tried" for edge in row.edges}
        chosen = row.candidates[row.chosen]
        values = tuple(
            Value(text, edges.get(axis.path, "")) for axis, text in zip(tuning.axes, chosen.values, strict=True)
        )
    return Line(
        variant=row.variant,
        baseline=row.variant == baseline,
        values=values,
        open="" if values else f"not chosen yet: {runs - row.missing} of {runs} runs ended",
        score=style.text(row.tuning_score),
        seeds=f"{row.candidates[row.chosen].n} of {len(tuning.seeds)}" if row.chosen is not None else "",
        fresh=style.text(row.fresh_score),
        fresh_seeds=f"{row.fresh_n} of {seeds}" if row.fresh_n else "",
        gap=style.text(row.optimism, sign=True),
        others=tuple(
            (at, ", ".join(row.candidates[choice].values))
            for at, choice in row.alternatives[1:]
            if choice is not None and choice != row.alternatives[0][1]
        ),
        lost=", ".join(lost),
    )


def _chart(
    rows: Sequence[Tuned], tuning: Tuning, style: numbers.Style, context: str, number: int, baseline: str
) -> Json | None:
    (axis,) = tuning.axes
    data = chart.tried(rows, axis, baseline, style, len(tuning.seeds))
    if data.drop_nulls("y").is_empty() or len(set(axis.tried)) < 2:
        return None
    shown = chart.window(data, tuning.goal)
    where = f" in {context}" if context else ""
    label = f"Tuning{where}: mean {tuning.metric} of each variant against {axis.path}; the chosen values are marked."
    return {
        "id": f"tuning-{number}",
        "label": label,
        "caption": f"Mean {tuning.metric} ({tuning.at}) against {axis.path}",
        "spec": spec.bare(chart.draw(axis, shown, label=label)),
        "data": {"tried": spec.records(data), "away": spec.records(chart.away(data, shown))},
    }


def still(drawn: Json) -> Markup:
    """The chart as a picture, for readers without JavaScript."""
    return spec.static_svg(drawn["spec"], drawn["data"], width=900, label=drawn["label"], name=f"still-{drawn['id']}")


def _heat(rows: Sequence[Tuned], axes: Sequence[NuisanceAxis], style: numbers.Style) -> Heat | None:
    """The scores of all settings; None where there are too many for a table."""
    settings = [candidate.values for candidate in rows[0].candidates]
    if len(settings) > CELLS:
        return None
    heads = []
    for depth, axis in enumerate(axes):
        spans: list[tuple[str, int]] = []
        before: tuple[str, ...] = ()
        for values in settings:
            if spans and values[: depth + 1] == before:
                spans[-1] = (spans[-1][0], spans[-1][1] + 1)
            else:
                spans.append((values[depth], 1))
            before = values[: depth + 1]
        heads.append((axis.path, tuple(spans)))
    return Heat(tuple(heads), tuple((row.variant, tuple(_shaded(row, style))) for row in rows))


def _shaded(row: Tuned, style: numbers.Style) -> list[Shaded]:
    known = [candidate.mean for candidate in row.candidates if candidate.mean is not None]
    chosen = row.tuning_score if row.tuning_score is not None else next(iter(known), 0.0)
    apart = [abs(mean - chosen) for mean in known]
    typical = median(apart) or max(apart, default=0.0)
    cells = []
    for index, candidate in enumerate(row.candidates):
        shade = SHADES
        if candidate.mean is not None:
            far = abs(candidate.mean - chosen) / typical if typical else 0.0
            shade = min(int(far * SHADES / 2), SHADES)
        cells.append(Shaded(style.text(candidate.mean), shade, index == row.chosen))
    return cells


def payload(tuning: Tuning) -> Json:
    """All scores, for the download."""
    return {
        "metric": tuning.metric,
        "at": tuning.at,
        "axes": [axis.path for axis in tuning.axes],
        "settings": [candidate.values for candidate in tuning.rows[0].candidates] if tuning.rows else [],
        "rows": [
            {
                "variant": row.variant,
                "context": row.context,
                "chosen": row.chosen,
                "means": [numbers.rounded(candidate.mean, 10) for candidate in row.candidates],
                "n": [candidate.n for candidate in row.candidates],
                "fresh": numbers.rounded(row.fresh_score, 10),
            }
            for row in tuning.rows
        ],
    }
