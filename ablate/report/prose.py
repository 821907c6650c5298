"""Sentences and facts that the page writes itself, around what the analysis says."""

from dataclasses import dataclass
from datetime import datetime

from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import numbers, table


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of the trust strip."""

    label: str
    figure: str
    note: str


def stamp(moment: datetime) -> str:
    """A date for the head of the page: ``3 May 2025, 14:05 UTC``."""
    zone = moment.tzname() or "local time"
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}"


def facts(analysis: Analysis, plan: PlanRecord) -> list[Fact]:
    """The trust strip: how much stands behind the ranking."""
    ended = analysis.planned - analysis.missing
    state = [
        f"{count} {word}"
        for count, word in (
            (analysis.diverged, "diverged"),
            (analysis.failed, "failed"),
            (analysis.missing, "not finished"),
        )
        if count
    ]
    all_rows = [row for _, rows in table.contexts(analysis) for row in rows]
    style = numbers.style_for([], [analysis.smallest_detectable, analysis.noise_sd])
    counts = [row.n for row in all_rows if row.verdict != "baseline"]
    low, high = min(counts, default=0), max(counts, default=0)
    rho = analysis.seed_correlation
    saved = "too few seeds to say" if rho is None else "pairing by seed did not help here"
    if rho is not None and rho > 0:
        saved = f"pairing removes {100 * (1 - max(1 - rho, 0.0) ** 0.5):.0f}\u00a0% of the noise of a difference"
    unit = "" if plan.metric.unit in ("", "dimensionless") else f" {plan.metric.unit}"
    return [
        Fact("Runs ended", f"{ended} of {analysis.planned}", ", ".join(state) or "all reached their budget"),
        Fact("Seeds per variant", str(low) if low == high else f"{low}\u2013{high}", _selection(analysis)),
        Fact("Seed noise", style.text(analysis.noise_sd), "standard deviation of a paired difference"),
        Fact("Seed correlation", numbers.plain(rho, 2), saved),
        Fact(
            "Smallest visible \u0394",
            style.text(analysis.smallest_detectable) + (unit if analysis.smallest_detectable is not None else ""),
            "found with 80\u00a0% power at this number of seeds",
        ),
        Fact("Tests", str(analysis.tests), _allowed_for(analysis)),
    ]


def _allowed_for(analysis: Analysis) -> str:
    kinds = {
        "Holm": "p values are Holm-adjusted for them",
        "Dunnett": "p values are Dunnett's, which allow for them",
    }
    return kinds.get(table.correction(analysis), "p values are Holm-adjusted for them, or Dunnett's")


def _selection(analysis: Analysis) -> str:
    """How far the choice of a winner is."""
    found = analysis.confirmation
    pairing = "paired with" if table.difference(analysis) == "paired difference" else "others than"
    if found is None or not found.used:
        return f"{pairing} the baseline's; screening, not confirmed"
    return f"{pairing} the baseline's; confirmed on {len(found.seeds)} fresh ones"


def ranking_lede(analysis: Analysis, plan: PlanRecord) -> str:
    """How to read the table."""
    better = "higher" if plan.metric.goal == "maximize" else "lower"
    score = _score(plan.metric.at)
    text = (
        f"Score: {score} of {plan.metric.name}; {better} is better. \u0394 is the "
        f"{table.difference(analysis)} from the baseline, "
    )
    text += "turned so that positive is better. Rank intervals say which places the data cannot rule out."
    sizes = {row.parameters for row in analysis.ranking} - {None}
    if len(sizes) == 1 and "params" not in plan.report.columns:
        text += f" All variants have {numbers.si(sizes.pop())} parameters."
    if analysis.confirmation is not None and analysis.confirmation.used:
        text += " This is the screening; what fresh seeds say of the best is in the section on the confirmation."
    return text


def _score(at: str) -> str:
    kind, _, number = at.partition(":")
    return {
        "last": "the last value",
        "best": "the best value",
        "mean_last": f"the mean of the last {number} values",
        "step": f"the value at step {number}",
        "auc": "the mean over training",
    }.get(kind, at)


def interval_note(analysis: Analysis) -> str:
    """Why an interval may miss zero while the verdict is undecided."""
    if analysis.tests < 2:
        return "An interval that crosses the zero line leaves the direction open."
    kinds = {row.interval.simultaneous for row in analysis.ranking if row.interval}
    if kinds == {True}:
        return "Intervals are simultaneous, as the verdicts are: they hold for all variants of a context together."
    text = f"Intervals stand for one comparison each; the verdicts allow for all {analysis.tests}."
    return text if True not in kinds else f"{text} Those by Dunnett's test are simultaneous and allow for all, too."


def margin_note(plan: PlanRecord) -> str:
    """What the shaded band of the forest plot means."""
    if plan.margin is None:
        return "The grid sets no margin, so nothing is called equivalent."
    return f"Shaded: differences within \u00b1{plan.margin:g}, which the grid calls immaterial."


def unfinished(analysis: Analysis) -> str:
    """A line for a grid that is not finished; nothing otherwise."""
    if not analysis.missing:
        return ""
    ended = analysis.planned - analysis.missing
    return f"{ended} of {analysis.planned} runs have ended: what follows may still change"


def no_failures(analysis: Analysis) -> str:
    """The quiet line in place of an empty table of failures."""
    ended = analysis.planned - analysis.missing
    if not ended:
        return "No run has ended yet."
    every = "all " if not analysis.missing else ""
    return f"None: {every}{ended} runs that ended reached their budget with finite values."


def no_suggestions(analysis: Analysis) -> str:
    """The line in place of an empty list of commands."""
    return "Finish the planned runs first." if analysis.missing else "Nothing to suggest."
