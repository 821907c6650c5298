"""A noise that all variants share: the numbers are those of the linear model, and the gate keeps the promise."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from ablate.analysis import Analysis, analyze, effects, judge, shared_noise
from ablate.report import table
from ablate.report.export import paper
from ablate.store import ReportRecord
from ablate.testing.synthetic import SyntheticResults, synthetic_results, synthetic_scores

from .test_analyze import rows


def grid_of(values: np.ndarray[Any, Any]) -> pl.DataFrame:
    """Scores of one context: variants v0 (the baseline), v1, ..., over seeds."""
    found = [
        {"variant": f"v{row}", "context": "", "seed": seed, "score": float(score)}
        for row, scores in enumerate(values)
        for seed, score in enumerate(scores)
    ]
    return pl.DataFrame(found)


def test_the_contrast_is_that_of_the_linear_model() -> None:
    values = np.random.default_rng(4).normal(1.0, 0.1, (6, 4)) + np.array([0, 0.2, -0.1, 0.05, 0, 0])[:, None]
    scores = grid_of(values)
    fit = smf.ols("score ~ C(variant) + C(seed)", scores.to_pandas()).fit()
    found = effects(scores, base="v0", noise="shared", margin=0.1)
    noise = shared_noise(scores, base="v0")[""]
    assert noise.df == fit.df_resid == 15
    assert noise.sd == pytest.approx(np.sqrt(fit.mse_resid), rel=1e-9)
    for effect in found:
        name = f"C(variant)[T.{effect.variant}]"
        item = effect.comparison
        assert effect.shared
        assert effect.p == pytest.approx(fit.pvalues[name], rel=1e-9)
        assert item.improvement == pytest.approx(-fit.params[name], rel=1e-9)
        assert item.interval is not None
        low, high = fit.conf_int().loc[name]
        assert (-item.interval.high, -item.interval.low) == pytest.approx((low, high), rel=1e-9)
        assert item.equivalence_p is not None
        one_sided = [fit.t_test(f"{name} = {side}").tvalue.item() for side in (-0.1, 0.1)]
        assert item.equivalence_p == pytest.approx(
            max(stats.t.sf(one_sided[0], 15), stats.t.cdf(one_sided[1], 15)), rel=1e-9
        )


def test_sharing_finds_more_and_keeps_the_level() -> None:
    values = np.random.default_rng(7).normal(size=(1000, 12, 3))
    equal = effects(synthetic_scores(values), base="base", noise="shared")
    assert sum(effect.shared for effect in equal) > 0.75 * len(equal)
    false = {effect.context for effect in equal if judge(effect).verdict in ("better", "worse")}
    assert len(false) <= 70

    values[:, 1] -= 2 * np.sqrt(2)  # two sd of a paired difference
    found = {}
    kinds: tuple[Literal["own", "shared"], ...] = ("own", "shared")
    for noise in kinds:
        shown = effects(synthetic_scores(values), base="base", noise=noise)
        found[noise] = sum(judge(effect).verdict == "better" for effect in shown if effect.variant == "v1")
    assert found["shared"] > 5 * found["own"] > 0


def test_one_noisy_variant_closes_the_gate_for_all() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, (8, 5))
    values[3] *= 30
    scores = grid_of(values)
    noise = shared_noise(scores, base="v0")[""]
    assert not noise.passes
    assert noise.noisiest == "v3"
    alone = effects(scores, base="v0")
    assert effects(scores, base="v0", noise="shared") == alone


def test_variants_without_all_seeds_keep_their_own_noise() -> None:
    values = np.random.default_rng(1).normal(0, 0.01, (6, 4))
    values[2, 1] = np.nan
    scores = grid_of(values)
    ours = {effect.variant: effect for effect in effects(scores, base="v0", noise="shared")}
    alone = {effect.variant: effect for effect in effects(scores, base="v0")}
    assert [effect.shared for effect in ours.values()] == [True, False, True, True, True]
    assert ours["v2"].comparison == alone["v2"].comparison
    assert shared_noise(grid_of(values[:2]), base="v0") == {}, "a baseline and one variant have nothing to share"
    assert shared_noise(grid_of(values[:, :1]), base="v0") == {}, "one seed has no residuals"


def read(results: SyntheticResults) -> Analysis:
    plan = results.plan.model_copy(update={"report": ReportRecord(noise="shared")})
    return analyze(plan, results.runs, results.series)


def test_two_seeds_lean_by_a_test_and_are_never_called_better() -> None:
    analysis = read(synthetic_results(0, variants=6, seeds=2, effects=[0.4, 0, 0, 0, 0, 0]))
    row = rows(analysis)["activation=relu"]
    assert row.words == "leaning better (2 seeds, shared noise)"
    assert row.p_adjusted is not None
    assert row.p_adjusted < 0.05
    assert {item.verdict for item in rows(analysis).values()} <= {"baseline", "leaning", "undecided"}
    assert not any(item.rank_low == item.rank_high == 1 for item in rows(analysis).values())


def test_the_report_says_which_noise_was_used() -> None:
    made = synthetic_results(1, variants=6, effects=0.1)
    analysis = read(made)
    flag = next(flag for flag in analysis.flags if flag.title == "Noise shared by all variants")
    assert "24 degrees of freedom" in flag.detail
    assert "noise: shared" in analysis.methods
    assert "noise shared by all variants" in analysis.headline
    assert table.columns(analysis, made.plan)[5].note == "Holm, shared noise"
    assert "contrast with a noise that all variants share" in paper.paper(analysis, made.plan).note
    assert "paired t tests (n" not in analysis.methods
    ids = [run.run_id for run in made.plan.runs if run.variant == "activation=relu" and run.seed == 2]
    value = pl.when(pl.col("run_id").is_in(ids)).then(pl.col("value") + 3).otherwise(pl.col("value"))
    wild = read(replace(made, series=made.series.with_columns(value=value)))
    flag = next(flag for flag in wild.flags if flag.title == "Noise is not shared")
    assert flag.detail.startswith("activation=relu scatters ")
    assert "noise: shared" not in wild.methods
