"""The sentences: headline, summary, methods."""

from collections.abc import Sequence

import numpy as np
import scipy
import statsmodels

from ._selection import selection_methods, selection_summary
from ._study import Study
from ._words import interval_text, listed, number, p_value, percent, plural
from .compare import MIN_SEEDS
from .effects import BOOTSTRAP_SEEDS, PERMUTATION_SEEDS
from .ranking import TOP
from .types import ClaimResult, Confirmed, Ranked, Verdict


def headline(study: Study) -> str:
    """The verdict on the first context, in one sentence."""
    return _sentence(study, study.plan.contexts[0]) if study.plan.contexts else "Nothing was planned."


def summary(study: Study, claims: Sequence[ClaimResult]) -> tuple[str, ...]:
    """What else belongs on the first screen."""
    rows, plan = study.ranking, study.plan
    found = [_sentence(study, context) for context in plan.contexts[1:]]
    found += selection_summary(study)
    done = sum(row.done for row in rows)
    if 0 < done < len(plan.runs):
        found.append(f"{done} of {plural(len(plan.runs), 'planned run')} have a score so far.")
    unstable = [study.where(row) for row in rows if row.diverged]
    if unstable:
        found.append(f"Diverged in at least one seed: {listed(unstable, 6)}.")
    if study.noise_sd is not None:
        text = f"Seed noise of a paired difference: sd {_amount(study, study.noise_sd)}"
        if study.smallest_detectable is not None:
            text += f"; an improvement of {_amount(study, study.smallest_detectable)} would be found with 80 % power"
        found.append(text + ".")
    if claims:
        counts = [(word, sum(claim.verdict == word for claim in claims)) for word in ("supported", "refuted")]
        counts.append(("undecided", len(claims) - sum(count for _, count in counts)))
        found.append(f"Claims: {', '.join(f'{count} {word}' for word, count in counts if count)}.")
    if any(len(_scored(study.rows(context))) > TOP for context in plan.contexts):
        found.append(f"Rank intervals are among the {TOP} best means; the others are {TOP + 1}+, untested for rank.")
    return tuple(found)


def _sentence(study: Study, context: str) -> str:
    rows = study.rows(context)
    prefix = f"{context}: " if len(study.plan.contexts) > 1 else ""
    if study.confirmation is not None and context in study.confirmation.used:
        return prefix + _confirmed(study, study.confirmation.inside(context))
    return prefix + _verdict(study, rows)


def _confirmed(study: Study, rows: Sequence[Confirmed]) -> str:
    """The verdict of the fresh seeds, with what the screening said."""
    better = [row for row in rows if row.fresh.verdict == "better"]
    lead = max(better, key=lambda row: row.fresh.improvement or 0.0) if better else rows[0]
    who, row = lead.fresh.variant, lead.fresh
    if row.improvement is None:
        text = f"{who} is not confirmed: no fresh seed finished on both sides"
    elif better:
        text = f"{who} beats {study.base} by {_evidence(study, row, fresh=True)}, confirmed"
    elif row.verdict == "worse":
        text = f"{who} is not confirmed: it is worse than {study.base} by {_evidence(study, row, fresh=True)}"
    else:
        evidence = _evidence(study, row, fresh=True, signed=True)
        text = f"{who} is not confirmed: its improvement over {study.base} is {evidence}, {row.words}"
    if lead.screening is not None and lead.screening.improvement is not None:
        text += f"; the screening said {_evidence(study, lead.screening, signed=True, named=False)}"
    counts = [(text, sum(one.fresh.verdict == word for one in rows)) for word, text in _WORDS.items()]
    parts = [f"{count} {word.format(makes='make')}" for word, count in counts if count]
    return _join(text, [f"of {len(rows)} chosen, {listed(parts, len(parts))}"] if len(rows) > 1 else [])


