"""The suite of benchmarks: grids that ablate and its peers read alike, a gate that refuses, a sum of what was measured.

Speed is not tested here.
"""

import json
import math
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from ablate.plan import make_plan
from ablate.store import Store
from ablate.systems import FAMILIES
from benchmarks import machine, table
from benchmarks.collect import key
from benchmarks.gate import compare
from benchmarks.grids import GRIDS
from benchmarks.summary import Results
from benchmarks.task import Curve

ROOT = Path(__file__).parents[2]
QUICK = GRIDS["R-S"].quick


# --- grids ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GRIDS)
def test_ablate_plans_the_trials_of_the_peers(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for family in FAMILIES:
        monkeypatch.setattr(family, "_members", dict(family._members))
    monkeypatch.delitem(sys.modules, "benchmarks.plugin", raising=False)
    grid = GRIDS[name]
    path = tmp_path / f"{name}.yaml"
    path.write_text(grid.text)
    plan = make_plan(path, Store(tmp_path / "runs"))
    settings = {variant.label: variant.contexts[""] for variant in plan.record.variants}
    planned = {(key(settings[run.variant], grid.paths), run.seed, run.steps) for run in plan.record.runs}
    assert planned == {(key(trial.settings, grid.paths), trial.seed, grid.steps) for trial in grid.trials}
    assert len(plan.runs) == len(grid.trials)


# --- the gate ---------------------------------------------------------------------------------------------------


def curves(*finals: float) -> dict[int, Curve]:
    """One per trial of the quick grid: two variants, three seeds."""
    return {index: Curve([1.0, 1.0], [2.0, 1.0, final], [0.0, 0.0, 0.0]) for index, final in enumerate(finals)}


REFERENCE = curves(1.0, 2.0, 3.0, 4.0, math.nan, 6.0)


@pytest.mark.parametrize(
    ("finals", "accepted"),
    [
        ((1.0, 2.0001, 3.0, 4.0, math.nan, 6.0), True),
        ((1.0, 2.0, 3.0, 4.0, math.nan, 6.001), False),
        ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), False),
        ((1.0, math.nan, 3.0, 4.0, math.nan, 6.0), False),
        ((1.0, 2.0, 3.0, 4.0, math.nan), False),
    ],
    ids=["agrees", "differs", "should diverge", "should not diverge", "lacks a trial"],
)
def test_the_gate(finals: tuple[float, ...], accepted: bool) -> None:
    found = compare(QUICK, REFERENCE, curves(*finals))
    assert found.accepted is accepted
    assert bool(found.reason) is not accepted


def test_of_many_seeds_three_must_agree() -> None:
    grid = QUICK.cut(seeds=5)
    reference = curves(*[1.0] * 10)
    assert compare(grid, reference, curves(1, 1, 1, 2, 2, *[1.0] * 5)).accepted
    assert not compare(grid, reference, curves(1, 1, 2, 2, 2, *[1.0] * 5)).accepted


