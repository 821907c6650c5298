"""Plans of the shipped grids are pinned; packs follow the signature; what is done is not planned again."""

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.core import GridError
from ablate.plan import make_packs, make_plan
from ablate.store import PackWriter, RunState, Store, now

ROOT = Path(__file__).parents[2]
GRIDS = sorted((ROOT / "grids").glob("[!_]*.yaml"))
GOLDEN = Path(__file__).parent / "golden"


def golden(path: Path, tmp_path: Path) -> dict[str, Any]:
    """What a reviewer wants to see change: labels, ids, packs, and the whole base."""
    plan = make_plan(path, Store(tmp_path))
    record = plan.record
    base = record.variants[0].contexts[""]
    # The text of this corpus comes with Python and differs between its versions, and so do ids and alphabet.
    pinned = base["problem"].get("corpus", {}).get("kind") != "pydoc"
    return {
        "packs": [f"{pack.lanes} lanes: {pack.title}" for pack in plan.packs],
        "runs": {f"{run.variant} | seed {run.seed}": run.run_id if pinned else "" for run in record.runs},
        "changes": {variant.label: variant.changes for variant in record.variants},
        "parameters": {variant.label: variant.parameters if pinned else None for variant in record.variants},
        "base": record.variants[0].contexts,
        "claims": record.claims,
    }


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_shipped_grids_expand_as_recorded(path: Path, tmp_path: Path) -> None:
    """After a change that is meant: ``python -m tests.plan.test_plan`` writes the files anew; review the difference."""
    recorded = json.loads((GOLDEN / f"{path.stem}.json").read_text())
    assert json.loads(json.dumps(golden(path, tmp_path))) == recorded


@pytest.mark.parametrize("path", sorted((ROOT / "grids/gpu").glob("*.yaml")), ids=lambda path: path.stem)
def test_grids_for_gpus_ask_the_same_at_another_size(path: Path, tmp_path: Path) -> None:
    try:
        plan = make_plan(path, Store(tmp_path))
    except GridError as error:
        assert {problem.code for problem in error.problems} == {"no-corpus"}  # noqa: PT017
        pytest.skip(str(error))
    small = make_plan(path.parents[1] / path.name, Store(tmp_path))
    assert plan.grid.question == small.grid.question
    assert plan.grid.claims == small.grid.claims
    assert all(large.parameters > 10 * run.parameters for large, run in zip(plan.runs, small.runs, strict=False))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return path


GRID = """
base:
  problem: spirals
  model: {kind: mlp, width: 8}
  train: {steps: 20, eval_every: 10}
metric: {name: val_loss, goal: minimize}
seeds: 2
"""


def test_lanes_share_a_pack_exactly_when_the_program_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, GRID + "ablate: {optimizer.lr: [1, 2, 3], model.width: [8, 16], model.activation: tanh}")
    plan = make_plan(path, Store(tmp_path / "runs"))
    assert [pack.title for pack in plan.packs] == ["base, lr=1, lr=2 and 1 more", "width=16", "activation=tanh"]
    assert [len(pack.runs) for pack in plan.packs] == [8, 2, 2]
    packs = make_packs(plan.runs, most_lanes=3)
    assert [(len(pack.runs), pack.lanes) for pack in packs] == [(8, 3), (2, 2), (2, 2)]


def test_solo_lanes_make_one_pack_per_run(tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path, GRID + "run: {lanes: solo}"), Store(tmp_path / "runs"))
    assert [len(pack.runs) for pack in plan.packs] == [1, 1]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("seed_major", ["base 0", "width=16 0", "base 1", "width=16 1"]),
        ("file", ["base 0", "base 1", "width=16 0", "width=16 1"]),
    ],
)
def test_order(tmp_path: Path, order: str, expected: list[str]) -> None:
    plan = make_plan(
        write(tmp_path, GRID + f"ablate: {{model.width: [16]}}\nrun: {{order: {order}}}"), Store(tmp_path / "runs")
    )
    assert [f"{run.variant} {run.seed}" for run in plan.runs] == expected


