"""Families of comparisons with a baseline: error rates, Holm, cross-checks, planning numbers."""

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from ablate.analysis import effects, judge, pooled_noise_sd, seed_correlation, sign_flip_p, smallest_detectable
from ablate.analysis.effects import Effect
from ablate.testing.synthetic import synthetic_scores

NAN = float("nan")


def words(scores: pl.DataFrame, margin: float | None = None) -> list[str]:
    return [judge(effect, margin=margin).verdict for effect in effects(scores, base="base", margin=margin)]


@pytest.mark.parametrize("n", [3, 5])
def test_a_thousand_grids_of_equal_variants_rarely_find_anything(n: int) -> None:
    values = np.random.default_rng(7).normal(size=(1000, 12, n))
    found = effects(synthetic_scores(values), base="base")
    assert len(found) == 11_000
    false = {effect.context for effect in found if judge(effect).verdict in ("better", "worse")}
    assert len(false) <= 70


def test_a_planted_effect_is_found_and_its_direction_is_right() -> None:
    rng = np.random.default_rng(1)
    seed = rng.normal(size=(200, 1, 5))
    values = seed + 0.5 * rng.normal(size=(200, 4, 5))
    values[:, 1] -= 5 * np.sqrt(0.5)  # five sd of the paired difference; a lower loss is better
    found = effects(synthetic_scores(values), base="base")
    planted = [judge(effect).verdict for effect in found if effect.variant == "v1"]
    assert planted.count("better") >= 190
    assert "worse" not in planted
    mirrored = effects(synthetic_scores(-values), base="base", goal="maximize")
    assert [judge(effect) for effect in mirrored] == [judge(effect) for effect in found]


def test_a_tie_is_called_equivalent_only_with_a_margin() -> None:
    values = 1 + 1e-3 * np.random.default_rng(2).normal(size=(100, 3, 5))
    scores = synthetic_scores(values)
    assert "equivalent" not in words(scores)
    assert words(scores, margin=0.01).count("equivalent") >= 195


def test_holm_is_that_of_statsmodels_over_all_variants_of_a_context() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(3, 8, 4)) + np.linspace(0, 4, 8)[None, :, None]
    found = effects(synthetic_scores(values), base="base")
    for context in {effect.context for effect in found}:
        family = [effect for effect in found if effect.context == context]
        rows = [values[int(context or 0), 1 + k] for k in range(7)]
        p = [stats.ttest_rel(values[int(context or 0), 0], row).pvalue for row in rows]
        assert [effect.p for effect in family] == pytest.approx(p, rel=1e-9)
        adjusted = multipletests(p, method="holm")[1]
        assert [effect.p_adjusted for effect in family] == pytest.approx(adjusted, rel=1e-9)


def test_an_untested_variant_still_counts_in_the_family() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(4, 5)) + np.array([0, 3, 3, 3])[:, None]
    values[3] = NAN
    whole = effects(synthetic_scores(values), base="base")
    assert whole[2].p_adjusted is None
    p = [whole[0].p, whole[1].p, 1.0]
    assert [whole[0].p_adjusted, whole[1].p_adjusted] == pytest.approx(multipletests(p, method="holm")[1][:2])


def test_a_variant_with_a_diverged_run_has_no_p() -> None:
    scores = synthetic_scores([[1.0, 1.1, 1.2, 1.3], [0.1, 0.3, 0.2, NAN]]).with_columns(
        outcome=pl.when(pl.col("score").is_nan()).then(pl.lit("diverged")).otherwise(pl.lit("done"))
    )
    (effect,) = effects(scores, base="base")
    assert (effect.diverged, effect.p, effect.p_adjusted) == (1, None, None)
    assert effect.comparison.improvement == pytest.approx(0.9)
    assert judge(effect, runs=4).words == "unstable: 1 of 4 runs diverged"


def test_a_single_seed_is_held_against_the_noise_floor() -> None:
    base = np.array([1.0, 1.1, 0.9, 1.0])
    reach = stats.t.ppf(1 - 0.05 / 2 / 2, 3) * base.std(ddof=1) * np.sqrt(1 + 1 / 4)
    near, far = base.mean() - 0.99 * reach, base.mean() - 1.01 * reach
    found = effects(synthetic_scores([list(base), [near, NAN, NAN, NAN], [far, NAN, NAN, NAN]]), base="base")
    assert [effect.beyond_noise for effect in found] == [False, True]
    assert [judge(effect).verdict for effect in found] == ["not tested", "not tested"]
    assert judge(found[1]).words == "not tested (1 seed, outside the noise floor)"
    two = effects(synthetic_scores([[1.0, 1.1, NAN], [0.0, NAN, NAN]]), base="base")
    assert two[0].beyond_noise is None