@pytest.mark.slow
def test_peers_agree_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    peers = "fused_scan,oracle_vmap,ablate_inline,strong_loop"
    command = [sys.executable, "-m", "benchmarks.suite", "--grid", "R-S", "--quick", "--no-roofs", "--modes", "cold"]
    done = subprocess.run(
        [*command, "--peers", peers, "--wrong", "strong_loop", "--out", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    runs = {run["peer"]: run for run in json.loads(out.read_text())["runs"]}
    assert list(runs) == peers.split(","), done.stdout + done.stderr
    assert not any(run["failed"] for run in runs.values()), done.stdout
    wrong = runs.pop("strong_loop")
    assert not wrong["agreement"]["accepted"]
    assert wrong["wall_seconds"] is None
    assert done.returncode == 1
    for run in runs.values():
        assert run["agreement"]["accepted"], run["agreement"]["reason"]
        assert run["agreement"]["agreeing"] == len(QUICK.trials)
        assert run["wall_seconds"] > 0
    assert runs["ablate_inline"]["facts"]["compilations"] == len(QUICK.variants)


@pytest.mark.slow
def test_programs_alone_train_the_same_and_leave_out_what_diverged(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks.suite", "--grid", "R-D", "--quick", "--no-roofs", "--modes", "steady"]
    peers = ["--peers", "ablate_program,ablate_pack,oracle_vmap", "--out", str(out)]
    done = subprocess.run([*command, *peers], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for run in json.loads(out.read_text())["runs"]:
        assert run["agreement"]["accepted"], run
        assert run["steady_seconds"] > 0


# --- measuring --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_orphan_of_a_peer_counts_as_its_own(tmp_path: Path) -> None:
    mark, end = uuid.uuid4().hex, tmp_path / "end"
    burn = f"""
import pathlib, time
while time.process_time() < 1.5: pass
pathlib.Path({str(end)!r}).touch()
time.sleep(1)
"""
    with machine.watched(mark) as usage:
        command = ["sh", "-c", '"$0" -c "$1" &', sys.executable, burn]
        subprocess.run(command, env={machine.MARK: mark}, check=True)
        deadline = time.monotonic() + 60
        while not end.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    assert end.exists()
    assert 1.4 < usage.own < 3


# --- what is told of it -----------------------------------------------------------------------------------------


def run(peer: str, repeat: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "peer": peer,
        "mode": "cold",
        "repeat": repeat,
        "wall_seconds": seconds,
        "steady_seconds": None,
        "discarded": False,
        "failed": "",
        "agreement": {"accepted": True, "worst": 1e-6},
        "facts": {},
    } | more


def results(runs: list[dict[str, Any]], *, quick: bool = False) -> dict[str, Any]:
    return {
        "grid": "R-S",
        "quick": quick,
        "created": "2000-01-01",
        "load_gate": "below 0.5 busy cores",
        "machine": {"cores": 2, "processor": "p", "versions": {"jax": "0"}},
        "roofs": {},
        "left_out": {"optuna": "optuna"},
        "seeds": GRIDS["R-S"].seeds,
        "steps": GRIDS["R-S"].steps,
        "runs": runs,
    }


def test_ratios_are_taken_inside_a_repeat_and_only_of_what_counts() -> None:
    runs = [run("ablate", repeat, seconds) for repeat, seconds in enumerate((1.0, 10.0, 2.0, 5.0))]
    runs += [
        run("ray_plain", 0, 20.0),
        run("ray_plain", 1, 300.0),
        run("ray_plain", 2, 80.0, discarded=True),
        run("ray_plain", 3, 1.0, wall_seconds=None, agreement={"accepted": False, "worst": 1.0}),
    ]
    found = Results(results(runs))
    ratio = found.ratio("ray_plain", "cold")
    assert ratio is not None
    assert (ratio.median, ratio.count) == (25.0, 2)
    assert found.counts("ray_plain") == {"discarded": 1, "refused": 1}


def test_the_table_shows_what_programs_take_to_compile_with_nothing_beside_them(tmp_path: Path) -> None:
    alone = {"cold": [4.0, 6.0], "warm": [0.2, 0.2]}
    record = {"created": "2000-01-01", "machine": {"cores": 2}, "grids": {"R-S": [alone, alone]}}
    (tmp_path / "compilation.json").write_text(json.dumps(record))
    assert "| R-S | 2 | 10.0 (10.0 to 10.0) | 0.40 (0.40 to 0.40) | 4.0 (4.0 to 4.0) |" in table.section(tmp_path)


def test_the_loop_by_hand_is_compared_with_the_pack_loop_and_with_programs_alone(tmp_path: Path) -> None:
    seconds = {"ablate_pack": 2.0, "ablate_program": 1.6, "oracle_vmap": 1.5}
    runs = [run(peer, 0, 9.0, mode="steady", steady_seconds=time_, lane_steps=100) for peer, time_ in seconds.items()]
    (tmp_path / "R-S.json").write_text(json.dumps(results(runs)))
    assert "| R-S 0.75x; programs alone: R-S 0.94x |" in table.section(tmp_path)


def test_the_table_shows_losses_goals_and_what_has_no_number(tmp_path: Path) -> None:
    runs = [run("ablate", 0, 10.0), run("fused_scan", 0, 5.0), run("ray_plain", 0, 1.0, failed="x", wall_seconds=None)]
    (tmp_path / "R-S.json").write_text(json.dumps(results(runs)))
    (tmp_path / "R-M.json").write_text(json.dumps(results(runs, quick=True)))
    text = table.section(tmp_path)
    assert "| JAX, one fused scan per trial | 5.0 | 0.50 |" in text
    assert "(1 failed)" in text
    assert "Not installed: Optuna GridSampler in one process, fused scan (optuna)." in text
    assert "Not measured yet: R-M, " in text
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter"
    assert table.inserted(page, text) == f"before\n{table.BEGIN}\n{text}\n{table.END}\nafter"
    assert table.BEGIN in table.PAGE.read_text("utf-8")
