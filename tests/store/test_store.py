"""The results folder: atomic, append-only, never brought down by a bad file."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from ablate.core import NoResultsError, StoreError
from ablate.store import PackWriter, RunState, Store, held, now, replacing, write_text
from ablate.testing.synthetic import synthetic_results


def write_pack(
    root: Path, pack_id: str, steps: dict[str, int], status: str | None = None, value: float = 1.0
) -> PackWriter:
    writer = PackWriter(root / "packs" / pack_id, pack_id)
    rows = [(run_id, step, "val_loss", value) for run_id, step in steps.items()]
    states = {run_id: RunState(step=step, status=status) for run_id, step in steps.items()}
    writer.flush(rows, states, updated=now(), step_seconds=None)
    return writer


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def half_a_write() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_a_write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*is intact"):
        write_text(tmp_path / "file" / "plan.json", "{}")


def test_foreign_folders_and_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not an ablate store"):
        Store(tmp_path).prepare()
    other = tmp_path / "other"
    Store(other).prepare()
    Store(other).prepare()
    (other / "store.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(StoreError, match="not a store of this version"):
        Store(other).prepare()


def test_the_furthest_attempt_counts_and_steps_are_kept_once(tmp_path: Path) -> None:
    write_pack(tmp_path, "01", {"a": 10, "b": 10})
    write_pack(tmp_path, "02", {"a": 30}, "done")
    write_pack(tmp_path, "03", {"a": 20, "b": 10})
    store = Store(tmp_path)
    attempt = store.attempt("a")
    assert attempt is not None
    assert (attempt.pack_id, attempt.state.step) == ("02", 30)
    assert store.has_ended("a", 30)
    assert store.has_ended("a", 20)
    assert not store.has_ended("a", 31)
    assert not store.has_ended("b", 20)
    assert not store.has_ended("c", 1)
    assert store.series(["a", "b"])["step"].to_list() == [10, 20, 30, 10]


@pytest.mark.parametrize("victim", ["status.json", "series-00000.parquet"])
def test_torn_files_are_reported_and_skipped(tmp_path: Path, victim: str) -> None:
    write_pack(tmp_path, "01", {"a": 10})
    write_pack(tmp_path, "02", {"b": 10})
    torn = tmp_path / "packs" / "01" / victim
    torn.write_bytes(torn.read_bytes()[:-7])
    store = Store(tmp_path)
    assert store.attempt("b") is not None
    assert store.series(["b"]).height == 1
    assert store.attempt("a") is None, "a run whose metrics are torn has to be trained again"
    assert store.series(["a"]).is_empty() == (victim != "status.json")
    assert any(str(torn) in line for line in store.damaged)


def test_what_went_on_from_a_torn_attempt_does_not_count_either(tmp_path: Path) -> None:
    first = write_pack(tmp_path, "01", {"a": 10, "b": 10}, "done")
    for pack_id, since in (("02", 10), ("03", 0)):
        writer = PackWriter(tmp_path / "packs" / pack_id, pack_id)
        writer.flush((), {"ab"[since == 0]: RunState(step=20, since=since)}, updated=now(), step_seconds=None)
    assert [Store(tmp_path).attempts[run_id][-1].pack_id for run_id in "ab"] == ["02", "03"]
    (first.folder / "series-00000.parquet").unlink()
    assert Store(tmp_path).attempt("a") is None
    assert Store(tmp_path).has_ended("b", 20)


def test_a_run_that_diverged_counts_as_done_only_at_budgets_before_that(tmp_path: Path) -> None:
    results = synthetic_results(0, variants=1, seeds=1)
    plan = results.plan
    run = plan.runs[0]
    for folder, step, status in (("after", run.steps + 5, "done"), ("before", run.steps - 5, "diverged")):
        write_pack(tmp_path / folder, "01", {run.run_id: step}, "diverged")
        found = Store(tmp_path / folder).runs(plan.runs).filter(pl.col("run_id") == run.run_id)
        assert found["status"].to_list() == [status]


def test_plans_are_read_back_and_missing_ones_say_what_exists(tmp_path: Path) -> None:
    plan = synthetic_results(0, variants=2, seeds=2).plan
    store = Store(tmp_path)
    store.write_plan(plan)
    assert store.plan(plan.name) == plan
    with pytest.raises(NoResultsError, match=f"did you mean {plan.name}"):
        store.plan(plan.name[:-1])


def test_a_living_driver_keeps_its_lock_and_a_dead_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    record = {"host": socket.gethostname(), "pid": sleeper.pid, "beat": time.time()}
    try:
        path.write_text(json.dumps(record))
        with pytest.raises(StoreError, match=f"process {sleeper.pid} on"), held(path):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()
    with held(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()
    path.write_text(json.dumps(record | {"host": "elsewhere", "pid": 1}))
    with pytest.raises(StoreError, match="on elsewhere"), held(path):
        pass
    path.write_text(json.dumps(record | {"host": "elsewhere", "beat": time.time() - 3600}))
    with held(path):
        pass


@pytest.mark.slow
def test_ten_thousand_runs_open_quickly(tmp_path: Path) -> None:
    """A sanity bound ten times above what is expected; timing proper is in benchmarks."""
    for pack in range(160):
        write_pack(tmp_path, f"{pack:03d}", {f"{pack}-{run}": 10 for run in range(64)}, "done")
    start = time.perf_counter()
    store = Store(tmp_path)
    assert len(store.attempts) == 160 * 64
    assert store.series(store.attempts).height == 160 * 64
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("every", "budget", "ended"),
    [(10, 30, True), (20, 30, True), (5, 30, False), (15, 30, False), (30, 30, True), (10, 20, True), (10, 25, False)],
)
def test_a_run_whose_recording_is_too_coarse_has_not_ended(
    tmp_path: Path, every: int, budget: int, ended: bool
) -> None:
    writer = PackWriter(tmp_path / "packs" / "01", "01")
    writer.flush((), {"a": RunState(step=30, status="done", every=10)}, updated=now(), step_seconds=None)
    assert Store(tmp_path).has_ended("a", budget, every) == ended


def test_what_is_forgotten_counts_no_more(tmp_path: Path) -> None:
    write_pack(tmp_path, "01", {"a": 30, "b": 30}, "done")
    writer = PackWriter(tmp_path / "packs" / "02", "02")
    writer.flush((), {"a": RunState(step=0, forgets=True)}, updated=now(), step_seconds=None)
    store = Store(tmp_path)
    assert (store.attempt("a"), store.has_ended("b", 30)) == (None, True)
    assert store.series(["a", "b"])["run_id"].unique().to_list() == ["b"]
    write_pack(tmp_path, "03", {"a": 10})
    store = Store(tmp_path)
    assert [attempt.pack_id for attempt in store.attempts["a"]] == ["03"]
    assert store.series(["a"])["step"].to_list() == [10]


def test_a_store_that_is_asked_for_some_runs_reads_no_packs_of_others(tmp_path: Path) -> None:
    """A pack starts in a store with thousands of others."""
    for pack_id, run_ids in {"1": "ab", "2": "bc", "3": "de"}.items():
        write_pack(tmp_path, pack_id, dict.fromkeys(run_ids, int(pack_id)))
        write_text(tmp_path / "packs" / pack_id / "pack.json", json.dumps({"run_ids": list(run_ids)}))
    marks = PackWriter(tmp_path / "packs" / "4", "4")  # what the driver notes has no record beside it
    marks.flush((), {"b": RunState(step=2, since=2, status="skipped")}, updated=now(), step_seconds=None)
    (tmp_path / "packs" / "3" / "status.json").write_text("torn")
    (tmp_path / "packs" / ".DS_Store").write_text("of a file manager")

    whole, some = Store(tmp_path), Store(tmp_path, frozenset("ab"))
    assert {run_id: some.attempts[run_id] for run_id in "ab"} == {run_id: whole.attempts[run_id] for run_id in "ab"}
    assert {attempt.pack_id for attempt in some.attempts["b"]} == {"1", "2", "4"}
    assert some.damaged == []
    assert len(whole.damaged) == 1
    assert Store(tmp_path, frozenset("x")).attempts.keys() <= {"b"}
    assert len(damaged_when_asked_for(tmp_path, "d")) == 1


def damaged_when_asked_for(root: Path, run_id: str) -> list[str]:
    store = Store(root, frozenset(run_id))
    assert store.attempt(run_id) is None
    return store.damaged
