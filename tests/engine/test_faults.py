"""Real processes, really killed: nothing is lost, nothing is done twice, and the bits agree."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from ablate.store import Store

pytestmark = pytest.mark.slow

GRID = """
question: "What survives a kill?"
base:
  problem: {kind: spirals, points: 256, batch: 64}
  model: {kind: mlp, width: 128, layers: 3}
  optimizer: {kind: adamw, lr: 1e-3}
  train: {steps: 4000, eval_every: 500}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate:
  optimizer.lr: [3e-3]
  model.activation: tanh
run: {checkpoint_every: 250}
"""


class Running:
    """A driver process; what it prints goes to a file, so that killing it leaves no pipe behind."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / f"{uuid.uuid4().hex}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    def ends(self, code: int, *, timeout: float = 240) -> str:
        """Wait for the end, and give what was printed."""
        try:
            assert self.process.wait(timeout) == code, self._log.read_text()
        finally:
            self.process.kill()
            self.process.wait()
        return self._log.read_text()

    def reaches(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, while the process lives."""
        for _ in range(1200):
            if condition():
                return
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.05)
        self.process.kill()
        pytest.fail(f"waited for a minute; printed: {self._log.read_text()}")


@dataclass
class Driver:
    """`ablate run` in a process of its own, in a folder of the test's own."""

    folder: Path
    mark: str

    def start(self, *arguments: str) -> Running:
        command = [sys.executable, "-m", "ablate", "run", "grid.yaml", *arguments]
        environment = {**os.environ, "ABLATE_TEST_MARK": self.mark}
        environment.pop("XLA_FLAGS", None)
        return Running(command, self.folder, environment)

    def finish(self, *arguments: str) -> str:
        return self.start(*arguments).ends(0)

    @property
    def store(self) -> Store:
        return Store(self.folder / "runs")

    def steps(self) -> int:
        """Finished updates that the store knows of, over all runs."""
        return sum(attempts[-1].state.step for attempts in self.store.attempts.values())

    def workers(self) -> list[int]:
        """Process ids of the Ray actors that this driver started."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                title = (folder / "cmdline").read_bytes()
                if b"Trainable" in title and self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def results(self) -> pl.DataFrame:
        store = self.store
        plan = store.plan("grid")
        runs = store.runs(plan)
        assert runs["status"].to_list() == ["done"] * 6
        assert store.damaged == []
        return store.series(run.run_id for run in plan.runs)


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    (tmp_path / "grid.yaml").write_text(GRID)
    return Driver(tmp_path, uuid.uuid4().hex)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "grid.yaml").write_text(GRID)
    whole = Driver(folder, uuid.uuid4().hex)
    whole.finish()
    return whole.results()


def test_a_killed_driver_resumes_bitwise(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = driver.start()
    running.reaches(lambda: driver.steps() >= 1000)
    running.process.kill()
    running.ends(-signal.SIGKILL)
    assert driver.steps() < 24000
    assert "6 of 6 runs ended" in driver.finish()
    assert driver.results().equals(uninterrupted)


def test_a_killed_worker_is_replaced_within_the_run(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = driver.start()
    running.reaches(lambda: driver.steps() >= 1000)
    (worker,) = driver.workers()
    os.kill(worker, signal.SIGKILL)
    running.ends(0)
    assert driver.results().equals(uninterrupted)


def test_an_interrupt_saves_and_says_how_to_resume(driver: Driver, uninterrupted: pl.DataFrame) -> None:
    running = driver.start()
    running.reaches(lambda: driver.steps() >= 1000)
    running.process.send_signal(signal.SIGINT)
    assert "resume with: ablate run grid.yaml" in running.ends(130, timeout=60)
    assert 0 < driver.steps() < 24000
    driver.finish("--inline")
    assert driver.results().equals(uninterrupted)
    assert "nothing was left to train" in driver.finish()


def test_a_second_driver_is_refused(driver: Driver) -> None:
    running = driver.start()
    running.reaches(lambda: (driver.folder / "runs/grids/grid/lock").exists())
    refused = driver.start("--inline").ends(2, timeout=60)
    assert f"process {running.process.pid} on" in refused
    running.process.send_signal(signal.SIGTERM)
    running.ends(130, timeout=60)