def _verdict(study: Study, rows: Sequence[Ranked]) -> str:
    base = next((row for row in rows if row.verdict == "baseline"), None)
    others = [row for row in rows if row.verdict != "baseline"]
    if not any(row.mean is not None for row in rows):
        ended = sum(row.diverged + row.failed for row in rows)
        return f"Nothing to compare: {ended} runs ended, none with a score." if ended else "No run has finished yet."
    if base is None or base.mean is None:
        return f"Nothing can be compared: the baseline {study.base} has no score."
    if not others:
        spread = "" if base.sd is None else f", sd {number(base.sd)}"
        return f"Only the baseline was planned: {study.plan.metric.name} {number(base.mean)}{spread} (n={base.n})."
    by = {word: [row for row in others if row.verdict == word] for word in _WORDS}
    if by["better"]:
        lead = by["better"][0]
        return _join(f"{lead.variant} beats {study.base} by {_evidence(study, lead)}", _tail(study, rows, by, {lead}))
    settled = not (by["undecided"] or by["leaning"] or by["not tested"] or by["unstable"])
    none = f"No variant {'beats' if settled else 'is shown to beat'} {study.base}"
    if by["worse"]:
        lead = max(by["worse"], key=lambda row: abs(row.improvement or 0.0))
        if len(others) == 1:
            return f"{lead.variant} is worse than {study.base} by {_evidence(study, lead)}."
        text = f"{none}; {len(by['worse'])} of {len(others)} are worse"
        text += f", most of all {lead.variant} by {_evidence(study, lead)}"
        return _join(text, _tail(study, rows, by, set(by["worse"])))
    if by["equivalent"]:
        margin = f"±{study.plan.margin:g}" if study.plan.margin is not None else ""
        if len(by["equivalent"]) == len(others):
            who = others[0].variant if len(others) == 1 else f"All {len(others)} variants"
            makes = "makes" if len(others) == 1 else "make"
            return f"{who} {makes} no material difference to {study.base} ({margin})."
        return _join(none, _tail(study, rows, by, set()))
    return _nothing_decided(study, others, by)


def _nothing_decided(study: Study, others: Sequence[Ranked], by: dict[Verdict, list[Ranked]]) -> str:
    if len(by["unstable"]) == len(others):
        return f"Every variant is unstable: runs diverged; nothing can be said against {study.base}."
    n = max(row.n for row in others)
    if n <= 1:
        reason = "with one seed a difference cannot be told from seed noise" if n else "no seed finished on both sides"
        return f"Nothing is decided: {reason}; a verdict needs {MIN_SEEDS} seeds or more."
    if n < MIN_SEEDS:
        leaning = f" ({len(by['leaning'])} of {plural(len(others), 'variant')} lean)" if by["leaning"] else ""
        return f"Nothing is decided: 2 seeds allow no test{leaning}; a verdict needs {MIN_SEEDS} seeds or more."
    who = f"{others[0].variant} does not differ" if len(others) == 1 else f"none of {len(others)} variants differs"
    text = f"Nothing is decided: {who} from {study.base} beyond the seed noise (n={n} {_kind(others)})"
    nearest = min((row for row in others if row.more_seeds), key=lambda row: row.more_seeds or 0, default=None)
    if nearest is not None:
        text += f"; about {plural(nearest.more_seeds or 0, 'more seed')} would decide {nearest.variant}"
        text += f" with 80 % power, if its difference is the {number(abs(nearest.improvement or 0.0))} seen"
    return _join(text, _tail(study, [], by, set(by["undecided"])))


def _kind(rows: Sequence[Ranked]) -> str:
    """``paired seeds, Holm``; what the rows have in common."""
    tested = [row for row in rows if row.p_adjusted is not None]
    pairing = "unpaired " if tested and not any(row.paired for row in tested) else ""
    pairing = "paired " if all(row.paired for row in tested) else pairing
    tests = {"Dunnett" if row.test == "Dunnett" else "Holm" for row in tested}
    return f"{pairing}seeds, {' and '.join(sorted(tests, reverse=True)) or 'Holm'}"


def _evidence(study: Study, row: Ranked, *, fresh: bool = False, signed: bool = False, named: bool = True) -> str:
    """An improvement with its interval, n and p; its size alone unless `signed`."""
    improvement, interval = row.improvement or 0.0, row.interval
    if interval is not None and improvement < 0 and not signed:
        interval = type(interval)(-interval.high, -interval.low, interval.level)
    amount = _amount(study, improvement if signed else abs(improvement))
    parts = [] if interval is None else [interval_text(interval)]
    parts.append(f"n={row.n} {'fresh ' if fresh else ''}{'paired' if row.paired else 'unpaired'} seeds")
    if row.p_adjusted is not None:
        test = "Dunnett" if row.test == "Dunnett" else "Holm"
        parts.append(f"{test} {p_value(row.p_adjusted)}{', noise shared by all variants' if row.shared else ''}")
    return f"{amount}{f' in {study.plan.metric.name}' if named else ''} ({', '.join(parts)})"


