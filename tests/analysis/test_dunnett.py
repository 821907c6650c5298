"""Dunnett's test, where no variant shares seeds with the baseline and the grid asks for a shared noise."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats

from ablate.analysis import Analysis, Effect, analyze, effects, judge, ranking_frame
from ablate.report import render, table
from ablate.report.export import paper
from ablate.store import ReportRecord
from ablate.store.schema import PlanRecord
from ablate.testing.synthetic import SyntheticResults, synthetic_results, synthetic_scores

from .test_analyze import comparable, rows

Floats = NDArray[np.float64]


def apart(values: Floats, *, together: bool = False) -> pl.DataFrame:
    """Scores, contexts x variants x seeds, with seeds of its own for each variant, or one set for all but the base."""
    contexts, variants, n = values.shape
    spread = np.full((contexts, variants, variants * n), np.nan)
    for row in range(variants):
        start = n * (min(row, 1) if together else row)
        spread[:, row, start : start + n] = values[:, row]
    return synthetic_scores(spread)


def of_groups(groups: Sequence[Sequence[float]]) -> pl.DataFrame:
    """One context: the baseline's scores and those of each variant, no seed used twice."""
    values = np.full((len(groups), sum(map(len, groups))), np.nan)
    start = 0
    for row, scores in enumerate(groups):
        values[row, start : start + len(scores)] = scores
        start += len(scores)
    return synthetic_scores(values)


def decided(found: Sequence[Effect]) -> set[str]:
    """Contexts in which some variant is called better or worse."""
    return {effect.context for effect in found if judge(effect).verdict in ("better", "worse")}