def test_cross_checks_equal_scipy_and_do_not_depend_on_the_other_rows() -> None:
    values = np.random.default_rng(4).normal(size=(5, 11))
    found = effects(synthetic_scores(values), base="base")
    apart = values[0] - values[1:]
    bca = stats.bootstrap((apart,), np.mean, method="BCa", axis=-1, rng=np.random.default_rng(0)).confidence_interval
    for k, effect in enumerate(found):
        differences = apart[k]
        flips = np.array(np.meshgrid(*[[-1, 1]] * 11)).reshape(11, -1).T @ differences
        exact = np.mean(np.abs(flips) >= abs(differences.sum()) - 1e-9)
        assert effect.flip_p == pytest.approx(exact, abs=1e-12)
        assert effect.bootstrap is not None
        assert effect.bootstrap.low == pytest.approx(np.asarray(bca.low)[k], rel=1e-9)
        assert effect.bootstrap.high == pytest.approx(np.asarray(bca.high)[k], rel=1e-9)
    many = np.random.default_rng(9).normal(size=(5, 16))
    assert sign_flip_p(many)[2] == sign_flip_p(many[2:3])[0]
    assert effects(synthetic_scores(values[:, :5]), base="base")[0].flip_p is None


def test_q_values_and_rank_tests_are_those_of_scipy() -> None:
    values = np.random.default_rng(5).normal(size=(1, 6, 12)) - 0.4 * np.arange(6)[:, None]
    values[0, 3, 0] = NAN
    found = effects(synthetic_scores(values), base="base")
    p = [effect.p if effect.p is not None else NAN for effect in found]
    assert [effect.q for effect in found] == pytest.approx(stats.false_discovery_control(p).tolist(), rel=1e-12)
    for row, effect in enumerate(found, 1):
        differences = np.array(effect.comparison.differences)
        assert len(differences) == (11 if row == 3 else 12)
        assert effect.rank_p == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-9)
    unstable = synthetic_scores(values).with_columns(
        outcome=pl.when(pl.col("variant") == "v2").then(pl.lit("diverged")).otherwise(pl.lit("done"))
    )
    assert [effect.q is None for effect in effects(unstable, base="base")] == [False, True, False, False, False]
    assert all(effect.rank_p is None for effect in effects(synthetic_scores(values[:, :, 1:9]), base="base"))


def test_seeds_needed_is_the_smallest_number_with_the_power() -> None:
    values = np.random.default_rng(6).normal(size=(6, 6)) * 0.3 + np.array([0, 0.1, 0.2, 0.25, 0.3, 0.35])[:, None]
    found = effects(synthetic_scores(values), base="base")
    typical = np.median([effect.comparison.sd for effect in found if effect.comparison.sd is not None])
    power = TTestPower()
    seen = 0
    for effect in found:
        if effect.needed is None or effect.comparison.improvement is None or effect.comparison.sd is None:
            continue
        size = abs(effect.comparison.improvement) / max(effect.comparison.sd, typical)
        if size < 1:  # statsmodels' own solver is unreliable below two seeds
            exact = power.solve_power(effect_size=size, alpha=effect.level, power=0.8)
            assert effect.needed == int(np.ceil(np.atleast_1d(exact)[0]))
            seen += 1
    assert seen >= 2


def test_noise_numbers() -> None:
    values = np.random.default_rng(12).normal(size=(4, 6)) + 2 * np.random.default_rng(13).normal(size=6)
    scores = synthetic_scores(values)
    found = effects(scores, base="base")
    residuals = [(values[0] - row) - (values[0] - row).mean() for row in values[1:]]
    noise = np.sqrt(np.sum(np.square(residuals)) / (3 * 5))
    assert pooled_noise_sd(found) == pytest.approx(noise)
    correlations = [stats.pearsonr(values[0], row).statistic for row in values[1:]]
    assert seed_correlation(scores, base="base") == pytest.approx(np.median(correlations))
    size = smallest_detectable(found, tests=3)
    assert size is not None
    assert TTestPower().power(size / noise, 6, 0.05 / 3) == pytest.approx(0.8, abs=1e-9)


def by_name(found: tuple[Effect, ...]) -> dict[tuple[str, str], Effect]:
    return {(effect.context, effect.variant): effect for effect in found}


def test_row_order_changes_nothing() -> None:
    values = np.random.default_rng(10).normal(size=(2, 7, 10))
    values[0, 3, 4:] = NAN
    scores = synthetic_scores(values)
    shuffled = scores.sample(fraction=1.0, shuffle=True, seed=1)
    assert by_name(effects(shuffled, base="base")) == by_name(effects(scores, base="base"))
