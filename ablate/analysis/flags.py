"""What a careful reader must know before trusting the ranking."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from ._dunnett import MOST, UnpairedNoise, unpaired_noise
from ._edges import edge_flags
from ._fairness import provenance_flags, size_flags
from ._selection import selection_flags
from ._study import Curve, Study
from ._words import interval_text, listed, number, p_value, plural
from .compare import MIN_SEEDS
from .shared import FEWEST, shared_noise
from .types import Flag, Ranked

LATE_POINTS = 10


def flags(study: Study) -> tuple[Flag, ...]:
    """Every flag that the plan, the runs and the series allow, with the section of its evidence; warnings first."""
    found = [replace(flag, section=flag.section or section) for check, section in _CHECKS for flag in check(study)]
    order = {"warning": 0, "note": 1, "good": 2}
    return tuple(sorted(found, key=lambda flag: order[flag.level]))


def _runs(study: Study) -> Iterator[Flag]:
    planned, rows = len(study.plan.runs), study.ranking
    diverged, failed, missing = (sum(getattr(row, name) for row in rows) for name in ("diverged", "failed", "missing"))
    if planned and not diverged + failed + missing:
        yield Flag("good", "Every planned run finished", plural(planned, "run"))
    if missing:
        detail = f"{missing} of {plural(planned, 'run')} have no result yet; everything below rests on the others"
        yield Flag("warning", "Runs are missing", detail, "next")
    if failed:
        yield Flag("warning", "Runs failed", f"{plural(failed, 'run')}: {_where(study, 'failed')}; see the failures")
    if diverged:
        detail = f"{plural(diverged, 'run')}: {_where(study, 'diverged')}; a diverged run has no score"
        yield Flag("warning", "Runs diverged", detail)
    silent = study.scores.filter((pl.col("status") == "done") & (pl.col("outcome") == "missing"))
    if silent.height:
        metric = study.plan.metric
        detail = f"{plural(silent.height, 'finished run')} without a value of {metric.name} at {metric.at}"
        yield Flag("warning", "Metric not recorded", detail)


def _where(study: Study, count: str) -> str:
    return listed([f"{study.where(row)} {getattr(row, count)}" for row in study.ranking if getattr(row, count)])


def _baseline(study: Study) -> Iterator[Flag]:
    for row in study.ranking:
        if row.verdict != "baseline":
            continue
        inside = f" in {row.context}" if len(study.plan.contexts) > 1 else ""
        if row.mean is None and any(other.mean is not None for other in study.rows(row.context)):
            yield Flag("warning", f"The baseline has no score{inside}", "nothing can be compared with it")
        elif row.diverged:
            detail = f"{row.diverged} of its runs diverged; comparisons use the seeds that it finished"
            yield Flag("warning", f"The baseline is unstable{inside}", detail)


def _seeds(study: Study) -> Iterator[Flag]:
    counts = {row.done for row in study.ranking if row.done}
    if not counts:
        return
    if max(counts) < MIN_SEEDS:
        detail = f"{plural(max(counts), 'seed')} per variant at most: no test is made below {MIN_SEEDS} seeds"
        yield Flag("warning", "Too few seeds for a verdict", detail)
    if len(counts) > 1:
        detail = f"between {min(counts)} and {max(counts)} finished seeds; each comparison uses the common ones"
        yield Flag("note", "Unequal seeds", f"{detail}, but the means in the table do not")
    unpaired = [study.where(row) for row in study.ranking if not row.paired and row.n >= 2]
    if unpaired:
        yield Flag("warning", "Unpaired comparisons", f"fewer than 2 seeds in common with the base: {listed(unpaired)}")
    if study.seed_correlation is not None and study.pairing_gain is not None:
        correlation = f"scores of the same seed correlate with the baseline's by {study.seed_correlation:.2f}"
        if study.pairing_gain >= 1.1:
            more = f"without pairing, about {study.pairing_gain:.2g} times as many seeds would be needed"
            yield Flag("good", "Pairing by seed helps", f"{correlation}; {more}")
        else:
            yield Flag("note", "Pairing by seed gains little here", correlation)


def _looks(study: Study) -> Iterator[Flag]:
    """Seeds that were added after a report had shown what fewer say."""
    if study.looks:
        detail = (
            f"reports on {listed([str(count) for count in study.looks], len(study.looks))} seeds came before; adding "
            f"seeds until something is found makes false findings more likely, so this one, look "
            f"{len(study.looks) + 1}, has tests and intervals at {study.plan.report.alpha:.3g} instead of "
            f"{study.declared_alpha:g}"
        )
        yield Flag("note", "Seeds were added after a look", detail)


def _improving(study: Study) -> Iterator[Flag]:
    yardstick = study.plan.margin if study.plan.margin is not None else study.noise_sd
    if not yardstick:
        return
    sign = 1.0 if study.plan.metric.goal == "minimize" else -1.0
    gains: dict[str, float] = {}
    for row in study.ranking:
        each = [sign * gain for seed in row.seeds if (gain := _late_gain(_curve(study, row, seed.seed))) is not None]
        if each and min(each) > 0 and float(np.mean(each)) > yardstick:
            gains[study.where(row)] = float(np.mean(each))
    if gains:
        worst = max(gains, key=lambda name: gains[name])
        what = "the margin" if study.plan.margin is not None else "the seed noise"
        detail = (
            f"over the last tenth of training {plural(len(gains), 'variant')} ({listed(list(gains))}) gained more than "
            f"{what} ({number(yardstick)}), {worst} {number(gains[worst])}: a longer budget may change the ranking"
        )
        yield Flag("note", "Still improving at the end", detail)


def _curve(study: Study, row: Ranked, seed: int) -> Curve | None:
    return study.curves.get((row.variant, row.context, seed))


def _late_gain(curve: Curve | None) -> float | None:
    """Fall of the metric from the last tenth but one of the budget to the last tenth."""
    if curve is None or len(curve.steps) < 10:
        return None
    last = curve.values[curve.steps > 0.9 * curve.budget]
    before = curve.values[(curve.steps > 0.8 * curve.budget) & (curve.steps <= 0.9 * curve.budget)]
    if not last.size or not before.size or not np.isfinite(last).all() or not np.isfinite(before).all():
        return None
    return float(before.mean() - last.mean())


def _late_noise(study: Study) -> Iterator[Flag]:
    if study.plan.metric.at.partition(":")[0] in ("mean_last", "auc"):
        return
    found = []
    for row in study.ranking:
        if row.verdict in ("better", "worse") and row.improvement is not None:
            each = [wiggle for seed in row.seeds if (wiggle := _wiggle(_curve(study, row, seed.seed))) is not None]
            if each and float(np.median(each)) > abs(row.improvement):
                found.append(study.where(row))
    if found:
        detail = (
            f"from one recorded step to the next the metric of {listed(found)} moves by more than its difference from "
            f"the baseline; a score such as mean_last:{LATE_POINTS} would be steadier"
        )
        yield Flag("note", "Late noise larger than the difference", detail)


def _wiggle(curve: Curve | None) -> float | None:
    """Standard deviation of the last recorded values about their trend: of their steps, over the root of 2."""
    if curve is None or len(curve.values) < 4 or not np.isfinite(curve.values[-LATE_POINTS:]).all():
        return None
    return float(np.diff(curve.values[-LATE_POINTS:]).std() / np.sqrt(2))


def _duplicates(study: Study) -> Iterator[Flag]:
    groups: dict[tuple[str, frozenset[tuple[int, bytes]]], list[str]] = defaultdict(list)
    constant = []
    for row in study.ranking:
        curves = {seed.seed: _curve(study, row, seed.seed) for seed in row.seeds if seed.score is not None}
        prints = {
            seed: curve.steps.tobytes() + curve.values.tobytes() for seed, curve in curves.items() if curve is not None
        }
        if prints:
            groups[row.context, frozenset(prints.items())].append(study.where(row))
        if len(prints) > 1 and len(set(prints.values())) == 1:
            constant.append(study.where(row))
    same = [" = ".join(names) for names in groups.values() if len(names) > 1]
    if same:
        detail = (
            f"identical {study.plan.metric.name} in every seed: {listed(same)}; the change may have no effect at all"
        )
        yield Flag("warning", "Duplicated results", detail)
    if constant:
        detail = f"every seed gave the same {study.plan.metric.name}: {listed(constant)}; the seed may change nothing"
        yield Flag("warning", "Seeds without effect", detail)


def _cross_checks(study: Study) -> Iterator[Flag]:
    alpha = study.plan.report.alpha
    flipped, missed, bootstrapped, unranked = [], [], [], []
    for row in study.ranking:
        effect = study.effects.get((row.variant, row.context))
        if effect is None or effect.p_adjusted is None:
            continue
        decided, interval = effect.p_adjusted < alpha, effect.bootstrap
        if decided and effect.flip_p is not None and effect.flip_p >= alpha:
            flipped.append(f"{study.where(row)} (sign-flip {p_value(effect.flip_p)})")
        if not decided and effect.flip_p is not None and effect.flip_p < effect.level:
            missed.append(f"{study.where(row)} (sign-flip {p_value(effect.flip_p)})")
        if decided and effect.rank_p is not None and effect.rank_p >= alpha:
            unranked.append(f"{study.where(row)} ({p_value(effect.rank_p)})")
        if decided and interval is not None and interval.low <= 0 <= interval.high:
            bootstrapped.append(f"{study.where(row)} (BCa {interval_text(interval)})")
    if flipped or missed:
        detail = "the t test decides, the exact sign-flip test does not" if flipped else ""
        detail += f": {listed(flipped)}" if flipped else ""
        detail += "; " if flipped and missed else ""
        detail += f"the sign-flip test decides, the t test does not: {listed(missed)}" if missed else ""
        yield Flag("warning", "Cross-check disagrees", detail)
    if unranked:
        detail = f"the t test decides, Wilcoxon's signed-rank test does not: {listed(unranked)}"
        yield Flag("warning", "Rank test disagrees", detail)
    if bootstrapped:
        detail = f"the t test decides, but a bootstrap interval holds 0: {listed(bootstrapped)}"
        yield Flag("warning", "Bootstrap interval disagrees", detail)


def _shared(study: Study) -> Iterator[Flag]:
    """Whether the noise that the grid asks to be shared is, and whose is too large for it."""
    if study.plan.report.noise != "shared":
        return
    fits = shared_noise(study.scores, base=study.base)
    apart = unpaired_noise(study.scores, base=study.base)
    for context in study.plan.contexts:
        noise = fits.get(context)
        inside = f" in {context}" if len(study.plan.contexts) > 1 else ""
        if context in apart:
            yield _unpaired(study, apart[context], inside)
        elif noise is None:
            detail = f"it takes {FEWEST} variants with two common seeds{inside}; each is tested by its own noise"
            yield Flag("note", "No noise to share", detail)
        elif not noise.passes:
            detail = (
                f"{noise.noisiest} scatters {np.sqrt(noise.ratio):.2g} times as much as the median variant{inside}, "
                f"more than chance allows ({np.sqrt(noise.bound):.2g}); each variant is tested by its own noise"
            )
            yield Flag("warning", "Noise is not shared", detail)
        else:
            own = {row.variant: row.sd for row in study.rows(context) if row.sd is not None}
            most = max((name for name in noise.variants if name in own), key=lambda name: own[name])
            detail = (
                f"all differences{inside} are tested by one standard deviation, {number(noise.sd)} ({noise.df} "
                f"degrees of freedom); the largest own one is {number(own[most])} ({most}), and a variant that is "
                "truly noisier than the others would be called different too often"
            )
            yield Flag("note", "Noise shared by all variants", detail)


def _unpaired(study: Study, noise: UnpairedNoise, inside: str) -> Flag:
    """The same where no variant shares seeds with the baseline: Dunnett's test, or why not."""
    welch = "Welch's test and Holm's correction stay"
    if noise.problem == "noise":
        detail = (
            f"{noise.noisiest} scatters {np.sqrt(noise.ratio):.2g} times as much as the median variant{inside}, more "
            f"than chance allows ({np.sqrt(noise.bound):.2g}): {welch}"
        )
    elif noise.problem == "seeds":
        detail = (
            f"the variants{inside} share no seeds with the base, but with each other, and their scores of one seed "
            f"move together ({p_value(noise.seeds_p or 0.0)}), which Dunnett's test cannot allow for: {welch}"
        )
    elif noise.problem == "many":
        detail = f"{noise.count} variants{inside} are more than the {MOST} of Dunnett's test: {welch}"
    else:
        detail = (
            f"no variant{inside} shares seeds with the base, so all are tested together, by Dunnett's test and one "
            f"standard deviation of a score, {number(noise.sd)} ({noise.df} degrees of freedom)"
        )
        return Flag("note", "Noise shared by all variants", detail)
    return Flag("warning", "Noise is not shared", detail)


