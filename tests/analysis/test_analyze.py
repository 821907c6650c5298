"""The whole reading of a grid."""

import time
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.analysis import Analysis, Ranked, analyze
from ablate.core import Status
from ablate.store.schema import RUNS, SERIES
from ablate.testing.synthetic import HOSTILE_NAMES, SyntheticResults, synthetic_results

Statuses = Mapping[tuple[str, int], Status | None]


def read(made: SyntheticResults) -> Analysis:
    return analyze(made.plan, made.runs, made.series)


def rows(analysis: Analysis) -> dict[str, Ranked]:
    return {row.variant: row for row in analysis.ranking}


def titles(analysis: Analysis) -> set[str]:
    return {flag.title for flag in analysis.flags}


def comparable(analysis: Analysis) -> dict[str, Any]:
    """Without the frame, which does not compare."""
    return {field.name: getattr(analysis, field.name) for field in fields(analysis) if field.name != "curves"}


def test_a_winner_is_the_headline() -> None:
    analysis = read(synthetic_results(0, effects={"activation=relu": 0.2, "activation=tanh": -0.2}, margin=0.05))
    assert analysis.headline.startswith("activation=relu beats base by 0.207 in val_loss")
    for part in ("95 % CI", "n=5 paired seeds", "Holm p", "1 of 6 could be best", "1 worse", "(±0.05)"):
        assert part in analysis.headline
    table = rows(analysis)
    assert table["activation=relu"].verdict == "better"
    assert table["activation=relu"].could_be_best
    assert [row.rank for row in analysis.ranking] == [1, 2, 3, 4, 5, 6]
    assert (analysis.done, analysis.planned, analysis.tests) == (30, 30, 5)


def test_a_best_baseline_is_the_headline() -> None:
    analysis = read(synthetic_results(0, variants=3, effects=-0.2))
    assert analysis.headline.startswith("No variant beats base; 3 of 3 are worse")
    one = read(synthetic_results(0, variants=1, effects=-0.2))
    assert one.headline.startswith("activation=relu is worse than base by 0.19")
    mixed = read(synthetic_results(0, variants=3, effects=[-0.2, 0.0, 0.0]))
    assert mixed.headline.startswith("No variant is shown to beat base; 1 of 3 are worse")
    assert "2 undecided" in mixed.headline


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seeds": 1}, "Nothing is decided: with one seed"),
        ({"seeds": 2}, "Nothing is decided: 2 seeds allow no test"),
        ({"seeds": 3, "effects": [0.004, 0.0]}, "Nothing is decided: none of 2 variants differs from base"),
        ({"finished": 0.0}, "No run has finished yet."),
        ({"margin": 0.5}, "All 2 variants make no material difference to base (±0.5)."),
        ({"variants": 0}, "Only the baseline was planned"),
        ({"statuses": {("base", s): "oom" for s in range(5)}}, "Nothing can be compared: the baseline base has no"),
        (
            {"statuses": {("activation=relu", 1): "diverged", ("activation=tanh", 2): "diverged"}},
            "Every variant is unst",
        ),
    ],
)
def test_a_grid_without_a_winner_says_so(arguments: dict[str, Any], said: str) -> None:
    analysis = read(synthetic_results(3, **{"variants": 2, **arguments}))
    assert analysis.headline.startswith(said)


def test_what_would_decide_is_said_and_can_be_copied() -> None:
    made = synthetic_results(2, variants=1, effects=0.012, seeds=4, correlation=0.0)
    analysis = read(made)
    row = rows(analysis)["activation=relu"]
    assert (row.verdict, row.more_seeds) == ("undecided", 3)
    assert "about 3 more seeds would decide activation=relu with 80 % power" in analysis.headline
    assert [command for _, command in analysis.suggestions] == ["ablate run grids/synthetic.yaml --seeds 0-6"]


