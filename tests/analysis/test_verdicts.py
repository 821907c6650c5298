"""Words for effects, rule by rule."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ablate.analysis import Judgement, effects, judge
from ablate.testing.synthetic import synthetic_scores

NAN = float("nan")
BASE = [1.0, 1.1, 1.2]


def verdict(ours: list[float], base: list[float] = BASE, margin: float | None = None) -> Judgement:
    (effect,) = effects(synthetic_scores([base, ours]), base="base", margin=margin)
    return judge(effect, margin=margin, runs=len(base))


@pytest.mark.parametrize(
    ("ours", "margin", "expected", "said"),
    [
        ([0.5, 0.61, 0.69], None, "better", "better"),
        ([1.5, 1.61, 1.69], None, "worse", "worse"),
        ([0.5, 0.61, 0.69], 0.1, "better", "better by more than the margin"),
        ([0.98, 1.081, 1.179], 0.1, "better", "better, but by less than the margin"),
        ([0.95, 1.055, 1.149], 0.05, "better", "better"),
        ([1.001, 1.099, 1.2], 0.05, "equivalent", "no material difference (±0.05)"),
        ([1.0, 1.1, 1.2], None, "undecided", "undecided: identical scores in every seed"),
        ([1.0, 1.1, 1.2], 0.05, "equivalent", "no material difference (±0.05, identical scores in every seed)"),
        ([0.9, 1.0, 1.1], 0.05, "undecided", "undecided: differs by exactly 0.100 in every seed"),
        ([0.9, 1.0, 1.1], 0.2, "equivalent", "no material difference (±0.2, the same in every seed)"),
        ([0.9, 1.2, 1.0], None, "undecided", "undecided (about"),
        ([0.9, 1.0, NAN], None, "leaning", "leaning better (2 seeds, no test)"),
        ([1.1, 1.3, NAN], 9.0, "leaning", "leaning worse (2 seeds, no test)"),
        ([0.9, 1.3, NAN], None, "undecided", "undecided (2 seeds, no test)"),
        ([1.0, 1.1, NAN], None, "undecided", "undecided: identical scores in both seeds"),
        ([0.9, NAN, NAN], None, "not tested", "not tested (1 seed, within the noise floor)"),
        ([NAN, NAN, NAN], None, "not tested", "not tested (no finished pair of runs)"),
    ],
)
def test_words(ours: list[float], margin: float | None, expected: str, said: str) -> None:
    judgement = verdict(ours, margin=margin)
    assert judgement.verdict == expected
    assert judgement.words.startswith(said)


def test_instability_comes_before_everything() -> None:
    (effect,) = effects(synthetic_scores([BASE, [0.5, 0.61, 0.69]]), base="base")
    assert judge(effect).verdict == "better"
    assert judge(replace(effect, diverged=1)).verdict == "unstable"


def test_a_constant_difference_is_decided_only_by_the_sign_flip_test() -> None:
    base = list(np.arange(6.0))
    assert verdict([x - 0.25 for x in base[:5]], base[:5]).verdict == "undecided"  # p = 2 / 2**5
    decided = verdict([x - 0.25 for x in base], base)  # p = 2 / 2**6
    assert decided == Judgement("better", "better by the same amount in every seed")


def test_ten_seeds_and_more_say_in_how_many() -> None:
    base = list(np.linspace(1, 2, 10))
    ours = [x - 1 + 0.02 * k for k, x in enumerate(base)]
    low = stats.binomtest(10, 10).proportion_ci(0.95, "wilson").low
    assert verdict(ours, base).words == f"better (in 100 % of seeds, CI {100 * low:.0f} to 100 %)"


def test_unpaired_is_said() -> None:
    base, ours = [1.0, 1.1, 1.2, NAN, NAN, NAN], [NAN, NAN, NAN, 0.1, 0.2, 0.25]
    assert verdict(ours, base).words == "better (unpaired)"
