"""The section on seeds: residuals of variant and seed, and ranks when the seeds are drawn again."""

from dataclasses import dataclass

from ablate.analysis.evidence import ContextSeeds
from ablate.analysis.types import Analysis
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import forest, heat
from .studies import CONTEXTS, HALF, Drawing, drawing, inside, left_out


@dataclass(frozen=True, slots=True)
class Part:
    """One context."""

    context: str
    words: str
    seeds: tuple[tuple[str, str, str], ...]
    """(seed, its shift, the scatter of its residuals)."""
    residuals: Drawing | None
    residual_note: str
    ranks: Drawing | None
    rank_note: str


@dataclass(frozen=True, slots=True)
class Section:
    """The whole section."""

    lede: str
    parts: tuple[Part, ...]
    more: str

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """All charts."""
        return tuple(one for part in self.parts for one in (part.residuals, part.ranks) if one is not None)


def section(analysis: Analysis, plan: PlanRecord, *, every: bool = False) -> Section | None:
    """What the page shows; None with fewer than two variants or two seeds. `every` context, or the first few."""
    found, limit = analysis.stability, len(plan.contexts) if every else CONTEXTS
    if found is None:
        return None
    lede = (
        "What a seed does to all variants alike, pairing removes. A residual is what is left of a score after its "
        "variant and its seed: a seed or a machine that went wrong stands out. Nothing here is used for verdicts."
    )
    parts = tuple(_part(one, plan, number) for number, one in enumerate(found.contexts[:limit]))
    return Section(lede, parts, left_out(len(found.contexts)))


def _part(found: ContextSeeds, plan: PlanRecord, number: int) -> Part:
    typical = [found.typical] if found.typical else []
    style = numbers.style_for([seed.shift for seed in found.seeds], typical)
    seeds = tuple((str(seed.seed), style.text(seed.shift, sign=True), style.text(seed.sd)) for seed in found.seeds)
    note = ""
    if found.variants > len(found.residuals):
        note = f"The {len(found.residuals)} of {found.variants} variants whose residuals scatter most."
    return Part(
        context=found.context,
        words=found.words,
        seeds=seeds,
        residuals=_residuals(found, plan, style, number),
        residual_note=note,
        ranks=_ranks(found, number),
        rank_note=_rank_note(found),
    )


def _residuals(found: ContextSeeds, plan: PlanRecord, style: numbers.Style, number: int) -> Drawing | None:
    if not found.residuals:
        return None
    columns = [f"seed {seed.seed}" for seed in found.seeds]
    texts = [["" if value is None else style.text(value, sign=True) for value in row.values] for row in found.residuals]
    rows = [row.variant for row in found.residuals]
    data = heat.cells(rows, columns, [row.values for row in found.residuals], texts)
    label = f"Residuals of {plan.metric.name} by variant and seed{inside(found.context)}. {found.words}"
    chart = heat.draw(rows, columns, row="variant", column="seed", value="residual", label=label)
    caption = f"Residuals of {plan.metric.name}; positive is better"
    return drawing(
        f"residuals-{number}",
        chart,
        {"cells": data},
        caption=caption,
        label=label,
        share=HALF,
        columns=len(columns),
        short=_called(rows),
    )


def _called(rows: list[str]) -> dict[str, str]:
    """The label of each row -> its variant."""
    return {label: variant for variant, label in forest.names(rows).items()}


def _rank_note(found: ContextSeeds) -> str:
    if found.ranks:
        some = f"The {len(found.ranks)} best means of {found.ranked}" if found.ranked > len(found.ranks) else ""
        return (
            f"{some + '; share' if some else 'Share'} of {found.draws:,} draws of {found.rank_seeds} seeds with "
            "replacement, from a fixed seed. Not used for verdicts: with few seeds such draws are too sure."
        )
    if found.ranked < 2:
        return "Ranks under other seeds need two variants without a diverged run."
    return f"Ranks under other seeds need 3 seeds that all variants finished; there are {found.rank_seeds}."


def _ranks(found: ContextSeeds, number: int) -> Drawing | None:
    if not found.ranks:
        return None
    count = len(found.ranks[0].shares)
    columns = [str(rank) for rank in range(1, count + 1)]
    if found.ranked > count:
        columns[-1] = f"{count}+"
    texts = [[f"{100 * share:.0f}" if share >= 0.005 else "" for share in row.shares] for row in found.ranks]
    tips = [
        [f"{100 * share:.1f}\u00a0% of the draws; rank {row.low} to {row.high} in 90\u00a0%" for share in row.shares]
        for row in found.ranks
    ]
    rows = [row.variant for row in found.ranks]
    data = heat.cells(rows, columns, [row.shares for row in found.ranks], texts, tips=tips)
    label = f"How often each variant has each rank when the seeds are drawn again{inside(found.context)}, in percent."
    chart = heat.draw(rows, columns, row="variant", column="rank", value="share", label=label)
    return drawing(
        f"ranks-{number}",
        chart,
        {"cells": data},
        caption="Rank when the seeds are drawn again, % of draws",
        label=label,
        share=HALF,
        columns=count,
        short=_called(rows),
    )