def test_commands_for_what_is_missing_and_what_failed() -> None:
    statuses: Statuses = {("base", 0): "oom", ("base", 1): "error", ("activation=relu", 0): None}
    made = synthetic_results(1, statuses=statuses)
    made = replace(made, plan=made.plan.model_copy(update={"path": "my grids/a.yaml"}))
    analysis = read(made)
    commands = [command for _, command in analysis.suggestions]
    assert commands[:2] == ["ablate run 'my grids/a.yaml'", "ablate run 'my grids/a.yaml' --retry oom,error"]
    assert (analysis.failed, analysis.missing) == (2, 1)
    assert {"Runs are missing", "Runs failed", "Unequal seeds"} <= titles(analysis)
    assert "out of memory" in analysis.failures[0].detail


def test_a_diverged_run_makes_its_variant_unstable() -> None:
    analysis = read(synthetic_results(1, effects=0.5, statuses={("activation=relu", 3): "diverged"}))
    row = rows(analysis)["activation=relu"]
    assert (row.verdict, row.words, row.p, row.could_be_best) == (
        "unstable",
        "unstable: 1 of 5 runs diverged",
        None,
        False,
    )
    assert [(seed.seed, seed.score, seed.status) for seed in row.seeds][3] == (3, None, "diverged")
    assert (row.n, row.done, row.diverged) == (4, 4, 1)
    assert analysis.failures[0].detail.startswith("loss stopped being finite; last finite val_loss")
    assert "Runs diverged" in titles(analysis)


def test_contexts_have_their_own_baseline_and_family() -> None:
    analysis = read(synthetic_results(0, variants=2, effects=[0.2, 0.0], contexts=("a", "b")))
    assert [row.context for row in analysis.ranking] == ["a"] * 3 + ["b"] * 3
    assert analysis.headline.startswith("a: activation=relu beats base")
    assert analysis.summary[0].startswith("b: activation=relu beats base")
    assert [row.verdict for row in analysis.ranking].count("baseline") == 2
    assert analysis.tests == 2


def with_values(made: SyntheticResults, change: pl.Expr, variant: str) -> SyntheticResults:
    """The results with one variant's recorded values changed."""
    ids = [run.run_id for run in made.plan.runs if run.variant == variant]
    value = pl.when(pl.col("run_id").is_in(ids)).then(change).otherwise(pl.col("value"))
    return replace(made, series=made.series.with_columns(value=value))


def test_flags_that_need_the_series() -> None:
    clean = titles(read(synthetic_results(0, variants=2, effects=0.2)))
    assert {"Every planned run finished", "Winner chosen on these same seeds"} <= clean
    unwanted = {
        "Duplicated results",
        "Still improving at the end",
        "Late noise larger than the difference",
        "Scores read at different steps",
        "Seeds without effect",
    }
    assert not unwanted & clean

    made = synthetic_results(0, variants=2, effects=0.2)
    falling = with_values(made, pl.col("value") + 1 - pl.col("step") / 1000, "activation=relu")
    assert "Still improving at the end" in titles(read(falling))
    short = replace(made, series=made.series.filter((pl.col("step") < 1000) | (pl.col("run_id") != "" + _id(made))))
    assert "Scores read at different steps" in titles(read(short))
    wild = synthetic_results(0, variants=2, effects=0.2, wiggle=1.0)
    assert "Late noise larger than the difference" in titles(read(wild))

    same = made.series.filter(pl.col("run_id").is_in([run.run_id for run in made.plan.runs if run.variant == "base"]))
    renamed = {
        run.run_id: other.run_id
        for run in made.plan.runs
        for other in made.plan.runs
        if (run.variant, other.variant, run.seed) == ("base", "activation=relu", other.seed)
    }
    kept = made.series.filter(~pl.col("run_id").is_in(list(renamed.values())))
    copied = pl.concat([kept, same.with_columns(pl.col("run_id").replace_strict(renamed))])
    analysis = read(replace(made, series=copied))
    assert "Duplicated results" in titles(analysis)
    assert rows(analysis)["activation=relu"].words == "undecided: identical scores in every seed"


