"""Costs: the front, times to a target with runs that never reach it, and what may be compared."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from ablate.analysis import Analysis, ContextCost, CostRow, analyze
from ablate.analysis._study import Curve
from ablate.analysis._target import arrival, middle, ratios
from ablate.analysis.cost import pareto
from ablate.core import Goal
from ablate.store.schema import PackRecord
from ablate.testing.synthetic import SyntheticResults, synthetic_results


def read(made: SyntheticResults, **more: Any) -> Analysis:
    return analyze(made.plan, made.runs, made.series, **more)


def cost(made: SyntheticResults, **more: Any) -> ContextCost:
    found = read(made, **more).cost
    assert found is not None
    return found.contexts[0]


def rows(found: ContextCost) -> dict[str, CostRow]:
    return {row.variant: row for row in found.rows}


def with_curves(made: SyntheticResults, curves: dict[str, list[float]]) -> SyntheticResults:
    """The ranking metric of each run as given, recorded at steps 100, 200, ...; by label."""
    label = {run.run_id: run.variant for run in made.plan.runs}
    values = [
        {"run_id": run_id, "step": 100 * place, "metric": "val_loss", "value": value}
        for run_id, variant in label.items()
        for place, value in enumerate(curves[variant], start=1)
    ]
    return replace(made, series=pl.DataFrame(values, schema=made.series.schema))


def test_times_to_the_baselines_last_value_by_hand() -> None:
    made = synthetic_results(0, variants=("fast", "slow", "same"), seeds=3, steps=400)
    curves = {
        "base": [4.0, 3.0, 2.5, 2.0],
        "fast": [3.0, 2.0, 1.5, 1.9],
        "slow": [4.5, 4.0, 3.5, 3.0],
        "same": [4.0, 3.0, 2.5, 2.0],
    }
    made = with_curves(made, curves)
    found = rows(cost(made))
    assert {name: row.target_steps for name, row in found.items()} == {
        "base": 400,
        "fast": 200,
        "slow": math.inf,
        "same": 400,
    }
    assert (found["fast"].reached, found["slow"].reached, found["slow"].tried) == (3, 0, 3)
    assert (found["fast"].speed_up, found["same"].speed_up, found["slow"].speed_up) == (2.0, 1.0, 0.0)
    pace = made.runs.filter(variant="fast").select(pl.col("seconds") / pl.col("step")).to_series()
    assert found["fast"].target_seconds == pytest.approx(200 * float(np.median(pace)))
    assert found["fast"].overfit == pytest.approx(1.9 / 1.5)
    assert found["slow"].overfit == 1.0


def test_a_claim_about_a_value_sets_the_target() -> None:
    claims = [
        {"that": "fast", "is": "below", "value": 1.0},
        {"that": "base", "is": "below", "value": 3.0},
        {"that": "base", "is": "above", "value": 0.1},
    ]
    made = synthetic_results(0, variants=("fast",), seeds=3, steps=400, claims=claims)
    made = with_curves(made, {"base": [4.0, 3.5, 3.2, 3.1], "fast": [3.2, 2.9, 2.5, 2.0]})
    analysis = read(made)
    assert analysis.cost is not None
    assert analysis.cost.target == "val_loss 3.00, as a claim of the grid sets it"
    found = rows(analysis.cost.contexts[0])
    assert (found["base"].target_steps, found["fast"].target_steps) == (math.inf, 200)
    assert found["fast"].speed_up == math.inf


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_arrivals_are_censored_only_where_the_run_goes_on(goal: Goal) -> None:
    sign = 1.0 if goal == "minimize" else -1.0
    curve = Curve(np.array([0.0, 10.0, 20.0, 30.0]), sign * np.array([-9.0, np.nan, 1.0, 5.0]), 30)
    reached = arrival(curve, sign * 2.0, None, goal, 0.5)
    assert (reached.steps, reached.seconds) == (20.0, 10.0), "step 0 is before training"
    assert arrival(curve, sign * 0.5, "done", goal, 0.5).steps == math.inf
    assert arrival(curve, sign * 0.5, "diverged", goal, None).seconds == math.inf
    assert arrival(curve, sign * 0.5, "error", goal, 0.5).steps is None
    assert arrival(curve, sign * 0.5, None, goal, 0.5).steps is None
    assert arrival(None, 1.0, "done", goal, None).steps == math.inf
    assert arrival(curve, None, "done", goal, 0.5).steps is None


def test_medians_and_ratios_may_be_infinite() -> None:
    assert middle([]) is None
    assert middle([1.0, math.inf]) == math.inf
    assert middle([3.0, math.inf, 1.0]) == 3.0
    assert middle([math.inf, math.inf]) == math.inf
    assert middle([1.0, 2.0]) == 1.5
    assert ratios([4.0, 4.0, math.inf, math.inf, None], [2.0, math.inf, 2.0, math.inf, 1.0]) == [2.0, 0.0, math.inf]


def row(variant: str, mean: float | None, parameters: int | None, verdict: Any = "undecided") -> CostRow:
    nothing = dict.fromkeys(("flops", "step_ms", "seconds", "target_steps", "target_seconds"))
    rest: dict[str, Any] = dict.fromkeys(("speed_up", "speed_up_seconds", "overfit"))
    return CostRow(
        variant=variant,
        verdict=verdict,
        mean=mean,
        n=3,
        parameters=parameters,
        hardware=(),
        reached=0,
        tried=0,
        overfit_n=0,
        **nothing,
        **rest,
    )


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_the_front_is_what_no_other_dominates(goal: Goal) -> None:
    rng = np.random.default_rng(0)
    points = [(f"v{k}", float(rng.integers(6)), int(rng.integers(1, 6))) for k in range(25)]
    front = pareto([row(*point) for point in points], lambda one: one.parameters, goal)
    sign = 1.0 if goal == "minimize" else -1.0

    def dominated(one: tuple[str, float, int]) -> bool:
        at_least = [two for two in points if sign * two[1] <= sign * one[1] and two[2] <= one[2]]
        return any(two[1:] != one[1:] for two in at_least)

    assert set(front) == {one[0] for one in points if not dominated(one)}
    costs = {name: parameters for name, _, parameters in points}
    assert [costs[name] for name in front] == sorted(costs[name] for name in front)


def test_the_front_leaves_out_what_is_unstable_or_unknown() -> None:
    some = [row("a", 1.0, 10), row("b", 0.5, 5, "unstable"), row("c", None, 1), row("d", 0.9, None)]
    assert pareto(some, lambda one: one.parameters, "minimize") == ("a",)


def test_only_costs_by_which_the_variants_differ_have_an_axis() -> None:
    made = synthetic_results(0, variants=3)
    runs = made.runs.with_columns(seconds=0.002 * pl.col("step"))
    assert cost(replace(made, runs=runs)).axes == ()
    larger = synthetic_results(0, variants=3, parameters={"activation=tanh": 200_000})
    assert [axis.key for axis in cost(larger).axes] == ["seconds", "parameters"]
    variants = tuple(
        variant.model_copy(update={"flops": 1e6 * place}) for place, variant in enumerate(made.plan.variants, start=1)
    )
    found = cost(replace(made, plan=made.plan.model_copy(update={"variants": variants})))
    assert [axis.key for axis in found.axes] == ["seconds", "flops"]
    assert rows(found)["base"].flops == 1e6 * 1000


def packs_of(made: SyntheticResults, processors: dict[str, str]) -> list[PackRecord]:
    return [
        PackRecord(
            pack_id=pack,
            signature="s",
            run_ids=(),
            width=1,
            strategy="map",
            devices=1,
            compile_seconds=1.0,
            provenance=made.plan.provenance.model_copy(update={"processor": processor}),
        )
        for pack, processor in processors.items()
    ]


def test_times_on_different_hardware_are_not_compared() -> None:
    made = synthetic_results(0, variants=2, seeds=4, parameters={"activation=relu": 5})
    other = pl.when(pl.col("variant") == "activation=tanh").then(pl.lit("there")).otherwise(pl.lit("here"))
    mixed = replace(made, runs=made.runs.with_columns(pack_id=other))
    packs = packs_of(made, {"here": "fast", "there": "slow"})
    analysis = read(mixed, packs=packs)
    assert analysis.cost is not None
    found = analysis.cost.contexts[0]
    assert found.hardware == ("fast; cpu", "slow; cpu")
    seconds, parameters = found.axes
    assert (seconds.key, seconds.comparable, seconds.front) == ("seconds", False, ())
    assert parameters.comparable
    assert parameters.front
    by_name = rows(found)
    assert by_name["activation=relu"].speed_up_seconds is not None
    assert by_name["activation=tanh"].speed_up is not None
    assert by_name["activation=tanh"].speed_up_seconds is None
    assert "compared only between runs on the same" in analysis.cost.words
    titles = {flag.title: flag for flag in analysis.flags}
    assert titles["Mixed hardware"].section == "methods"
    same = read(mixed, packs=packs_of(made, {"here": "fast", "there": "fast"}))
    assert "Same code, versions and hardware" in {flag.title for flag in same.flags}
    assert same.cost is not None
    assert same.cost.contexts[0].axes[0].comparable


def test_mixed_commits_and_versions_are_flagged() -> None:
    made = synthetic_results(0, variants=2)
    packs = packs_of(made, {f"pack-{seed}": "same" for seed in range(5)})
    changed = packs[0].provenance.model_copy(update={"versions": {"jax": "0.9.1"}, "git_dirty": True})
    titles = {
        flag.title: flag
        for flag in read(made, packs=[packs[0].model_copy(update={"provenance": changed}), *packs[1:]]).flags
    }
    assert titles["Mixed versions"].level == "warning"
    assert "ablate none and 0.1.0" in titles["Mixed versions"].detail
    assert "with uncommitted changes" in titles["Mixed commits"].detail
    assert "Mixed hardware" not in titles
    elsewhere = packs[0].model_copy(update={"pack_id": "of another grid", "provenance": changed})
    assert "Mixed versions" not in {flag.title for flag in read(made, packs=[*packs, elsewhere]).flags}


def test_unequal_arithmetic_is_a_warning_for_a_winner() -> None:
    made = synthetic_results(0, variants=2, effects=[0.2, 0.0])
    variants = tuple(
        one.model_copy(update={"flops": 2e6 if one.label == "activation=relu" else 1e6}) for one in made.plan.variants
    )
    analysis = read(replace(made, plan=made.plan.model_copy(update={"variants": variants})))
    (flag,) = [flag for flag in analysis.flags if flag.title == "Unequal arithmetic"]
    assert (flag.level, flag.section, "activation=relu 2×" in flag.detail) == ("warning", "cost", True)


@pytest.mark.parametrize(
    "given",
    [
        {"finished": 0.0},
        {"finished": 0.4},
        {"seeds": 1},
        {"statuses": {("base", seed): "diverged" for seed in range(5)}},
        {"statuses": {("activation=relu", seed): "error" for seed in range(5)}},
        {"level": 1e12, "noise": 1e9},
        {"metric": "val_accuracy", "noise": 0.001},
    ],
    ids=str,
)
def test_any_state_of_a_grid_has_costs(given: dict[str, Any]) -> None:
    analysis = read(synthetic_results(1, variants=3, **given))
    assert analysis.cost is not None
    for one in analysis.cost.contexts[0].rows:
        assert 0 <= one.reached <= one.tried
        assert one.overfit is None or one.overfit >= 1.0
        assert (one.target_steps is None) == (one.tried == 0)


def test_a_run_that_ends_without_the_target_counts_as_never() -> None:
    curves = {name: [3.0, 2.0] for name in ("base", "a")}
    made = synthetic_results(0, variants=("a",), seeds=2, steps=200, statuses={("a", 1): "diverged"})
    made = with_curves(made, curves)
    ids = [run.run_id for run in made.plan.runs if (run.variant, run.seed) == ("a", 1)]
    gone = pl.col("run_id").is_in(ids)
    made = replace(made, series=made.series.filter(~(gone & (pl.col("step") > 100))))
    found = rows(cost(made))["a"]
    assert (found.reached, found.tried, found.target_steps) == (1, 2, math.inf)