def joint_p(statistic: float, sizes: Sequence[int], control: int, df: int) -> float:
    """P(some abs(T) > statistic) by quadrature over the baseline's mean and the common standard deviation."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    u, mass = np.polynomial.legendre.leggauss(400)
    sd = np.sqrt(stats.chi2.ppf((u + 1) / 2, df) / df)
    product = np.ones((len(nodes), len(sd)))
    for n in sizes:
        loading = 1 / np.sqrt(control / n + 1)
        rest = np.sqrt(1 - loading**2)
        reach, shift = statistic * sd[None, :], loading * nodes[:, None]
        product *= stats.norm.cdf((reach + shift) / rest) - stats.norm.cdf((shift - reach) / rest)
    return float(1 - weights @ product @ mass / weights.sum() / 2)


def test_p_values_and_intervals_are_those_of_scipy_and_of_quadrature() -> None:
    rng = np.random.default_rng(4)
    groups = [rng.normal(mean, 0.1, n).tolist() for mean, n in ((1.0, 5), (0.8, 4), (0.95, 3), (1.05, 5), (1.3, 4))]
    found = effects(of_groups(groups), base="base", noise="shared", margin=0.15)
    control, *samples = groups
    test = stats.dunnett(*samples, control=control, rng=np.random.default_rng(11))
    bounds = test.confidence_interval(0.95)
    df = sum(map(len, groups)) - len(groups)
    sd = np.sqrt(sum(np.var(group, ddof=1) * (len(group) - 1) for group in groups) / df)
    for k, effect in enumerate(found):
        item, n = effect.comparison, len(samples[k])
        error = sd * np.sqrt(1 / n + 1 / len(control))
        statistic = abs(np.mean(samples[k]) - np.mean(control)) / error
        assert (effect.test, effect.shared, item.paired) == ("Dunnett", True, False)
        assert item.improvement == pytest.approx(np.mean(control) - np.mean(samples[k]), rel=1e-9)
        assert effect.p == pytest.approx(2 * stats.t.sf(statistic, df), rel=1e-9)
        assert effect.p_adjusted == pytest.approx(test.pvalue[k], abs=3e-4)
        assert effect.p_adjusted == pytest.approx(joint_p(statistic, list(map(len, samples)), 5, df), abs=3e-4)
        assert item.interval is not None
        assert item.interval.simultaneous
        assert (-item.interval.high, -item.interval.low) == pytest.approx(
            (bounds.low[k], bounds.high[k]), abs=2e-3 * sd
        )
        assert joint_p(stats.t.isf(effect.level / 2, df), list(map(len, samples)), 5, df) == pytest.approx(
            0.05, abs=5e-4
        )
        assert item.equivalence_p == pytest.approx(
            stats.t.sf((0.15 - abs(item.improvement or 0)) / error, df), rel=1e-9
        )
    assert [judge(effect).words for effect in found[::3]] == ["better (unpaired)", "worse (unpaired)"]


def test_a_p_value_too_small_for_the_integration_keeps_its_exact_bounds() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, (1, 5, 10))
    values[0, 1] -= 1
    first = effects(apart(values), base="base", noise="shared")[0]
    assert first.p is not None
    assert first.p_adjusted is not None
    assert 0 < first.p <= first.p_adjusted <= 4 * first.p < 1e-20


def test_at_small_levels_the_critical_value_is_that_of_quadrature_or_a_little_larger() -> None:
    rng = np.random.default_rng(6)
    for alpha in (0.05 / 2, 0.05 / 6, 0.05 / 12):
        for variants in (3, 4, 8):
            scores = apart(rng.normal(size=(1, variants, 3)))
            for effect in effects(scores, base="base", noise="shared", alpha=alpha):
                if effect.test == "Dunnett":
                    df = 2 * variants
                    level = joint_p(stats.t.isf(effect.level / 2, df), [3] * (variants - 1), 3, df)
                    assert 0.8 * alpha < level < 1.02 * alpha


def test_neither_order_nor_scale_nor_direction_changes_a_digit() -> None:
    values = np.random.default_rng(1).normal(1, 0.1, (1, 6, 4))
    values[0, 5] = values[0, 4]
    scores = apart(values)
    first = {effect.variant: effect for effect in effects(scores, base="base", noise="shared")}
    assert {effect.test for effect in first.values()} == {"Dunnett"}
    assert first["v4"].p_adjusted == first["v5"].p_adjusted
    again = effects(scores.sample(fraction=1, shuffle=True, seed=3), base="base", noise="shared")
    assert {effect.variant: effect for effect in again} == first
    mirrored = effects(scores.with_columns(-pl.col("score")), base="base", goal="maximize", noise="shared")
    assert {effect.variant: effect for effect in mirrored} == first
    for size in (2.0**-40, 2.0**40):
        for effect in effects(scores.with_columns(size * pl.col("score")), base="base", noise="shared"):
            assert effect.p_adjusted == first[effect.variant].p_adjusted


@pytest.mark.parametrize("together", [False, True])
def test_equal_variants_are_rarely_called_different(together: bool) -> None:
    values = np.random.default_rng(0).normal(size=(150, 4, 3))
    found = effects(apart(values, together=together), base="base", noise="shared")
    assert sum(effect.test == "Dunnett" for effect in found) > 0.75 * len(found)
    assert len(decided(found)) <= 10


@pytest.mark.slow
def test_the_family_keeps_its_level_with_more_seeds() -> None:
    found = effects(apart(np.random.default_rng(5).normal(size=(300, 4, 5))), base="base", noise="shared")
    assert sum(effect.test == "Dunnett" for effect in found) > 0.85 * len(found)
    assert len(decided(found)) <= 21


def test_a_planted_effect_is_found_and_more_often_than_by_its_own_noise() -> None:
    values = np.random.default_rng(7).normal(size=(100, 4, 3))
    values[:, 1] -= 3
    count = {}
    for noise in ("own", "shared"):
        found = effects(apart(values), base="base", noise=noise)
        count[noise] = sum(judge(effect).verdict == "better" for effect in found if effect.variant == "v1")
    assert count["shared"] > 1.5 * count["own"] > 0


def test_unequal_noise_stays_with_welch_and_holm() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, (1, 6, 5))
    values[0, 3] *= 40
    scores = apart(values)
    alone = effects(scores, base="base")
    assert {effect.test for effect in alone} == {"Welch"}
    assert effects(scores, base="base", noise="shared") == alone


def test_scores_that_move_together_over_seeds_stay_with_welch_and_holm() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(1, 8, 4)) * 0.1 + rng.normal(size=(1, 1, 4))
    together, own = apart(values, together=True), apart(values)
    assert effects(together, base="base", noise="shared") == effects(together, base="base")
    assert {effect.test for effect in effects(own, base="base", noise="shared")} == {"Dunnett"}


def test_mixed_pairing_a_single_variant_and_a_large_family_keep_the_present_rule() -> None:
    rng = np.random.default_rng(3)
    values = np.full((5, 8), np.nan)
    values[:4, :4] = rng.normal(size=(4, 4))
    values[4, 4:] = rng.normal(size=4)
    mixed = effects(synthetic_scores(values), base="base", noise="shared")
    assert [effect.test for effect in mixed] == ["shared noise"] * 3 + ["Welch"]
    for variants in (2, 22):
        scores = apart(rng.normal(size=(1, variants, 3)))
        assert effects(scores, base="base", noise="shared") == effects(scores, base="base")


def test_what_cannot_be_tested_still_counts_in_the_family() -> None:
    groups = np.random.default_rng(5).normal(size=(6, 4)).tolist()
    small = effects(of_groups(groups[:4]), base="base", noise="shared")
    scores = of_groups([*groups[:4], groups[4][:1], groups[5]]).with_columns(
        outcome=pl.when(variant="v5").then(pl.lit("diverged")).otherwise(pl.lit("done"))
    )
    large = effects(scores, base="base", noise="shared")
    assert [effect.test for effect in large] == ["Dunnett"] * 3 + [None, None]
    assert [effect.p for effect in large[:3]] == [effect.p for effect in small], "they add no noise"
    for one, other in zip(large, small, strict=False):
        assert one.p_adjusted is not None
        assert other.p_adjusted is not None
        assert one.p_adjusted > other.p_adjusted
        assert one.level < other.level


def unpaired(seed: int, *, n: int = 4, effect: float = 0.0, wild: float = 1.0) -> tuple[PlanRecord, SyntheticResults]:
    """A grid of which the baseline has the first n seeds and the variants the others."""
    made = synthetic_results(seed, variants=3, seeds=2 * n, correlation=0.0, effects={"activation=relu": effect})
    runs = tuple(run for run in made.plan.runs if (run.variant == "base") == (run.seed < n))
    plan = made.plan.model_copy(update={"runs": runs, "report": ReportRecord(noise="shared")})
    ids = [run.run_id for run in runs if run.variant == "activation=relu" and run.seed == n]
    value = pl.when(pl.col("run_id").is_in(ids)).then(pl.col("value") * wild).otherwise(pl.col("value"))
    return plan, replace(made, series=made.series.with_columns(value=value))


def read(made: tuple[PlanRecord, SyntheticResults]) -> Analysis:
    plan, results = made
    return analyze(plan, results.runs, results.series)


def test_the_report_names_the_test_wherever_it_names_one() -> None:
    plan, results = unpaired(1, effect=0.1)
    analysis = read((plan, results))
    row = rows(analysis)["activation=relu"]
    assert (row.words, row.test) == ("better (unpaired)", "Dunnett")
    assert re.search(r"95 % simultaneous CI .*, n=4 unpaired seeds, Dunnett p.*, noise shared", analysis.headline)
    assert "Dunnett's test (n=4, marked unpaired)" in analysis.methods
    assert "intervals are simultaneous" in analysis.methods
    for other in ("Holm-adjusted over the 3", "Welch", "seed by seed"):
        assert other not in analysis.methods
    flag = next(flag for flag in analysis.flags if flag.title == "Noise shared by all variants")
    assert "Dunnett's test" in flag.detail
    assert ranking_frame(analysis)["test"].to_list().count("Dunnett") == 3
    heads = {column.name: column.note for column in table.columns(analysis, plan)}
    assert (heads["p"], heads["effect"]) == ("Dunnett", "95\u00a0% simultaneous interval")
    written = paper.paper(analysis, plan)
    assert {"p (Dunnett)", "95\u00a0% simultaneous interval"} <= {head.title for head in written.heads}
    assert "p: Dunnett's test" in written.note
    page = render(analysis, plan, generated=datetime(2025, 5, 3, tzinfo=UTC))
    for part in ("Dunnett p ", "p values are Dunnett", "Intervals are simultaneous", "difference of the means"):
        assert part in page
    assert page.count("Holm") == page.count("Holm-adjusted over the pairs") > 0, "of the rank intervals alone"


def test_the_report_says_why_it_is_not_made() -> None:
    analysis = read(unpaired(1, wild=3.0))
    flag = next(flag for flag in analysis.flags if flag.title == "Noise is not shared")
    assert flag.detail.startswith("activation=relu scatters ")
    assert "Welch's test and Holm's correction stay" in flag.detail
    assert {row.test for row in analysis.ranking} == {None, "Welch"}
    assert "Welch's t test, marked unpaired" in analysis.methods
    assert "Dunnett" not in analysis.methods


def test_two_readings_are_the_same_to_the_byte() -> None:
    moment = datetime(2025, 5, 3, tzinfo=UTC)
    pages: list[str] = []
    found: list[dict[str, Any]] = []
    for _ in range(2):
        plan, results = unpaired(2)
        analysis = read((plan, results))
        found.append(comparable(analysis))
        pages.append(render(analysis, plan, generated=moment))
        np.random.default_rng().normal()
    assert {row.test for row in analysis.ranking} == {None, "Dunnett"}
    assert found[0] == found[1]
    assert pages[0] == pages[1]