def _read_apart(study: Study) -> Iterator[Flag]:
    if study.plan.metric.at.startswith("step:"):
        return
    for context in study.plan.contexts:
        last = {
            (curve.budget, curve.steps[-1])
            for row in study.rows(context)
            for seed in row.seeds
            if seed.score is not None and (curve := _curve(study, row, seed.seed)) is not None
        }
        budgets = {budget for budget, _ in last}
        if len(last) > len(budgets):
            steps = sorted({int(step) for _, step in last})
            inside = f" ({context})" if len(study.plan.contexts) > 1 else ""
            detail = f"last recorded steps between {steps[0]} and {steps[-1]}{inside}"
            yield Flag("warning", "Scores read at different steps", detail)
        if len(budgets) > 1:
            detail = f"between {min(budgets)} and {max(budgets)} steps"
            yield Flag("warning", "Unequal budgets", detail)


def _cadence(study: Study) -> Iterator[Flag]:
    """Runs of one context that were evaluated at different intervals."""
    metric = study.plan.metric
    for context in study.plan.contexts:
        found: dict[int, list[str]] = defaultdict(list)
        for row in study.rows(context):
            each = (_curve(study, row, seed.seed) for seed in row.seeds)
            for every in {int(np.median(np.diff(one.steps))) for one in each if one is not None and len(one.steps) > 2}:
                found[every].append(study.where(row))
        if len(found) > 1:
            parts = [f"every {every} steps in {listed(names)}" for every, names in sorted(found.items())]
            sensitive = metric.name.startswith("train") or metric.at.partition(":")[0] in ("best", "mean_last", "auc")
            detail = (
                f"{metric.name} is on record {' and '.join(parts)}: a mean since the last evaluation, as train_loss "
                "is, covers different windows"
            )
            if sensitive:
                detail += f"; the score ({metric.name} at {metric.at}) depends on it"
            yield Flag("warning" if sensitive else "note", "Recorded at different intervals", detail)


_CHECKS: tuple[tuple[Callable[[Study], Iterator[Flag]], str], ...] = (
    (_runs, "failures"),
    (_baseline, "failures"),
    (_seeds, "ranking"),
    (_looks, "methods"),
    (selection_flags, "next"),
    (edge_flags, "factors"),
    (_improving, "curves"),
    (_late_noise, "curves"),
    (size_flags, "cost"),
    (_duplicates, "curves"),
    (_cross_checks, "effects"),
    (_shared, "stability"),
    (_read_apart, "curves"),
    (_cadence, "curves"),
    (provenance_flags, "methods"),
)
"""Each with the section of its evidence, where the flag names none itself."""