def test_what_has_ended_is_not_planned_again(tmp_path: Path) -> None:
    path = write(tmp_path, GRID + "ablate: {optimizer.lr: [0.1]}")
    store = Store(tmp_path / "runs")
    plan = make_plan(path, store)
    done, *_, diverged = plan.runs
    writer = PackWriter(store.pack_folder("01"), "01")
    states = {done.run_id: RunState(step=20, status="done"), diverged.run_id: RunState(step=3, status="diverged")}
    writer.flush((), states, updated=now(), step_seconds=None)
    again = make_plan(path, Store(tmp_path / "runs"))
    assert again.ended == {done.run_id, diverged.run_id}
    (rest,) = again.remaining()
    assert len(rest.runs) == 2
    longer = make_plan(path, Store(tmp_path / "runs"), ["train.steps=30"])
    assert longer.ended == {diverged.run_id}
    more = make_plan(path, Store(tmp_path / "runs"), ["seeds=3"])
    assert {run.run_id for run in plan.runs} < {run.run_id for run in more.runs}


def test_a_default_written_out_is_no_other_variant(tmp_path: Path) -> None:
    plan = make_plan(write(tmp_path, GRID + "ablate: {optimizer.lr: [0.001, 0.1]}"), Store(tmp_path / "runs"))
    assert [warning.code for warning in plan.warnings] == ["duplicate-variant"]
    assert "lr=1e-3 has the same runs as base" in str(plan.warnings[0])
    assert len(plan.runs) == 4


def test_problems_of_variants_stand_where_they_are_written(tmp_path: Path) -> None:
    text = GRID + "ablate:\n  model.width: [16, wide]\n  model.actvation: relu\n  problem.noise: -1\n"
    with pytest.raises(GridError) as caught:
        make_plan(write(tmp_path, text), Store(tmp_path / "runs"))
    found = [
        (problem.location.line, problem.path, problem.code) for problem in caught.value.problems if problem.location
    ]
    assert found == [
        (9, "ablate.model.width", "wrong-type"),
        (10, "ablate.model.actvation", "unknown-field"),
        (11, "ablate.problem.noise", "bad-value"),
    ]


def test_parts_that_do_not_fit_are_a_problem_of_the_grid(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"mlp reads numbers.*use gpt"):
        make_plan(write(tmp_path, GRID + "ablate: {problem: [char_lm]}"), Store(tmp_path / "runs"))


def test_an_unknown_metric_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"grid\.yaml:6:16 .*did you mean val_loss"):
        make_plan(write(tmp_path, GRID.replace("val_loss", "val_los")), Store(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("raise ZeroDivisionError('oops')", "ZeroDivisionError: oops at .*mine.py:1"),
        ("import nowhere_at_all", "nowhere_at_all"),
    ],
)
def test_a_plugin_that_fails_says_where(tmp_path: Path, plugin: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(plugin)
    with pytest.raises(GridError, match=rf"failed to import.*{message}.*\[bad-plugin\]"):
        make_plan(write(tmp_path, GRID + "plugins: [mine.py]"), Store(tmp_path / "runs"))


def test_a_budget_cannot_be_tuned(tmp_path: Path) -> None:
    """The runs of two candidates would be one run, and which of them is longer decides nothing."""
    path = write(tmp_path, GRID + "tune: {axes: {train.steps: [10, 20]}}")
    with pytest.raises(GridError, match="base is the same run with steps=10 and with steps=20"):
        make_plan(path, Store(tmp_path / "runs"))


def test_the_flops_column_is_counted_per_variant_and_only_if_asked(tmp_path: Path) -> None:
    text = GRID + "ablate: {model.width: [16], optimizer.lr: [1]}\n"
    store = Store(tmp_path / "runs")
    plain = make_plan(write(tmp_path, text), store).record
    assert {variant.flops for variant in plain.variants} == {None}
    asked = make_plan(write(tmp_path, text + "report: {columns: [flops]}"), store).record
    base, wide, rate = (variant.flops for variant in asked.variants)
    assert base == rate
    assert base is not None
    assert wide is not None
    assert wide > 1.5 * base


if __name__ == "__main__":
    for each in GRIDS:
        written = json.dumps(golden(each, Path("nowhere")), indent=1, ensure_ascii=False)
        (GOLDEN / f"{each.stem}.json").write_text(written + "\n")
