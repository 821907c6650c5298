"""Claims that were written before the run, judged after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import stats

from ablate.store.schema import PlanRecord

from ._order import judge_order
from ._table import Floats, ScoreTable
from ._words import interval_text, listed, number, p_value, percent, plural
from .compare import MIN_SEEDS, Comparison, compare
from .types import ClaimResult, ClaimVerdict


@dataclass(frozen=True, slots=True)
class Finding:
    """What one context says about a claim."""

    verdict: ClaimVerdict
    evidence: str


@dataclass(frozen=True, slots=True)
class ThresholdTest:
    """One-sample t test of scores against a value."""

    n: int
    mean: float
    sd: float
    t: float
    p: float
    """One-sided: how often a mean this far on that side would arise if the true mean were the value."""
    bound: float
    """One-sided confidence bound of the true mean, at the level `alpha` was given for."""


def threshold_test(
    scores: Floats, value: float, *, side: Literal["below", "above"], alpha: float = 0.05
) -> ThresholdTest:
    """Whether a true mean score lies below (or above) a value: ``scipy.stats.ttest_1samp``, one-sided.

    Args:
        scores: At least two scores that are not all equal; NaN where a run has none.
        value: The threshold, in metric units.
        side: What is to be shown.
        alpha: One minus the level of `bound`.
    """
    known = scores[np.isfinite(scores)]
    result = stats.ttest_1samp(known, value, alternative="less" if side == "below" else "greater")
    bounds = result.confidence_interval(1 - alpha)
    return ThresholdTest(
        n=len(known),
        mean=float(known.mean()),
        sd=float(known.std(ddof=1)),
        t=float(result.statistic),
        p=float(result.pvalue),
        bound=float(bounds.high if side == "below" else bounds.low),
    )


def judge_claims(plan: PlanRecord, scores: pl.DataFrame) -> tuple[ClaimResult, ...]:
    """Judge each claim of the plan, in every context.

    A claim is supported if it is in every context, refuted if it is in any, else undecided. The tests are those of
    the ranking at the grid's alpha, from three seeds on; they are not adjusted for the number of claims, because each
    was written down beforehand, and the evidence says so.

    Args:
        plan: With the claims, in which variants stand by their labels.
        scores: Schema `SCORES`.
    """
    table = ScoreTable.of(scores)
    results = []
    for claim in plan.claims:
        findings = [_judge(plan, table, claim, context) for context in plan.contexts]
        verdicts = [finding.verdict for finding in findings]
        verdict: ClaimVerdict = "undecided"
        if "refuted" in verdicts:
            verdict = "refuted"
        elif verdicts and all(one == "supported" for one in verdicts):
            verdict = "supported"
        parts = [
            f"{context}: {finding.evidence}" if len(plan.contexts) > 1 else finding.evidence
            for context, finding in zip(plan.contexts, findings, strict=True)
        ]
        results.append(ClaimResult(claim_text(plan, claim), verdict, "; ".join(parts)))
    return tuple(results)


def claim_text(plan: PlanRecord, claim: Mapping[str, Any]) -> str:
    """A claim as a sentence."""
    if "order" in claim:
        return f"best to worst: {', '.join(claim['order'])} (rank correlation at least {_threshold(claim):g})"
    that, relation = claim["that"], claim["is"]
    if relation in ("below", "above"):
        return f"{that} is {relation} {claim['value']}"
    if relation == "equivalent":
        margin = _margin(plan, claim)
        within = "" if margin is None else f" within ±{margin:g}"
        return f"{that} is equivalent to {_other(claim)}{within}"
    return f"{that} is {relation} than {_other(claim)}"


def _judge(plan: PlanRecord, table: ScoreTable, claim: Mapping[str, Any], context: str) -> Finding:
    order = claim.get("order")
    names = order or [claim["that"], *([] if "value" in claim else [_other(claim)])]
    unknown = [str(name) for name in names if name not in table.variants]
    if unknown or context not in table.contexts:
        return Finding("undecided", f"nothing was planned for {listed(unknown or [context])}")
    if order:
        rows = np.array([table.row(context, name) for name in order])
        verdict, evidence = judge_order(order, rows, _threshold(claim), goal=plan.metric.goal, alpha=plan.report.alpha)
        lost = _diverged(table, context, *order)
        return _mind_divergence(verdict, evidence, lost, lost)
    if "value" in claim:
        return _judge_threshold(plan, table, claim, context)
    return _judge_difference(plan, table, claim, context)


def _judge_threshold(plan: PlanRecord, table: ScoreTable, claim: Mapping[str, Any], context: str) -> Finding:
    value, alpha = float(claim["value"]), plan.report.alpha
    side: Literal["below", "above"] = claim["is"]
    row = table.row(context, claim["that"])
    known = row[np.isfinite(row)]
    if len(known) < MIN_SEEDS:
        return Finding("undecided", f"{plural(len(known), 'finished seed')}; {MIN_SEEDS} are needed")
    if np.ptp(known) <= 64 * np.finfo(np.float64).eps * np.abs(known).max():
        return Finding("undecided", f"every seed gives {_digits(known[0], value)}; nothing varies, so there is no test")
    opposite: Literal["below", "above"] = "above" if side == "below" else "below"
    test = threshold_test(known, value, side=side, alpha=alpha)
    against = threshold_test(known, value, side=opposite, alpha=alpha)
    verdict: ClaimVerdict = "supported" if test.p < alpha else "refuted" if against.p < alpha else "undecided"
    shown, shown_side = (against, opposite) if verdict == "refuted" else (test, side)
    bound = "upper" if shown_side == "below" else "lower"
    evidence = (
        f"mean {_digits(shown.mean, value)}, sd {number(shown.sd)}, n={shown.n}, one-sided t={shown.t:.2f}, "
        f"{p_value(shown.p)} (how often a mean this far {shown_side} {value:g} would arise if the true mean were "
        f"{value:g}); one-sided {percent(1 - alpha)} {bound} bound {_digits(shown.bound, value)}"
    )
    lost = _diverged(table, context, claim["that"])
    return _mind_divergence(verdict, evidence, lost, lost)


def _judge_difference(plan: PlanRecord, table: ScoreTable, claim: Mapping[str, Any], context: str) -> Finding:
    that, other, relation = claim["that"], _other(claim), claim["is"]
    alpha, margin = plan.report.alpha, _margin(plan, claim)
    rows = table.row(context, that), table.row(context, other)
    (item,) = compare(*rows, goal=plan.metric.goal, alpha=alpha, margin=margin)
    if item.n < MIN_SEEDS or item.improvement is None:
        return Finding("undecided", f"{plural(item.n, 'seed')} to compare; {MIN_SEEDS} are needed")
    found = "better" if item.improvement > 0 else "worse"
    decided = item.p is not None and item.p < alpha
    inside = _inside(item, margin, alpha)
    verdict: ClaimVerdict = "undecided"
    if relation == "equivalent":
        if inside:
            verdict = "supported"
        elif margin is not None and _outside(item, margin):
            verdict = "refuted"
    elif decided:
        verdict = "supported" if found == relation else "refuted"
    elif inside:
        verdict = "refuted"
    evidence = _difference_text(item, found, margin, relation, inside=inside)
    lost = [_diverged(table, context, name) for name in (that, other)]
    decisive = sum(lost)
    if relation != "equivalent" and decided:
        decisive = lost[0] if found == "better" else lost[1]
    return _mind_divergence(verdict, evidence, decisive, sum(lost))


def _difference_text(item: Comparison, found: str, margin: float | None, relation: str, *, inside: bool) -> str:
    seeds = f"{item.n} paired seeds" if item.paired else f"unpaired (Welch), {item.n} seeds in the smaller group"
    size = number(abs(item.improvement or 0.0))
    if item.shape == "identical":
        text = f"identical scores in all {item.n} seeds"
    elif item.interval is None:
        text = f"{found} by exactly {size} in every seed ({seeds}); no noise to test against"
        text += "" if item.p is None else f", sign-flip {p_value(item.p)}"
    else:
        text = f"{found} by {size} (improvement {interval_text(item.interval)}; {seeds}"
        text += "" if item.p is None else f"; {p_value(item.p)}, not adjusted for other tests"
        text += ")"
    if item.equivalence_p is not None and relation == "equivalent":
        text += f"; two one-sided tests against ±{margin:g}: {p_value(item.equivalence_p)}"
    elif inside and margin is not None:
        text += f"; inside the margin of ±{margin:g}"
    return text


def _inside(item: Comparison, margin: float | None, alpha: float) -> bool:
    if margin is None or item.improvement is None:
        return False
    if item.equivalence_p is not None:
        return item.equivalence_p < alpha
    return item.shape != "varied" and item.paired and abs(item.improvement) < margin


def _outside(item: Comparison, margin: float) -> bool:
    """Whether the whole interval lies beyond the margin, on one side."""
    if item.interval is None:
        return False
    return item.interval.low > margin or item.interval.high < -margin


def _mind_divergence(verdict: ClaimVerdict, evidence: str, decisive: int, lost: int) -> Finding:
    """A side that lost runs has only its survivors' scores, which cannot show that it is better, or equal."""
    if lost:
        evidence += f"; {plural(lost, 'run')} diverged, without a score"
    return Finding("undecided" if decisive else verdict, evidence)


def _diverged(table: ScoreTable, context: str, *variants: str) -> int:
    place = table.contexts.index(context)
    return int(sum(table.diverged[place, table.variants.index(variant)] for variant in variants))


def _other(claim: Mapping[str, Any]) -> str:
    return str(claim["than"] if "than" in claim else claim["to"])


def _margin(plan: PlanRecord, claim: Mapping[str, Any]) -> float | None:
    margin = claim.get("margin", plan.margin)
    return None if margin is None else float(margin)


def _threshold(claim: Mapping[str, Any]) -> float:
    return float(claim["rank_correlation"])


def _digits(value: float, near: float) -> str:
    """Enough digits to tell a value from one that is near it."""
    gap = abs(value - near)
    if gap == 0:
        return f"{value:.6g}"
    return f"{value:.{int(np.clip(np.ceil(np.log10(max(abs(value), gap) / gap)) + 3, 4, 15))}g}"
