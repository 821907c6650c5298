"""In what order the results of a pack come to the disk."""

import time
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

from ablate.core import StoreError
from ablate.engine import checkpoint
from ablate.engine.recorder import Recorder, Snapshot
from ablate.store import PackWriter, RunState

STATE = "state-00000.safetensors"
PATIENCE = 30.0


def flush(recorder: Recorder) -> None:
    lanes: Any = None
    run = RunState(step=1, since=0, status="done", checkpoint=STATE)
    recorder.add("run", 1, {"loss": 0.5})
    recorder.flush({"run": run}, step_seconds=None, snapshot=Snapshot(STATE, lanes, {"run": 0}))


@pytest.fixture(autouse=True)
def nothing_on_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "to_host", lambda lanes: lanes)


def test_metrics_do_not_wait_for_the_state_but_the_status_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = Event()

    def save(path: Path, *_: Any) -> None:
        assert go_on.wait(PATIENCE)
        path.write_bytes(b"state")

    monkeypatch.setattr(checkpoint, "save", save)
    recorder = Recorder(PackWriter(tmp_path, "pack"))
    flush(recorder)
    end = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("series-*.parquet")):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not (tmp_path / "status.json").exists()
    go_on.set()
    recorder.wait()
    assert (tmp_path / "status.json").exists()
    assert (tmp_path / STATE).exists()
    recorder.close()


def test_without_the_state_there_is_no_status_and_nothing_is_written_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(path: Path, *_: Any) -> None:
        message = f"cannot write {path}"
        raise StoreError(message)

    monkeypatch.setattr(checkpoint, "save", save)
    recorder = Recorder(PackWriter(tmp_path, "pack"))
    flush(recorder)
    with pytest.raises(StoreError, match=STATE):
        recorder.wait()
    with pytest.raises(StoreError, match=STATE):
        flush(recorder)
    recorder.close()
    assert not (tmp_path / "status.json").exists()
    assert len(list(tmp_path.glob("series-*.parquet"))) == 1


def test_closing_waits_for_a_state_that_is_being_written_after_another_write_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = Event()

    def save(path: Path, *_: Any) -> None:
        assert go_on.wait(PATIENCE)
        path.write_bytes(b"state")

    def append(*_: Any) -> None:
        message = "no space"
        raise StoreError(message)

    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(PackWriter, "append", append)
    recorder = Recorder(PackWriter(tmp_path, "pack"))
    flush(recorder)
    with pytest.raises(StoreError, match="no space"):
        recorder.wait()
    assert not (tmp_path / STATE).exists()
    Timer(0.1, go_on.set).start()
    recorder.close()
    assert (tmp_path / STATE).exists()


def test_the_next_pack_writes_after_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The threads are those of the process."""

    def save(path: Path, *_: Any) -> None:
        if path.parent.name == "first":
            message = f"cannot write {path}"
            raise StoreError(message)
        path.write_bytes(b"state")

    monkeypatch.setattr(checkpoint, "save", save)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        recorder = Recorder(PackWriter(tmp_path / name, name))
        flush(recorder)
        recorder.close()
    assert not (tmp_path / "first" / "status.json").exists()
    assert (tmp_path / "second" / "status.json").exists()
