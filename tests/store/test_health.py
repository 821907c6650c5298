"""What `ablate doctor` says about a results folder."""

import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from ablate.core import Checkup, examine
from ablate.store import PackWriter, RunState, Store, check_store, now, write_text

GONE = 2**22 + 1
"""No process has this id: it is above the kernel's largest."""


def checked(root: Path) -> Checkup:
    return examine("store", lambda facts: check_store(root, facts))


def texts(checkup: Checkup, level: str) -> str:
    return "\n".join(finding.text for finding in checkup.findings if finding.level == level)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with one finished run."""
    store = Store(tmp_path / "runs")
    store.prepare()
    write(store, "0001-aa", "first", status="done")
    return store.root


def write(store: Store, pack_id: str, run_id: str, status: Any) -> Path:
    writer = PackWriter(store.pack_folder(pack_id), pack_id)
    writer.flush(
        [(run_id, 5, "val_loss", 1.0)], {run_id: RunState(step=5, status=status)}, updated=now(), step_seconds=None
    )
    return writer.folder


def lock(root: Path, **changes: Any) -> None:
    owner = {"host": socket.gethostname(), "pid": os.getppid(), "beat": time.time()} | changes
    write_text(root / "grids/first/lock", json.dumps(owner))


def test_a_good_store_and_none_at_all(root: Path, tmp_path: Path) -> None:
    found = checked(root)
    assert found.level == "ok", found
    assert found.facts["runs"] == 1
    assert found.facts["bytes"] > 0
    before = sorted(tmp_path.rglob("*"))
    assert checked(tmp_path / "nowhere").level == "ok"
    assert sorted(tmp_path.rglob("*")) == before


def test_another_folder_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    assert "not a store" in texts(checked(tmp_path), "problem")


@pytest.mark.parametrize(
    "name", ["packs/0001-aa/series-00000.parquet", "packs/0001-aa/status.json", "calibration/0-0.json"]
)
def test_damaged_files(root: Path, name: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b"torn")
    found = checked(root)
    assert name in texts(found, "problem")
    assert [line for line in found.facts["damaged"] if name in line]
    assert any("delete the file" in finding.advice for finding in found.findings)


def test_what_the_dead_left(root: Path) -> None:
    lock(root, pid=GONE)
    (root / f"packs/0001-aa/.status.json.{GONE}.tmp").touch()
    (root / f"packs/0001-aa/.status.json.{os.getpid()}.tmp").touch()
    (root / "packs/0002-bb").mkdir()
    write(Store(root), "0003-cc", "second", status=None)
    found = checked(root)
    assert found.level == "note"
    notes = texts(found, "note")
    assert "grids/first/lock is left from a driver that is gone" in notes
    assert "1 file (0 B) left from writers that were killed" in notes
    assert "1 pack ended before anything was written, such as 0002-bb" in notes
    assert "1 run began and did not end, such as second" in notes
    assert found.facts["left_over"] == [str(root / f"packs/0001-aa/.status.json.{GONE}.tmp")]


def test_what_the_living_do_is_no_finding(root: Path) -> None:
    lock(root)
    (root / "packs/0002-bb").mkdir()
    write(Store(root), "0003-cc", "second", status=None)
    found = checked(root)
    assert found.level == "ok", found
    assert "first is being trained" in texts(found, "ok")


def test_foreign_files_are_named(root: Path) -> None:
    (root / "packs/0001-aa/notes.txt").touch()
    assert "1 file not of ablate, such as" in texts(checked(root), "note")


def test_a_full_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage(root)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    assert "only 1.0 kB are free" in texts(checked(root), "problem")