def _amount(study: Study, value: float) -> str:
    unit = study.plan.metric.unit
    return number(value) if unit in ("", "dimensionless") else f"{number(value)} {unit}"


def _tail(study: Study, rows: Sequence[Ranked], by: dict[Verdict, list[Ranked]], said: set[Ranked]) -> list[str]:
    """The rest of the field, in counts; without the rows that were already spoken of."""
    scored = _scored(rows)
    possible = sum(row.could_be_best for row in scored)
    found = []
    if possible and len(scored) > 2:
        found.append(f"{possible} of {len(scored)} could be best")
    for word, text in _WORDS.items():
        count = len(set(by[word]) - said)
        if count:
            makes = "makes" if count == 1 else "make"
            more = " more" if word == "better" else ""
            margin = f" (±{study.plan.margin:g})" if word == "equivalent" and study.plan.margin is not None else ""
            found.append(f"{count}{more} {text.format(makes=makes)}{margin}")
    return found


_WORDS: dict[Verdict, str] = {
    "better": "better",
    "equivalent": "{makes} no material difference",
    "worse": "worse",
    "leaning": "leaning",
    "undecided": "undecided",
    "unstable": "unstable",
    "not tested": "not tested",
}


def _join(text: str, tail: Sequence[str]) -> str:
    return "; ".join([text, *tail]) + "."


def _scored(rows: Sequence[Ranked]) -> list[Ranked]:
    return [row for row in rows if row.mean is not None]


