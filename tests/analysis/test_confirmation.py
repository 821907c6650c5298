"""The best variants once more: fresh seeds decide, and only if no selection has seen them."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablate.analysis import Analysis, Confirmation, analyze, best_variants
from ablate.store.schema import ConfirmationRecord
from ablate.testing.selection import CONFIRMATION_SEED, TUNING_SEED, with_confirmation, with_tuning
from ablate.testing.synthetic import SyntheticResults, synthetic_results

NAMES = ("relu", "tanh", "elu", "silu")


def made(chosen: Any = ("relu", "tanh"), *, grid: dict[str, Any] | None = None, **more: Any) -> SyntheticResults:
    plain = synthetic_results(0, **{"variants": NAMES, "effects": [0.05, 0.03, 0.0, 0.0], **(grid or {})})
    return with_confirmation(plain, 1, chosen, **{"effects": {"relu": 0.04}, **more})


def read(results: SyntheticResults) -> Analysis:
    return analyze(results.plan, results.runs, results.series, confirmation=results.confirmation)


def confirmed(analysis: Analysis) -> Confirmation:
    assert analysis.confirmation is not None
    return analysis.confirmation


def titles(analysis: Analysis) -> set[str]:
    return {flag.title for flag in analysis.flags}


def changed(results: SyntheticResults, **fields: Any) -> SyntheticResults:
    assert results.confirmation is not None
    return replace(results, confirmation=results.confirmation.model_copy(update=fields))


def test_the_numbers_are_those_of_scipy_and_holm_counts_the_confirmed_alone() -> None:
    results = made()
    record = results.confirmation
    assert record is not None
    last = dict(results.series.filter(metric="val_loss", step=1000).select("run_id", "value").rows())
    scores = {
        name: np.array([last[run.run_id] for run in record.runs if run.variant == name])
        for name in ("base", "relu", "tanh")
    }
    rows = confirmed(read(results)).rows
    assert [row.fresh.variant for row in rows] == ["relu", "tanh"]
    tests = [stats.ttest_rel(scores["base"], scores[name]) for name in ("relu", "tanh")]
    adjusted = multipletests([test.pvalue for test in tests], method="holm")[1]
    for row, test, p in zip(rows, tests, adjusted, strict=True):
        bounds = test.confidence_interval(0.95)
        interval = row.fresh.interval
        assert interval is not None
        assert (interval.low, interval.high) == pytest.approx((bounds.low, bounds.high), rel=1e-9)
        assert row.fresh.p_adjusted == pytest.approx(p, rel=1e-9)
        assert row.fresh.improvement == pytest.approx(np.mean(scores["base"] - scores[row.fresh.variant]), rel=1e-9)
        assert (row.fresh.n, row.screening and row.screening.n) == (8, 5)


def test_the_headline_is_that_of_the_fresh_seeds_and_gives_both_estimates() -> None:
    plain = read(replace(made(), confirmation=None))
    analysis = read(made())
    found = confirmed(analysis)
    assert (found.state, found.used, found.ended, found.planned) == ("complete", ("",), 24, 24)
    fresh, screening = found.rows[0].fresh, found.rows[0].screening
    assert screening is not None
    assert screening == next(row for row in plain.ranking if row.variant == "relu")
    assert analysis.headline.startswith(f"relu beats base by {fresh.improvement:.4f} in val_loss (95 % CI ")
    assert "n=8 fresh paired seeds" in analysis.headline
    assert f"the screening said {screening.improvement:.4f} (95 % CI " in analysis.headline
    assert "of 2 chosen, 1 better and 1 undecided" in analysis.headline
    assert "The verdicts counted below are those of the screening." in analysis.summary
    assert analysis.ranking == plain.ranking
    assert "Winner chosen on these same seeds" in titles(plain)
    assert "Winner chosen on these same seeds" not in titles(analysis)
    assert {"Confirmed on fresh seeds", "Not confirmed on fresh seeds"} <= titles(analysis)
    assert "neither the ranking nor any tuning has seen" in analysis.methods


def test_a_winner_by_luck_is_not_confirmed() -> None:
    analysis = read(made(["relu"], effects={}))
    assert analysis.headline.startswith("relu is not confirmed: its improvement over base is ")
    assert ", undecided" in analysis.headline
    assert "the screening said 0.0" in analysis.headline
    assert "Confirmed on fresh seeds" not in titles(analysis)
    worse = read(made(["relu"], effects={"relu": -0.1}))
    assert worse.headline.startswith("relu is not confirmed: it is worse than base by 0.1")


def test_a_leader_that_was_not_chosen_is_still_one_of_the_screening() -> None:
    assert "Winner chosen on these same seeds" in titles(read(made(["tanh"])))


@pytest.mark.parametrize(("finished", "used"), [(0.0, False), (0.25, False), (0.5, True), (0.95, True)])
def test_a_confirmation_is_used_from_three_common_seeds_on(finished: float, used: bool) -> None:
    analysis = read(made(finished=finished))
    found = confirmed(analysis)
    assert found.state == "incomplete"
    assert bool(found.used) is used
    assert ("fresh" in analysis.headline) is used
    (flag,) = [flag for flag in analysis.flags if flag.title == "Confirmation is not finished"]
    assert flag.detail.startswith(f"{found.ended} of 24 runs have ended")
    assert analysis.suggestions[-1][1] == "ablate confirm grids/synthetic.yaml --top 2 --seeds 8"
    assert ("Winner chosen on these same seeds" in titles(analysis)) is not used


def _other_runs(record: ConfirmationRecord) -> dict[str, Any]:
    return {"screened": (*record.screened, "an id that is gone")}


def _other_metric(record: ConfirmationRecord) -> dict[str, Any]:
    return {"metric": record.metric.model_copy(update={"at": "best"})}


def _other_budget(record: ConfirmationRecord) -> dict[str, Any]:
    return {"runs": tuple(run.model_copy(update={"steps": 500}) for run in record.runs)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_runs, "no longer those of the grid"),
        (_other_metric, "val_loss at best"),
        (_other_budget, "another budget"),
    ],
)
def test_a_confirmation_of_another_plan_is_shown_but_not_used(change: Any, reason: str) -> None:
    results = made()
    assert results.confirmation is not None
    analysis = read(changed(results, **change(results.confirmation)))
    found = confirmed(analysis)
    assert (found.state, found.used, len(found.rows)) == ("outdated", (), 2)
    assert reason in found.reason
    assert analysis.headline == read(replace(results, confirmation=None)).headline
    assert {"Confirmation is outdated", "Winner chosen on these same seeds"} <= titles(analysis)
    assert analysis.suggestions[-1][1] == "ablate confirm grids/synthetic.yaml --top 2 --seeds 8"


def test_a_confirmation_of_variants_that_are_gone_is_shown() -> None:
    results = made(["relu", "tanh"])
    kept = [variant for variant in results.plan.variants if variant.label != "tanh"]
    runs = [run for run in results.plan.runs if run.variant != "tanh"]
    gone = replace(results, plan=results.plan.model_copy(update={"variants": tuple(kept), "runs": tuple(runs)}))
    found = confirmed(read(gone))
    assert (found.state, [row.screening is None for row in found.rows]) == ("outdated", [False, True])


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ((4, CONFIRMATION_SEED), "seed 4 of the screening"),
        ((TUNING_SEED, TUNING_SEED + 1), "seeds 1000000, 1000001 of the tuning"),
    ],
)
def test_a_seed_that_helped_to_choose_cannot_confirm(seeds: tuple[int, ...], said: str) -> None:
    plain = synthetic_results(0, variants=NAMES, effects=[0.05, 0.03, 0.0, 0.0])
    tuned = with_tuning(plain, 1, {"optimizer.lr": (1e-3, 1e-2, 1e-1)}, optima=1)
    analysis = read(with_confirmation(tuned, 2, ["relu"], seeds=seeds, effects={"relu": 0.5}))
    found = confirmed(analysis)
    assert (found.state, found.rows, found.used, found.ended) == ("rejected", (), (), 0)
    assert said in found.reason
    (flag,) = [flag for flag in analysis.flags if flag.title == "Confirmation rejected"]
    assert flag.level == "warning"
    assert said in flag.detail
    assert analysis.headline == read(tuned).headline
    assert "Winner chosen on these same seeds" in titles(analysis)


def test_each_context_has_its_own_choice_and_family() -> None:
    grid = {"contexts": ("a", "b")}
    results = made({"a": ["relu"], "b": ["relu", "tanh", "elu"]}, grid=grid)
    found = confirmed(read(results))
    assert [(row.fresh.context, row.fresh.variant) for row in found.rows] == [
        ("a", "relu"),
        ("b", "relu"),
        ("b", "tanh"),
        ("b", "elu"),
    ]
    alone, *family = (row.fresh for row in found.rows)
    assert alone.p_adjusted == alone.p
    p = [row.p for row in family]
    assert [row.p_adjusted for row in family] == pytest.approx(multipletests(p, method="holm")[1], rel=1e-9)
    assert len(found.baselines) == 2
    some = confirmed(read(made({"b": ["relu"]}, grid=grid)))
    assert some.used == ("b",)


def test_a_diverged_run_makes_the_confirmation_unstable() -> None:
    analysis = read(made(["relu"], statuses={("relu", CONFIRMATION_SEED + 1): "diverged"}))
    found = confirmed(analysis)
    assert (found.state, found.rows[0].fresh.verdict) == ("complete", "unstable")
    assert "relu is not confirmed" in analysis.headline
    failed = confirmed(read(made(["relu"], statuses={("relu", CONFIRMATION_SEED + 1): "error"})))
    assert (failed.state, failed.used) == ("incomplete", ("",))


def test_row_order_changes_nothing() -> None:
    results = made(grid={"contexts": ("a", "b")}, finished=0.8)
    shuffled = replace(
        results,
        runs=results.runs.sample(fraction=1.0, shuffle=True, seed=1),
        series=results.series.sample(fraction=1.0, shuffle=True, seed=2),
    )
    one, other = read(results), read(shuffled)
    for field in fields(Analysis):
        if field.name != "curves":
            assert getattr(one, field.name) == getattr(other, field.name)


def test_the_best_of_equal_variants_is_rarely_confirmed() -> None:
    """Screening 12 equal variants on 3 seeds flatters the best by about a standard deviation; 8 fresh ones do not."""
    seen, fresh, better = [], [], 0
    for seed in range(100):
        plain = synthetic_results(seed, variants=11, seeds=3, points=2, noise=1.0, level=100.0, correlation=0.0)
        series = plain.series.filter(pl.col("metric") == "val_loss")
        chosen = best_variants(analyze(plain.plan, plain.runs, series).ranking, 1)[""]
        analysis = read(
            with_confirmation(plain, 10_000 + seed, chosen, noise=1.0, level=100.0, correlation=0.0, points=2)
        )
        (row,) = confirmed(analysis).rows
        assert row.screening is not None
        seen.append(row.screening.improvement or 0.0)
        fresh.append(row.fresh.improvement or 0.0)
        better += row.fresh.verdict == "better"
    assert np.mean(seen) > 0.7
    assert abs(np.mean(fresh)) < 0.15
    assert better <= 6


def commands(analysis: Analysis) -> list[str]:
    return [command for _, command in analysis.suggestions if command.startswith("ablate confirm")]


def test_what_was_only_screened_is_proposed_for_confirmation() -> None:
    effects = {"relu": 0.3, "tanh": 0.2, "elu": 0.1, "silu": 0.05}
    plain = synthetic_results(0, variants=(*effects, "mish"), effects=effects)
    analysis = read(plain)
    assert commands(analysis) == ["ablate confirm grids/synthetic.yaml --top 3 --seeds 10"]
    (flag,) = [flag for flag in analysis.flags if flag.title == "Winner chosen on these same seeds"]
    assert (flag.section, flag.detail.endswith("--top 3 --seeds 10")) == ("next", True)
    one = read(synthetic_results(0, variants=3, effects=[0.3, 0.0, 0.0]))
    assert commands(one) == ["ablate confirm grids/synthetic.yaml --top 1 --seeds 10"]
    nothing = read(synthetic_results(0, variants=3))
    unfinished = read(synthetic_results(0, variants=(*effects,), effects=effects, statuses={("silu", 0): None}))
    assert commands(nothing) == commands(unfinished) == []


def test_a_confirmation_that_held_proposes_nothing_and_one_that_failed_the_next_best() -> None:
    plain = synthetic_results(0, variants=("relu", "tanh", "elu"), effects={"relu": 0.3, "tanh": 0.2, "elu": 0.1})
    held = with_confirmation(plain, 2, ["relu"], effects={"relu": 0.3})
    assert commands(read(held)) == []
    lost = read(with_confirmation(plain, 2, ["relu"], effects={"relu": -0.3}))
    assert commands(lost) == ["ablate confirm grids/synthetic.yaml --top 3 --seeds 8"]
    assert lost.suggestions[-1][0].endswith("the next best are not judged yet: tanh and elu.")


def test_a_rejected_confirmation_is_proposed_again_with_as_many_variants_and_seeds() -> None:
    plain = synthetic_results(0, variants=("relu", "tanh", "elu"), effects={"relu": 0.3, "tanh": 0.2})
    reused = with_confirmation(plain, 2, ["relu", "tanh"], seeds=(3, 4, 5, 6, 7))
    analysis = read(reused)
    assert confirmed(analysis).state == "rejected"
    assert commands(analysis) == ["ablate confirm grids/synthetic.yaml --top 2 --seeds 5"]
    winner = next(flag for flag in analysis.flags if flag.title == "Winner chosen on these same seeds")
    assert winner.detail.endswith("--top 2 --seeds 5")
