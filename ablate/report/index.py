"""The index: one offline HTML page that leads to the reports of several grids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import prose, theme
from .page import POLICY, asset, environment
from .text import sentence


@dataclass(frozen=True, slots=True)
class Entry:
    """One grid of the index."""

    name: str
    href: str
    """Its report, relative to the index."""
    question: str
    headline: Markup
    facts: tuple[str, ...]


def entry(analysis: Analysis, plan: PlanRecord, href: str) -> Entry:
    """What the index says about a grid."""
    variants = {row.variant for row in analysis.ranking}
    base = next((row.variant for row in analysis.ranking if row.verdict == "baseline"), "")
    ended = analysis.planned - analysis.missing
    supported = sum(claim.verdict == "supported" for claim in analysis.claims)
    claims = f"{supported} of {len(analysis.claims)} claims supported" if analysis.claims else ""
    facts = (f"{len(variants)} variants", f"{ended} of {analysis.planned} runs ended", claims)
    headline = sentence(analysis.headline, variants, base)
    return Entry(plan.name, href, plan.question, headline, tuple(filter(None, facts)))


def render_index(entries: Sequence[Entry], *, generated: datetime) -> str:
    """The page as HTML text. The same input gives the same bytes."""
    values = {
        "policy": POLICY,
        "style": Markup(theme.css() + asset("page.css") + asset("index.css")),
        "entries": entries,
        "generated": prose.stamp(generated),
    }
    return environment().get_template("index.html.jinja").render(values)
