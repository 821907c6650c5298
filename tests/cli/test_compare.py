"""``ablate compare``: which of the three it does, what it says, and what it refuses."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablate.plan import make_plan
from ablate.store import PackRecord, PackWriter, Provenance, RunState, Store, now, provenance

from .test_cli import run_main

GRID = """
question: "Is tanh better on spirals?"
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-2}
  train: {steps: 40, eval_every: 20}
metric: {name: val_loss, goal: minimize}
seeds: 3
"""
A = GRID + "ablate: {model.activation: tanh, optimizer.lr: [0.03, 1e30]}\n"
B = (
    GRID.replace("seeds: 3", "seeds: 5").replace("steps: 40", "steps: 60")
    + "ablate: {model.activation: [tanh, gelu]}\n"
)

LOSSES = {"base": 0.5, "activation=tanh": 0.3, "activation=gelu": 0.4, "lr=0.03": 0.45}


def train(name: str, *, pack: str = "01", where: Provenance | None = None) -> None:
    """Pretend to have trained a grid of the working directory: final losses by variant and seed."""
    store = Store(Path("runs"))
    store.prepare()
    plan = make_plan(Path(f"{name}.yaml"), store)
    store.write_plan(plan.record)
    writer = PackWriter(store.pack_folder(pack), pack)
    ids = tuple(run.run_id for run in plan.runs)
    writer.open(
        PackRecord(
            pack_id=pack,
            signature="00000000",
            run_ids=ids,
            width=len(ids),
            strategy="map",
            devices=1,
            compile_seconds=1.0,
            provenance=where or provenance(),
        )
    )
    rows, states = [], {}
    for run in plan.runs:
        if run.variant == "lr=1e30":
            states[run.run_id] = RunState(step=1, status="diverged", cause="grad_norm")
            rows.append((run.run_id, 1, "train_loss", float("nan")))
            continue
        states[run.run_id] = RunState(step=run.steps, status="done", seconds=1.5)
        value = LOSSES.get(run.variant, 0.6) + 0.01 * run.seed + (0.001 * run.seed**2 if run.variant != "base" else 0)
        rows += [(run.run_id, run.steps, "val_loss", value), (run.run_id, 20, "val_loss", 1.0)]
    writer.flush(rows, states, updated=now(), step_seconds=0.1)


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two grids in the working directory, the first one trained."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(A)
    Path("b.yaml").write_text(B)
    train("a")


def compare(*arguments: str) -> dict[str, Any]:
    out, code = run_main(["compare", *arguments, "--json"])
    assert code == 0, out
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(found, dict)
    return found


def ids(grid: str = "a") -> dict[tuple[str, int], str]:
    return {(run.variant, run.seed): run.run_id for run in Store(Path("runs")).plan(grid).runs}


# --- two grids ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_here")
def test_two_grids() -> None:
    found = compare("a.yaml", "b.yaml")
    assert found["kind"] == "grids"
    assert [row["path"] for row in found["settings"]] == ["seeds", "train.steps"]
    assert found["base"] == []
    assert [(row["path"], row.get("b")) for row in found["axes"]] == [
        ("model.activation", ["tanh", "gelu"]),
        ("optimizer.lr", None),
    ]
    assert found["variants"]["only_a"] == ["lr=0.03", "lr=1e30"]
    assert found["variants"]["only_b"] == ["activation=gelu"]
    both = {run_id for (variant, _), run_id in ids().items() if variant in {"base", "activation=tanh"}}
    assert set(found["shared_runs"]) == both, "the seeds of both, whatever the budget"
    score = found["scores"]["activation=tanh"]
    assert (score["a"]["n"], score["b"]["n"], score["b"]["missing"]) == (3, 0, 5)


@pytest.mark.usefixtures("_here")
def test_scores_of_two_grids_side_by_side() -> None:
    train("b", pack="02")
    scores = compare("a.yaml", "b.yaml")["scores"]
    assert set(scores) == {"base", "activation=tanh"}
    assert [scores["base"][side]["n"] for side in "ab"] == [3, 5]
    assert scores["base"]["comparison"]["improvement"] == 0, "the same runs, recorded alike at both budgets"
    out, _ = run_main(["compare", "a.yaml", "b.yaml"])
    assert "12 in A, 15 in B, 6 of them shared" in out
    assert "val_loss, last (smaller is better)" in out
    assert "only in B: activation=gelu" in out


@pytest.mark.usefixtures("_here")
def test_scores_of_different_metrics_are_not_compared() -> None:
    Path("b.yaml").write_text(B.replace("val_loss, goal: minimize", "val_accuracy, goal: maximize"))
    found = compare("a.yaml", "b.yaml")
    assert found["scores"] == {}
    assert {row["path"] for row in found["settings"]} >= {"metric.name", "metric.goal"}
    assert "do not rank by the same score" in run_main(["compare", "a.yaml", "b.yaml"])[0]


# --- two variants -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("grid", [(), ("--grid", "a.yaml"), ("--grid", "a")], ids=["", "file", "name"])
def test_two_variants(grid: tuple[str, ...]) -> None:
    found = compare("tanh", "base", *grid)
    assert (found["kind"], found["grid"]) == ("variants", "a")
    assert (found["a"]["label"], found["b"]["label"]) == ("activation=tanh", "base")
    assert found["config"] == {"": [{"path": "model.activation.kind", "a": "tanh", "b": "relu"}]}
    assert found["same_program"] is False
    score = found["scores"][""]
    ours = [0.3 + 0.01 * seed + 0.001 * seed**2 for seed in range(3)]
    test = stats.ttest_rel([0.5 + 0.01 * seed for seed in range(3)], ours)
    low, high = test.confidence_interval(0.95)
    interval = score["comparison"]["interval"]
    assert (interval["low"], interval["high"]) == pytest.approx((low, high))
    assert score["comparison"]["improvement"] == pytest.approx(np.mean([0.5, 0.51, 0.52]) - np.mean(ours))
    assert score["words"] == "A is better"


@pytest.mark.usefixtures("_here")
def test_variants_that_differ_in_a_lane_field_share_a_program() -> None:
    found = compare("lr=0.03", "base")
    assert found["config"][""] == [{"path": "optimizer.lr", "a": 0.03, "b": 0.01}]
    assert found["same_program"] is True
    out, _ = run_main(["compare", "lr=1e30", "base"])
    assert "program: shared" in out
    assert "verdict: A is unstable: 3 of 3 runs diverged" in out


@pytest.mark.usefixtures("_here")
def test_variants_of_a_grid_that_never_ran_come_from_its_file() -> None:
    found = compare("gelu", "tanh", "--grid", "b.yaml")
    assert found["config"][""] == [{"path": "model.activation.kind", "a": "gelu", "b": "tanh"}]
    assert found["same_program"] is False
    assert found["scores"] == {}, "a shared run counts only at the budget that this grid asks for"


@pytest.mark.usefixtures("_here")
def test_a_grid_that_has_changed_is_compared_as_it_was_run() -> None:
    Path("a.yaml").write_text(A.replace("tanh", "gelu"))
    out, code = run_main(["compare", "tanh", "base", "--grid", "a.yaml"])
    assert code == 0
    assert "a.yaml has changed since it was run" in out
    assert "verdict: A is better" in out


@pytest.mark.usefixtures("_here")
def test_contexts_are_compared_each_for_itself() -> None:
    Path("c.yaml").write_text(A + "across: {model.width: [8, 16]}\n")
    train("c", pack="03")
    found = compare("tanh", "base", "--grid", "c.yaml")
    assert len(found["config"]) == len(found["scores"]) == 2
    out, _ = run_main(["compare", "tanh", "base", "--grid", "c.yaml"])
    assert out.count("model.activation.kind") == 1, "equal differences are shown once"
    assert out.count("verdict: A is better") == 2


# --- two runs -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_here")
def test_two_runs() -> None:
    Path("c.yaml").write_text(GRID.replace("width: 8", "width: 16"))
    elsewhere = provenance().model_copy(update={"host": "elsewhere", "versions": {"jax": "0.0.1"}})
    train("c", pack="04", where=elsewhere)
    one, two = ids()["base", 0], ids("c")["base", 1]
    found = compare(one[:10], two[:10].upper())
    assert (found["kind"], found["a"]["run_id"], found["b"]["run_id"]) == ("runs", one, two)
    assert found["config"] == [{"path": "model.width", "a": 8, "b": 16}]
    assert (found["a"]["seed"], found["b"]["seed"]) == (0, 1)
    assert found["a"]["last"] == {"val_loss": {"step": 40, "value": 0.5}}
    changed = {row["path"]: row.get("b") for row in found["provenance"]}
    assert changed["host"] == "elsewhere"
    assert changed["versions.jax"] == "0.0.1"
    assert changed["versions.numpy"] is None
    assert "platform" not in changed


@pytest.mark.usefixtures("_here")
def test_a_run_of_two_grids_and_one_that_diverged() -> None:
    train("b", pack="02")
    found = compare(ids()["base", 0], ids()["lr=1e30", 2])
    assert (found["a"]["grid"], found["a"]["budget"], found["a"]["step"]) == ("a, b", 60, 60)
    assert (found["b"]["status"], found["b"]["cause"], found["b"]["step"]) == ("diverged", "grad_norm", 1)
    assert found["b"]["last"]["train_loss"] == {"step": 1, "value": None}
    out, _ = run_main(["compare", ids()["base", 0], ids()["lr=1e30", 2]])
    assert "nan at 1" in out


@pytest.mark.usefixtures("_here")
def test_a_run_that_never_began() -> None:
    plan = make_plan(Path("b.yaml"), Store(Path("runs")))
    Store(Path("runs")).write_plan(plan.record)
    found = compare(ids()["base", 0], ids("b")["base", 4])
    assert (found["b"]["status"], found["b"]["step"], found["provenance"]) == (None, 0, None)
    assert "has not ended" in run_main(["compare", ids()["base", 0], ids("b")["base", 4]])[0]


@pytest.mark.usefixtures("_here")
def test_before_a_setting_is_chosen() -> None:
    Path("t.yaml").write_text(
        A.replace("lr: 1e-2", "lr: 1e-3") + "tune: {axes: {optimizer.b1: [0.8, 0.9]}, seeds: 1}\n"
    )
    store = Store(Path("runs"))
    store.write_plan(make_plan(Path("t.yaml"), store).record)
    found = compare("tanh", "base", "--grid", "t.yaml")
    assert (found["config"], found["same_program"], found["scores"]) == ({}, None, {})
    assert "not known before the tuned settings are chosen" in run_main(["compare", "tanh", "base", "--grid", "t"])[0]
    grids = compare("t.yaml", "a.yaml")
    assert grids["base"] is None
    assert {one["same"] for one in grids["variants"]["shared"]} == {None}
    assert grids["shared_runs"] == []
    tuning = store.plan("t").tuning
    assert tuning is not None
    runs = compare(tuning.runs[0].run_id, tuning.runs[1].run_id)
    assert [runs[side]["setting"] for side in "ab"] == ["b1=0.8", "b1=0.9"]
    assert runs["a"]["purpose"] == "tune"
    assert runs["config"] is None


# --- what A and B are ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.yaml", "base"], "'a.yaml' is a grid and 'base' is taken for the label of a variant"),
        (["RUN", "base"], "is a run and 'base' is taken for the label of a variant"),
        (["RUN", "abcdef0"], "'abcdef0' is taken for the label of a variant (no run id begins so)"),
        (["a.yaml", "b.yaml", "--grid", "a.yaml"], "with --grid, A and B are variants of that grid"),
        (["tnah", "base"], "no variant in the store runs is called 'tnah'; did you mean tanh?  [unknown-variant]"),
        (["abcdef0", "base"], "is called 'abcdef0' and no run id begins so"),
        (["base", "tnah", "--grid", "a.yaml"], "did you mean tanh? (in the grid a)  [unknown-variant]"),
        (["gelu", "base", "--grid", "a.yaml"], "(in the grid a)  [unknown-variant]"),
        (["base", "tanh", "--store", "nowhere"], "no grid was run in the store nowhere"),
        (["base", "tanh", "--grid", "nowhere.yaml"], "[file-not-found]"),
        (["a.yaml", "nowhere.yaml"], "[file-not-found]"),
    ],
)
def test_what_is_refused(arguments: list[str], expected: str) -> None:
    run_id = ids()["base", 0]
    out, code = run_main(["compare", *(run_id if one == "RUN" else one for one in arguments)])
    assert code == 2, out
    assert expected in out
    assert out.count("\n") == 1, "one message"


@pytest.mark.usefixtures("_here")
def test_labels_of_several_grids_need_one_to_be_named() -> None:
    train("b", pack="02")
    out, code = run_main(["compare", "base", "tanh"])
    assert (out, code) == (
        "'base' and 'tanh' are in several grids (a, b); choose one with --grid  [bad-reference]\n",
        2,
    )
    assert compare("gelu", "base")["grid"] == "b", "only one grid has both"
    out, code = run_main(["compare", "gelu", "lr=0.03"])
    assert code == 2
    assert "no grid in the store runs has both 'gelu' and 'lr=0.03'" in out


@pytest.mark.usefixtures("_here")
def test_a_beginning_of_several_ids_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(Path("runs"))
    plan = store.plan("a")
    alike = [run.model_copy(update={"run_id": f"abcdef{n:010x}"}) for n, run in enumerate(plan.runs)]
    store.write_plan(plan.model_copy(update={"runs": tuple(alike)}))
    out, code = run_main(["compare", "abcdef", "abcdef0000000001"])
    assert code == 2
    assert "12 run ids begin with 'abcdef' (abcdef0000000000, " in out
    assert compare("abcdef0000000000", "abcdef0000000001")["kind"] == "runs"


@pytest.mark.usefixtures("_here")
def test_with_grid_a_label_may_look_like_anything() -> None:
    Path("c.yaml").write_text(A.replace("ablate: {", "ablate: {facade: {model.width: 16}, "))
    train("c", pack="03")
    Path("base").write_text("a file of that name")
    found = compare("facade", "base", "--grid", "c.yaml")
    assert found["config"][""] == [{"path": "model.width", "a": 16, "b": 8}]


@pytest.mark.usefixtures("_here")
def test_a_torn_plan_is_reported_and_passed_over() -> None:
    folder = Path("runs/grids/torn")
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text('{"name": ')
    out, code = run_main(["compare", "tanh", "base"])
    assert code == 0
    assert "torn" in out
    assert "unreadable, skipped" in out


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("kind", [lambda: ["tanh", "base"], lambda: list(ids().values())[:2]], ids=["variants", "runs"])
def test_reading_a_store_needs_no_jax(kind: Callable[[], list[str]]) -> None:
    script = (
        f"import sys; sys.argv = ['ablate', 'compare', *{kind()!r}]\nfrom ablate.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print([name for name in ('jax', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]"), done.stdout + done.stderr