def test_runs_that_were_recorded_at_different_intervals_are_flagged() -> None:
    made = synthetic_results(0, variants=2)
    ids = [run.run_id for run in made.plan.runs if run.variant == "activation=relu"]
    coarse = made.series.filter(~pl.col("run_id").is_in(ids) | (pl.col("step") % 100 == 0))
    assert "Recorded at different intervals" not in titles(read(made))
    flag = next(flag for flag in read(replace(made, series=coarse)).flags if flag.title.startswith("Recorded at"))
    assert flag.level == "note"
    assert "every 25 steps in activation=tanh and base" in flag.detail
    assert "every 100 steps in activation=relu" in flag.detail
    best = synthetic_results(0, variants=2, at="mean_last:3")
    coarse = best.series.filter(~pl.col("run_id").is_in(ids) | (pl.col("step") % 100 == 0))
    flag = next(flag for flag in read(replace(best, series=coarse)).flags if flag.title.startswith("Recorded at"))
    assert flag.level == "warning"


def test_the_value_beyond_an_edge_and_the_baseline_alone_are_proposed() -> None:
    rates = {f"lr={rate}": {"optimizer.lr": rate} for rate in (0.002, 0.004, 0.008)}
    made = synthetic_results(0, variants=list(rates), changes=rates, effects=[0.1, 0.2, 0.4])
    why = [text for text, _ in read(made).suggestions]
    assert any(text.startswith("Add 0.016 to the values of optimizer.lr in the grid file: 0.008") for text in why)
    single = read(synthetic_results(0, variants=20, seeds=1))
    commands = [command for _, command in single.suggestions]
    assert "ablate run grids/synthetic.yaml --only base --seeds 0-4" in commands, "the root of 20, rounded up"


def _id(made: SyntheticResults) -> str:
    return next(run.run_id for run in made.plan.runs if run.variant == "activation=relu")


def test_an_axis_that_is_best_at_its_end() -> None:
    changes = {f"lr={lr}": {"optimizer.lr": lr} for lr in (0.0003, 0.003, 0.01)}
    rising = synthetic_results(0, variants=3, changes=changes, effects=[-0.2, 0.2, 0.4])
    (flag,) = [flag for flag in read(rising).flags if flag.title == "Best value at the edge of the range"]
    assert "optimizer.lr=0.01 has the best mean" in flag.detail
    inside = synthetic_results(0, variants=3, changes=changes, effects=[-0.2, 0.2, 0.1])
    plateau = synthetic_results(0, variants=3, changes=changes, effects=[-0.2, 0.2, 0.2])
    for made in (inside, plateau):
        assert "Best value at the edge of the range" not in titles(read(made))


def test_more_parameters_are_a_warning_for_a_winner() -> None:
    made = synthetic_results(0, variants=2, effects=[0.2, 0.0], parameters={"activation=relu": 150_000})
    (flag,) = [flag for flag in read(made).flags if flag.title == "Unequal parameters"]
    assert (flag.level, "activation=relu 1.5×" in flag.detail) == ("warning", True)


def test_a_cross_check_that_disagrees_is_flagged() -> None:
    """Five seeds gain 1 and the sixth loses a little: t says p=0.005, but 4 of the 64 sign flips reach that sum."""
    made = synthetic_results(0, variants=1, seeds=6, noise=0.0)
    ids = [run.run_id for run in made.plan.runs if run.variant == "activation=relu"]
    for last, expected in ((-0.05, True), (0.05, False)):
        gains = dict(zip(ids, [1.0, 1.0, 1.0, 1.0, 1.0, last], strict=True))
        gain = pl.col("run_id").replace_strict(gains, default=0.0)
        analysis = read(replace(made, series=made.series.with_columns(value=pl.col("value") - gain)))
        assert rows(analysis)["activation=relu"].verdict == "better"
        assert ("Cross-check disagrees" in titles(analysis)) is expected


def test_row_order_changes_nothing() -> None:
    made = synthetic_results(
        4,
        effects=[0.05, -0.05, 0, 0, 0],
        finished=0.9,
        contexts=("a", "b"),
        statuses={("activation=tanh", 0): "diverged"},
    )
    shuffled = analyze(
        made.plan,
        made.runs.sample(fraction=1.0, shuffle=True, seed=1),
        made.series.sample(fraction=1.0, shuffle=True, seed=2),
    )
    assert comparable(shuffled) == comparable(read(made))
    assert shuffled.curves.equals(read(made).curves)


