"""The section on factors: main effects, interactions and shares of a full grid, or the changes one by one."""

from dataclasses import dataclass
from itertools import groupby

from ablate.analysis.evidence import Change, Factors, FullGrid, Importance, Interaction
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import bars, heat, levels
from .studies import CONTEXTS, HALF, THIRD, Drawing, drawing, inside, left_out
from .verdicts import VERDICTS

FACTORS = 8
"""At most so many factors have a plot."""

INTERACTIONS = 4
"""At most so many interactions have a heat map: those with the largest shares."""

LEVELS = 12
"""A heat map of an interaction has at most so many rows and columns."""

WORDS = 40
"""A change of more characters is called by the label of its variant."""

CHANGES = 20
"""At most so many changes have a bar: those with the largest effects."""

_PAINT = {
    "factor": "var(--c1)",
    "interaction": "var(--c6)",
    "higher": "var(--c4)",
    "seed": "var(--c5)",
    "residual": "var(--edge)",
}


@dataclass(frozen=True, slots=True)
class TermLine:
    """One row of the analysis of variance, as text."""

    name: str
    share: str
    df: str
    f: str
    p: str


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    words: str
    shares: Drawing | None
    levels: tuple[Drawing, ...]
    interactions: tuple[Drawing, ...]
    changes: Drawing | None
    terms: tuple[TermLine, ...]
    measure: str
    notes: tuple[str, ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All charts."""
        some = (self.shares, *self.levels, *self.interactions, self.changes)
        return tuple(one for one in some if one is not None)


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    parts: tuple[Part, ...]
    more: str

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All charts."""
        return tuple(one for part in self.parts for one in part.drawings)


def section(analysis: Analysis, plan: PlanRecord, *, every: bool = False) -> Section | None:
    """What the page shows; None if nothing but the baseline was planned. `every` context, or the first few."""
    found, limit = analysis.factors, len(plan.contexts) if every else CONTEXTS
    if found is None:
        return None
    parts: list[Part] = []
    if found.design == "full grid":
        parts = [_grid(grid, plan, number) for number, grid in enumerate(found.grids[:limit])]
    elif found.design == "one at a time":
        grouped = [(context, list(some)) for context, some in groupby(found.changes, key=lambda one: one.context)]
        parts = [_one_by_one(some, plan, context, number) for number, (context, some) in enumerate(grouped[:limit])]
    else:
        parts = [_modelled(one, number) for number, one in enumerate(found.importance[:limit])]
    return Section(_lede(found), tuple(parts), left_out(len(plan.contexts)) if parts else "")


def _lede(found: Factors) -> str:
    if found.design != "full grid":
        return found.words
    return (
        f"{found.words} Each effect is averaged over all other factors, seed by seed; intervals and p values are not "
        "adjusted, and no verdict rests on them."
    )


def _grid(grid: FullGrid, plan: PlanRecord, number: int) -> Part:
    notes = []
    if len(grid.factors) > FACTORS:
        notes.append(f"Plots of the first {FACTORS} of {len(grid.factors)} factors.")
    small = [one for one in grid.interactions if max(len(one.rows), len(one.columns)) <= LEVELS]
    if len(grid.interactions) > min(len(small), INTERACTIONS):
        few = min(len(small), INTERACTIONS)
        notes.append(
            f"Heat maps of the {few} largest of {len(grid.interactions)} interactions"
            f"{f' with at most {LEVELS} values a side' if len(small) < len(grid.interactions) else ''}."
        )
    style = _style(grid)
    most = max((abs(value) for one in small for some in one.cells for value in some), default=0.0)
    return Part(
        context=grid.context,
        words=grid.words,
        shares=_shares(grid, number),
        levels=tuple(_levels(grid, plan, style, number)),
        interactions=tuple(
            _heat(one, style, grid, f"interaction-{number}-{place}", most)
            for place, one in enumerate(small[:INTERACTIONS])
        ),
        changes=None,
        terms=tuple(
            TermLine(
                term.name,
                _share(term.share),
                str(term.df),
                numbers.plain(term.f, 3),
                numbers.p_value(term.p),
            )
            for term in grid.terms
        ),
        measure=grid.measure,
        notes=tuple(notes),
    )


def _style(grid: FullGrid) -> numbers.Style:
    """How effects are written: two digits of a typical half-width."""
    every = [level for factor in grid.factors for level in factor.levels]
    widths = [(level.interval.high - level.interval.low) / 2 for level in every if level.interval]
    return numbers.style_for([level.improvement for level in every], widths)


def _share(share: float | None) -> str:
    if share is None:
        return numbers.ABSENT
    text = f"{100 * share:.1f}".replace("-", numbers.MINUS)
    return f"{'0.0' if float(f'{share:.3f}') == 0 else text}\u00a0%"


def _shares(grid: FullGrid, number: int) -> Drawing | None:
    known = [(term, term.share) for term in grid.terms if term.share is not None]
    if not known:
        return None
    found = [
        bars.Bar(
            label=term.name,
            x=share,
            text=_share(share),
            tip=f"{_share(share)} ({grid.measure}), {term.df} degrees of freedom",
            color=_PAINT[term.kind],
        )
        for term, share in known
    ]
    data, shown = bars.bars(found, whole=True)
    label = (
        f"Shares of the variance{inside(grid.context)}: {', '.join(f'{bar.label} {bar.text}' for bar in found[:6])}."
    )
    chart = bars.draw(data, shown, title=f"share of the variance ({grid.measure})", label=label, percent=True)
    caption = f"Shares of the variance, n = {grid.n} per cell"
    return drawing(
        f"shares-{number}",
        chart,
        {"bars": data},
        caption=caption,
        label=label,
        share=HALF,
        zero=True,
        short={name: name for name in data["name"]},
    )


def _levels(grid: FullGrid, plan: PlanRecord, style: numbers.Style, number: int) -> list[Drawing]:
    score = numbers.style_for([level.mean for factor in grid.factors for level in factor.levels], [], digits=4)
    frames = [levels.levels(factor, style, score, grid.n) for factor in grid.factors[:FACTORS]]
    shown = levels.window(frames)
    drawn = []
    for place, (factor, data) in enumerate(zip(grid.factors, frames, strict=False)):
        over = "the baseline's value" if factor.reference == "baseline" else "the mean of its values"
        label = (
            f"{factor.name}{inside(grid.context)}: improvement of {plan.metric.name} over {over}; "
            f"best: {factor.levels[factor.best].value}{f', the {factor.edge} tried' if factor.edge else ''}."
        )
        chart = levels.draw(data, shown, name=factor.name, label=label)
        caption = f"{factor.name}: \u0394 {plan.metric.name} over {over}, n = {grid.n}"
        drawn.append(
            drawing(
                f"levels-{number}-{place}",
                chart,
                {"levels": data},
                caption=caption,
                label=label,
                share=THIRD,
                zero=True,
            )
        )
    return drawn


def _heat(one: Interaction, style: numbers.Style, grid: FullGrid, name: str, most: float) -> Drawing:
    first, second = one.names
    texts = [[style.text(value, sign=True) for value in some] for some in one.cells]
    tips = [[f"{text} beyond the sum of both effects" for text in some] for some in texts]
    data = heat.cells(one.rows, one.columns, one.cells, texts, tips=tips, most=most)
    label = f"Interaction of {first} and {second}{inside(grid.context)}: how far each cell is from the sum of both."
    chart = heat.draw(one.rows, one.columns, row=first, column=second, value="interaction", label=label)
    share = next((term.share for term in grid.terms if term.name == f"{first} × {second}"), None)
    caption = f"{first} × {second}: {_share(share)} of the variance"
    return drawing(name, chart, {"cells": data}, caption=caption, label=label, share=HALF, columns=len(one.columns))


def _modelled(one: Importance, number: int) -> Part:
    """A bar for each path, as the model weighs it."""
    found = [
        bars.Bar(label=path, x=share, text=_share(share), tip=f"{_share(share)} of all importance", color="var(--c1)")
        for path, share in one.shares[:CHANGES]
    ]
    data, shown = bars.bars(found, whole=True)
    label = f"Importance of each path{inside(one.context)} by a model of {one.runs} runs, the largest first."
    more = len(one.shares) > CHANGES
    return Part(
        context=one.context,
        words="",
        shares=None,
        levels=(),
        interactions=(),
        changes=drawing(
            f"importance-{number}",
            bars.draw(data, shown, title="share of all importance", label=label, percent=True),
            {"bars": data},
            caption=f"Importance by a model of {one.runs} runs",
            label=label,
            zero=True,
            short={name: path for name, (path, _) in zip(data["name"], one.shares, strict=False)},
        ),
        terms=(),
        measure="",
        notes=(f"The {CHANGES} largest of {len(one.shares)} paths.",) if more else (),
    )


def _change_label(one: Change, words: list[str]) -> str:
    """What changes, or the variant's label where that is too long to be read in a chart, or not its alone."""
    if len(one.words) <= WORDS or len(one.variant) >= len(one.words):
        return one.words if words.count(one.words) == 1 else f"{one.words} ({one.variant})"
    return one.variant


def _one_by_one(changes: list[Change], plan: PlanRecord, context: str, number: int) -> Part:
    few = changes[:CHANGES]
    widths = [(one.interval.high - one.interval.low) / 2 for one in few if one.interval]
    style = numbers.style_for([one.improvement for one in few], widths)
    words = [one.words for one in few]
    found = []
    for one in few:
        text = style.text(one.improvement, sign=True)
        interval = f" [{style.text(one.interval.low)}, {style.text(one.interval.high)}]" if one.interval else ""
        found.append(
            bars.Bar(
                label=_change_label(one, words),
                x=one.improvement,
                text=f"{text}, n = {one.n}",
                tip=f"{text}{interval}, n = {one.n}: {one.verdict}",
                color=VERDICTS[one.verdict].paint,
                low=one.interval.low if one.interval else None,
                high=one.interval.high if one.interval else None,
            )
        )
    data, shown = bars.bars(found)
    label = f"Effect of each change{inside(context)} on {plan.metric.name}, the largest first; positive is better."
    unit = "" if plan.metric.unit in ("", "dimensionless") else f" ({plan.metric.unit})"
    title = f"\u0394 {plan.metric.name}{unit} \u2013 positive is better \u2192"
    chart = bars.draw(data, shown, title=title, label=label)
    notes = (f"The {CHANGES} largest of {len(changes)} effects.",) if len(changes) > CHANGES else ()
    return Part(
        context=context,
        words="",
        shares=None,
        levels=(),
        interactions=(),
        changes=drawing(
            f"changes-{number}",
            chart,
            {"bars": data},
            caption="Each change and its effect, the largest first",
            label=label,
            zero=True,
            short={name: one.variant for name, one in zip(data["name"], few, strict=True)},
        ),
        terms=(),
        measure="",
        notes=notes,
    )
