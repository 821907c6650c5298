"""From an effect to its word."""

from dataclasses import dataclass

from scipy import stats

from ._words import number, percent, plural
from .compare import MIN_SEEDS, Comparison
from .effects import BOOTSTRAP_SEEDS, Effect
from .types import Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the words for it, and what would decide it."""

    verdict: Verdict
    words: str
    more_seeds: int | None = None


def judge(effect: Effect, *, alpha: float = 0.05, margin: float | None = None, runs: int | None = None) -> Judgement:
    """The verdict on a variant.

    The first that holds of these:

    1. ``unstable``: at least one of its runs diverged.
    2. ``not tested``: fewer than two seeds stand behind the comparison.
    3. At two seeds no test is made: ``leaning`` if both (paired) seeds agree in direction, else ``undecided``. With a
       shared noise there is a test, and ``leaning`` means that the adjusted p value is below `alpha`.
    4. ``better`` or ``worse``: the adjusted p value (Holm's, or that of Dunnett's test) is below `alpha`.
    5. ``equivalent``: a margin is set and both one-sided tests against it reject at `alpha`; or the difference is one
       constant inside the margin, in every seed.
    6. ``undecided``.

    Args:
        effect: The variant against its baseline.
        alpha: Level of the tests.
        margin: Smallest difference that matters, in metric units; without it nothing is called equivalent.
        runs: How many runs the variant has, for the words.
    """
    item = effect.comparison
    if effect.diverged:
        of = f" of {runs} runs" if runs else " runs" if effect.diverged > 1 else " run"
        return Judgement("unstable", f"unstable: {effect.diverged}{of} diverged")
    if item.n < 2:
        return Judgement("not tested", _not_tested(effect), None)
    more = None if effect.needed is None else max(1, effect.needed - item.n)
    if item.n < MIN_SEEDS:
        return _two_seeds_shared(effect, alpha, more) if effect.shared else _two_seeds(item, more)
    improvement = item.improvement or 0.0
    if effect.p_adjusted is not None and effect.p_adjusted < alpha:
        return Judgement("better" if improvement > 0 else "worse", _decided(item, improvement, margin))
    constant_inside = margin is not None and item.shape != "varied" and item.paired and abs(improvement) < margin
    if margin is not None and (constant_inside or (item.equivalence_p is not None and item.equivalence_p < alpha)):
        same = {"identical": ", identical scores in every seed", "constant": ", the same in every seed"}
        return Judgement(
            "equivalent", f"no material difference (±{margin:g}{same.get(item.shape, '')}){_unpaired(item)}"
        )
    if item.shape == "identical":
        return Judgement("undecided", "undecided: identical scores in every seed")
    if item.shape == "constant":
        what = f"differs by exactly {number(abs(improvement))} in every seed" if item.paired else "no seed differs"
        return Judgement("undecided", f"undecided: {what}, so there is no noise to test against")
    hint = f" (about {plural(more, 'more seed')})" if more else ""
    return Judgement("undecided", f"undecided{hint}{_unpaired(item)}", more)


def _not_tested(effect: Effect) -> str:
    if effect.comparison.n == 0:
        return "not tested (no finished pair of runs)"
    if effect.beyond_noise is None:
        return "not tested (1 seed)"
    side = "outside" if effect.beyond_noise else "within"
    return f"not tested (1 seed, {side} the noise floor)"


def _two_seeds(item: Comparison, more: int | None) -> Judgement:
    if item.shape == "identical":
        return Judgement("undecided", "undecided: identical scores in both seeds", more)
    signs = {difference > 0 for difference in item.differences if difference != 0}
    if item.paired and len(signs) == 1 and 0.0 not in item.differences:
        return Judgement("leaning", f"leaning {'better' if True in signs else 'worse'} (2 seeds, no test)", more)
    return Judgement("undecided", f"undecided (2 seeds, no test){_unpaired(item)}", more)


def _two_seeds_shared(effect: Effect, alpha: float, more: int | None) -> Judgement:
    if effect.p_adjusted is not None and effect.p_adjusted < alpha:
        side = "better" if (effect.comparison.improvement or 0.0) > 0 else "worse"
        return Judgement("leaning", f"leaning {side} (2 seeds, shared noise){_unpaired(effect.comparison)}", more)
    return Judgement("undecided", f"undecided (2 seeds, shared noise){_unpaired(effect.comparison)}", more)


def _decided(item: Comparison, improvement: float, margin: float | None) -> str:
    words = "better" if improvement > 0 else "worse"
    if margin is not None and item.interval is not None:
        low, high = sorted((abs(item.interval.low), abs(item.interval.high)))
        if low > margin:
            words += " by more than the margin"
        elif high < margin:
            words += ", but by less than the margin"
    if item.shape == "constant":
        words += " by the same amount in every seed"
    if item.n >= BOOTSTRAP_SEEDS and item.paired:
        wins = sum(difference * improvement > 0 for difference in item.differences)
        reach = stats.binomtest(wins, item.n).proportion_ci(item.interval.level if item.interval else 0.95, "wilson")
        words += (
            f" (in {percent(round(wins / item.n, 3))} of seeds, CI {100 * reach.low:.0f} to {100 * reach.high:.0f} %)"
        )
    return words + _unpaired(item)


def _unpaired(item: Comparison) -> str:
    return "" if item.paired else " (unpaired)"