def test_renaming_variants_changes_only_labels() -> None:
    arguments: dict[str, Any] = {"effects": [0.05, -0.05, 0, 0, 0, 0, 0, 0], "margin": 0.02, "seeds": 10}
    plain = read(synthetic_results(4, variants=8, **arguments))
    hostile = read(synthetic_results(4, variants=HOSTILE_NAMES, **arguments))
    names = dict(zip(_labels(8), ["base", *HOSTILE_NAMES], strict=True))
    for before, after in zip(plain.ranking, hostile.ranking, strict=True):
        assert after == replace(before, variant=names[before.variant])
    assert hostile.headline == plain.headline.replace(plain.ranking[0].variant, hostile.ranking[0].variant)


def _labels(count: int) -> list[str]:
    return [variant.label for variant in synthetic_results(0, variants=count).plan.variants]


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy"])
@pytest.mark.parametrize("at", ["last", "best", "mean_last:5", "step:500", "auc"])
def test_every_goal_and_selector_finds_the_planted_winner(metric: str, at: str) -> None:
    analysis = read(synthetic_results(0, effects={"activation=relu": 0.1}, metric=metric, at=at, wiggle=0.0))
    assert rows(analysis)["activation=relu"].verdict == "better"
    assert analysis.ranking[0].variant == "activation=relu"


@pytest.mark.parametrize("scale", [1e-9, 1e12])
@pytest.mark.parametrize("seeds", [1, 2, 3, 6, 10])
@pytest.mark.parametrize("variants", [0, 1, 4])
def test_any_size_and_scale(scale: float, seeds: int, variants: int) -> None:
    made = synthetic_results(
        2,
        variants=variants,
        seeds=seeds,
        level=scale,
        noise=0.01 * scale,
        effects=0.3 * scale,
        margin=0.001 * scale,
        points=12,
    )
    verdicts = {row.verdict for row in read(made).ranking} - {"baseline"}
    expected = {1: {"not tested"}, 2: {"leaning"}}.get(seeds, {"better"})
    assert verdicts == (expected if variants else set())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_wild_values_never_crash(bad: float) -> None:
    made = synthetic_results(2, variants=3)
    wild = read(with_values(made, pl.lit(bad), "activation=relu"))
    assert rows(wild)["activation=relu"].verdict in ("unstable", "worse", "better", "undecided")
    assert rows(wild)["activation=tanh"].n == 5
    assert read(with_values(made, pl.lit(bad), "base")).ranking


def test_no_noise_at_all_never_claims_certainty() -> None:
    made = synthetic_results(0, variants=2, noise=0.0, effects=[0.1, 0.0], margin=0.01)
    analysis = read(made)
    table = rows(analysis)
    assert table["activation=relu"].words.startswith("undecided: differs by exactly 0.1")
    assert table["activation=tanh"].words.startswith("no material difference")
    assert {"Seeds without effect"} <= titles(analysis)
    assert all(row.p is None or row.p > 0 for row in analysis.ranking)


def test_an_empty_store_and_a_half_finished_grid() -> None:
    made = synthetic_results(2)
    empty = analyze(made.plan, pl.DataFrame(schema=RUNS), pl.DataFrame(schema=SERIES))
    assert (empty.missing, empty.done, empty.curves.height) == (30, 0, 0)
    assert {row.verdict for row in empty.ranking} == {"baseline", "not tested"}
    for share in np.linspace(0.05, 0.95, 7):
        half = read(synthetic_results(2, finished=float(share), contexts=("a", "b")))
        assert half.done + half.missing == 60
        assert half.suggestions[0][1] == "ablate run grids/synthetic.yaml"


@pytest.mark.slow
def test_a_grid_of_2500_runs_is_read_in_seconds() -> None:
    made = synthetic_results(0, variants=499, points=1000, effects=0.01)
    series = made.series.filter(metric="val_loss")
    start = time.perf_counter()
    analysis = analyze(made.plan, made.runs, series)
    assert time.perf_counter() - start < 10
    assert analysis.done == 2500
    assert "31+" in " ".join(analysis.summary)