def methods(study: Study) -> str:
    """Which tests were made on this grid, and why."""
    plan, alpha = study.plan, study.plan.report.alpha
    metric = plan.metric
    effects = [study.effects[row.variant, row.context] for row in study.ranking if row.verdict != "baseline"]
    tested = [effect.comparison for effect in effects if effect.p is not None]
    better = "smaller" if metric.goal == "minimize" else "larger"
    several = len(plan.contexts) > 1
    at, *argument = metric.at.split(":")
    text = [
        f"The score of a run is its {metric.name} ({_READ.get(at, at).format(*argument)}), "
        f"read at the run's planned budget; {better} is better, and an improvement is positive where the variant is "
        f"better than the baseline ({study.base}) of the same context. Every variant is compared with that baseline"
        f"{' seed by seed' if any(effect.comparison.paired for effect in effects) or not tested else ''}."
    ]
    joint = [effect.comparison for effect in effects if effect.test == "Dunnett"]
    if joint:
        text.append(
            f"As the grid asks (noise: shared), {plural(len(joint), 'variant')} that share no seeds with the baseline "
            f"are tested by Dunnett's test (n={_range([item.n for item in joint])}, marked unpaired): one standard "
            "deviation, pooled over all variants, stands behind every difference. No variant's sum of squares is above "
            "the 99 % bound of chi squared, relative to the median one, and scores of one seed do not move together. "
            f"The intervals are simultaneous, at {percent(1 - alpha)} for all variants of a context together, and the "
            "p values of the verdicts allow for all of them, so they are not corrected again; both are integrated by "
            "seeded quasi-Monte Carlo."
        )
    sharing = [effect.comparison for effect in effects if effect.shared and effect.comparison.paired]
    if sharing:
        text.append(
            f"As the grid asks (noise: shared), {plural(len(sharing), 'difference')} are contrasts of a model with the "
            f"effects variant and seed, whose residual noise all variants share (n={_range([i.n for i in sharing])}); "
            "no variant's residual sum of squares is above the 99 % bound of chi squared, relative to the median one. "
            "Intervals, p values and equivalence rest on that noise; a variant that lacks a seed of the baseline, and "
            "rank intervals, on the own noise of the variants."
        )
    own = [effect.comparison for effect in effects if effect.p is not None and not effect.shared]
    paired = [item for item in own if item.paired and item.shape == "varied"]
    if paired:
        text.append(
            f"Intervals are {percent(1 - alpha)} t intervals of the mean paired difference, and p values are two-sided "
            f"paired t tests (n={_range([item.n for item in paired])}): they keep their error rates at a few seeds, "
            "where bootstrap intervals are too short, and pairing removes what the seeds have in common."
        )
    elif not sharing and not joint and any(effect.comparison.interval for effect in effects):
        text.append(f"Intervals are {percent(1 - alpha)} t intervals; no test is made below {MIN_SEEDS} seeds.")
    welch = [effect for effect in effects if effect.test == "Welch"]
    if welch:
        text.append(f"{plural(len(welch), 'variant')} with fewer than 2 common seeds: Welch's t test, marked unpaired.")
    if len(tested) > len(joint):
        text.append(
            f"{'Other p values' if joint else 'p values'} are Holm-adjusted over the "
            f"{plural(study.tests, 'comparison')} of a context (a comparison that could not be tested counts as p=1); "
            f"better and worse mean adjusted p<{alpha:g}. "
            f"{'Each context is a family of its own. ' if several else ''}{'Their' if joint else 'The'} intervals "
            "are not adjusted. The p values hold for a number of seeds that was fixed beforehand."
        )
    elif tested:
        text.append(
            f"Better and worse mean p<{alpha:g}. {'Each context is a family of its own. ' if several else ''}The p "
            "values hold for a number of seeds that was fixed beforehand."
        )
    if study.looks:
        text.append(
            f"Seeds were added after {plural(len(study.looks), 'report')} had shown tests on fewer, so everything here "
            f"is at the level of look {len(study.looks) + 1}, {study.declared_alpha:g} / (k (k + 1)) = {alpha:.3g}."
        )
    if any(item.shape != "varied" for item in tested):
        text.append(
            "Where a difference was the same in every seed there is no noise to test against: p is that of the exact "
            "sign-flip test, and there is no interval."
        )
    if plan.margin is not None:
        text.append(
            f"No material difference means that two one-sided t tests at {alpha:g} place the mean difference inside "
            f"±{plan.margin:g} (not adjusted for the number of variants)."
        )
    else:
        text.append("No margin is set, so nothing is called equivalent.")
    if any(effect.flip_p is not None for effect in effects):
        text.append(f"From {PERMUTATION_SEEDS} seeds on, verdicts are cross-checked by the sign-flip permutation test")
        text[-1] += (
            f", and from {BOOTSTRAP_SEEDS} on by Wilcoxon's signed-rank test and a BCa bootstrap interval; a "
            "disagreement is flagged. Shares of seeds have Wilson intervals."
            if any(effect.bootstrap is not None for effect in effects)
            else "; a disagreement is flagged."
        )
    if any(effect.beyond_noise is not None for effect in effects):
        text.append(
            "A variant with a single score is only compared with the baseline's noise floor, t·s·√(1 + 1/n) at "
            f"{alpha:g} divided by the number of variants; that is no test."
        )
    ranked = [row for row in study.ranking if row.rank_low is not None]
    if ranked and tested:
        over = max(len(_scored(study.rows(context))) for context in plan.contexts)
        limit = f" among the {TOP} best means" if over > TOP else ""
        unpaired = " (Welch's for those with fewer than 2 common seeds)" if welch else ""
        text.append(
            f"Rank intervals count the variants that are significantly better or worse, by paired t tests of all pairs"
            f"{unpaired}{limit}, Holm-adjusted over the pairs, together with the verdicts against the baseline; a "
            "variant could be best if none is significantly better and none of its runs diverged."
        )
    if any(effect.diverged for effect in effects):
        text.append(
            "A variant with a diverged run is called unstable and gets no p value, because the scores of its "
            "surviving runs are a biased sample."
        )
    if any(row.more_seeds for row in study.ranking):
        text.append(
            "Numbers of further seeds give 80 % power at the Holm level, if the true effect is the one seen and the "
            "noise is the larger of the variant's own and the median one; they are rough."
        )
    text += selection_methods(study)
    text.append(
        f"Computed with SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}, NumPy {np.__version__}."
    )
    return " ".join(text)


_READ = {
    "last": "its last recorded value",
    "best": "its best recorded value",
    "mean_last": "the mean of its last {} recorded values",
    "step": "its value at step {}",
    "auc": "its mean over training, as the area under the curve divided by the steps",
}


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
