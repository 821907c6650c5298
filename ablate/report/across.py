"""The section on all contexts together: interquartile means, performance profiles, and a matrix of pairs."""

from dataclasses import dataclass

from ablate.analysis.evidence import Across, AcrossRow, Duel
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import forest, heat, profile
from .studies import HALF, Drawing, drawing
from .theme import SERIES


@dataclass(frozen=True, slots=True)
class Line:
    """One variant."""

    variant: str
    color: str
    """Of its profile; empty if it is not drawn."""
    iqm: str
    interval: str
    worst: str
    verdicts: str
    runs: str


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    words: str
    lines: tuple[Line, ...]
    profile: Drawing
    duels: Drawing | None
    notes: tuple[str, ...]

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All charts."""
        return (self.profile,) if self.duels is None else (self.profile, self.duels)


def section(analysis: Analysis, plan: PlanRecord) -> Section | None:
    """What the page shows; None with fewer than three contexts."""
    found = analysis.across
    if found is None:
        return None
    level = next((row.interval.level for row in found.rows if row.interval), 1 - plan.report.alpha)
    lede = (
        "A gain is an improvement over the baseline's run of the same context and seed, in percent of the baseline's "
        f"mean {plan.metric.name} there. The interquartile mean leaves out the lowest and the highest quarter of a "
        f"variant's runs; its {numbers.percent(level)} interval draws the seeds again inside each context "
        f"({found.draws:,} draws from a fixed seed). Verdicts are those of the contexts; nothing here changes them."
    )
    notes = []
    if found.variants > len(found.rows):
        notes.append(f"The {len(found.rows)} best of {found.variants} variants.")
    if len(found.rows) > len(SERIES):
        notes.append(f"Profiles of the {len(SERIES)} best.")
    if found.duels:
        notes.append(
            "Pairs: mean gain of the row over the column, in percentage points; * marks those that Wilcoxon's "
            "signed-rank test over the contexts tells apart, Holm-adjusted over the pairs shown."
        )
    style = _style(found)
    return Section(
        lede=lede,
        words=found.words,
        lines=tuple(_line(row, place, style, found.contexts) for place, row in enumerate(found.rows)),
        profile=_profile(found),
        duels=_duels(found, style) if found.duels else None,
        notes=tuple(notes),
    )


def _style(found: Across) -> numbers.Style:
    widths = [(row.interval.high - row.interval.low) / 2 for row in found.rows if row.interval]
    return numbers.style_for([row.iqm for row in found.rows], widths)


def _line(row: AcrossRow, place: int, style: numbers.Style, contexts: int) -> Line:
    interval = f"{style.text(row.interval.low)} to {style.text(row.interval.high)}" if row.interval else ""
    return Line(
        variant=row.variant,
        color=SERIES[place] if place < len(SERIES) else "",
        iqm=style.text(row.iqm, sign=True),
        interval=interval,
        worst=style.text(row.worst, sign=True),
        verdicts=f"{row.better} better, {row.worse} worse of {contexts}",
        runs=str(row.runs),
    )


def _profile(found: Across) -> Drawing:
    shown = found.rows[: len(SERIES)]
    called = forest.names([row.variant for row in shown], limit=28)
    label = "Performance profiles: the share of the runs of each variant that gain so much or more, over all contexts."
    return drawing(
        "profile",
        profile.draw(found.thresholds, label=label),
        {"points": profile.profiles(shown, found.thresholds, called)},
        caption="Share of runs that gain so much or more",
        label=label,
        share=HALF,
        zero=True,
    )


def _duels(found: Across, style: numbers.Style) -> Drawing:
    labels = list(dict.fromkeys(name for one in found.duels for name in one.names))
    known: dict[tuple[str, str], tuple[float, Duel]] = {}
    for one in found.duels:
        known[one.names] = (one.gain, one)
        known[one.names[::-1]] = (-one.gain, one)
    values = [[known[row, column][0] if row != column else None for column in labels] for row in labels]
    texts = [["" if row == column else _cell(*known[row, column], style) for column in labels] for row in labels]
    tips = [["" if row == column else _tip(row, known[row, column][1]) for column in labels] for row in labels]
    label = "Mean gain of each variant over each other one, over the contexts, in percentage points."
    return drawing(
        "duels",
        heat.draw(labels, labels, row="variant", column="over", value="gain", label=label),
        {"cells": heat.cells(labels, labels, values, texts, tips=tips)},
        caption="Pairs over the contexts",
        label=label,
        share=HALF,
        columns=len(labels),
        short={label: variant for variant, label in forest.names(labels).items()},
    )


def _cell(gain: float, one: Duel, style: numbers.Style) -> str:
    return style.text(gain, sign=True) + ("*" if one.decided else "")


def _tip(row: str, one: Duel) -> str:
    wins, losses = (one.wins, one.losses) if one.names[0] == row else (one.losses, one.wins)
    return f"wins {wins}, loses {losses}; p = {numbers.p_value(one.p_adjusted)} (Holm)"
