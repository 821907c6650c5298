"""In what order the results of a pack come to the disk."""

import time
from pathlib import Path
from threading import Event
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
