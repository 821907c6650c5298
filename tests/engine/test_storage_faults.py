"""A store that is full, cannot be written, or has torn files: one clear line, and then nothing is done twice."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from ablate.engine import execute
from ablate.plan import make_plan
from ablate.store import Store

from .driving import SPIRALS, Driver

SMALL = """
question: "What survives a bad disk?"
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: {kind: adamw, lr: 1e-2}
  train: {steps: 60, eval_every: 20}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [tanh, gelu]}
run: {lanes: map, checkpoint_every: 20}
"""


def mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"file systems cannot be mounted here: {done.stderr.strip()}")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A store on a disk of one mebibyte."""
    root = tmp_path / "runs"
    root.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root))
    yield root
    subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A store that is mounted for reading only."""
    root = tmp_path / "runs"
    Store(root).prepare()
    mount("--bind", "-o", "ro", str(root), str(root))
    yield root
    subprocess.run(["umount", "--lazy", str(root)], check=True)


def series(root: Path) -> pl.DataFrame:
    store = Store(root)
    plan = store.plan("grid")
    assert store.runs(plan.runs)["status"].to_list() == ["done"] * len(plan.runs)
    return store.series(run.run_id for run in plan.runs)


@pytest.mark.slow
def test_a_full_disk(full: Path, tmp_path: Path) -> None:
    driver = Driver(tmp_path, SPIRALS)
    printed = driver.finish(code=1)
    lines = [line for line in printed.splitlines() if "No space left on device" in line]
    assert len(lines) == 1, printed
    assert lines[0].startswith(f"cannot write {full}")
    assert "Traceback" not in printed
    assert printed.count("compiling") == 1, "nothing more is started on a disk that is full"
    assert "6 not ended" in printed
    subprocess.run(["mount", "-o", "remount,size=64m", str(full)], check=True)
    driver.finish("--inline")
    driver.results()


def test_a_disk_that_is_full_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grid.yaml").write_text(SMALL)
    fsync, written = os.fsync, []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if 12 <= len(written) < 16:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    def run(name: str) -> tuple[int, tuple[str, ...], int]:
        root = tmp_path / name
        outcome = execute(make_plan(tmp_path / "grid.yaml", Store(root)), root, inline=True)
        return outcome.exit_code, outcome.messages, len(outcome.statuses)

    assert run("whole") == (0, (), 6)
    monkeypatch.setattr(os, "fsync", full)
    code, messages, ended = run("full")
    assert (code, len(messages)) == (1, 1)
    assert "No space left on device" in messages[0]
    assert ended < 6
    monkeypatch.undo()
    assert run("full") == (0, (), 6)
    assert series(tmp_path / "full").equals(series(tmp_path / "whole"))


@pytest.mark.slow
def test_a_store_that_cannot_be_written(locked: Path, tmp_path: Path) -> None:
    driver = Driver(tmp_path, SMALL)
    printed = driver.finish("--inline", code=2)
    assert printed.splitlines()[1:] == [f"error: cannot write {locked / 'grids/grid'}: Read-only file system"]


@pytest.mark.slow
def test_a_file_where_the_store_should_be(tmp_path: Path) -> None:
    driver = Driver(tmp_path, SMALL)
    (tmp_path / "runs").write_text("in the way")
    assert "Directory 'runs' is a file" in driver.finish(code=2)
    refused = driver.finish("--store", "runs/inside", code=2)
    assert refused.splitlines()[1:] == [
        f"error: cannot write {tmp_path / 'runs/inside/store.json'}: Not a directory; "
        "what was there before is intact, so mend that and try again"
    ]


@pytest.mark.parametrize("victim", ["series-*.parquet", "status.json"])
def test_a_finished_run_whose_results_are_torn_is_trained_again(tmp_path: Path, victim: str) -> None:
    """And no other, and with the same results."""
    (tmp_path / "grid.yaml").write_text(SMALL)
    root = tmp_path / "runs"

    def run() -> tuple[int, int, int]:
        outcome = execute(make_plan(tmp_path / "grid.yaml", Store(root)), root, inline=True)
        return outcome.exit_code, outcome.trained, len(outcome.damaged)

    assert run() == (0, 6, 0)
    before = series(root)
    hurt = sorted((root / "packs").glob(f"*/{victim}"))[0]
    hurt.write_bytes(hurt.read_bytes()[:-10])
    code, trained, damaged = run()
    assert (code, trained) == (0, 2), "the two runs of its pack"
    assert damaged > 0
    assert series(root).equals(before)
    assert run()[:2] == (0, 0), "once is enough"


def test_a_torn_checkpoint_of_a_finished_run_is_not_missed(tmp_path: Path) -> None:
    """Until the run is to go on: then it begins anew, with the same results."""
    (tmp_path / "grid.yaml").write_text(SMALL)

    def run(root: Path, *overrides: str) -> tuple[int, int, int]:
        outcome = execute(make_plan(tmp_path / "grid.yaml", Store(root), overrides), root, inline=True)
        return outcome.exit_code, outcome.trained, len(outcome.damaged)

    run(tmp_path / "torn")
    hurt = sorted((tmp_path / "torn/packs").glob("*/state-*.safetensors"))[0]
    hurt.write_bytes(hurt.read_bytes()[:-10])
    assert run(tmp_path / "torn") == (0, 0, 0)
    code, trained, damaged = run(tmp_path / "torn", "train.steps=100")
    assert (code, trained) == (0, 6)
    assert damaged > 0
    run(tmp_path / "whole", "train.steps=100")
    assert series(tmp_path / "torn").equals(series(tmp_path / "whole"))
