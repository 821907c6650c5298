"""`ablate run` in processes of its own, and what they leave behind."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from ablate.store import Store

SPIRALS = """
question: "What survives a kill?"
base:
  problem: {kind: spirals, points: 256, batch: 64}
  model: {kind: mlp, width: 128, layers: 3}
  optimizer: {kind: adamw, lr: 1e-3}
  train: {steps: 2000, eval_every: 500}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate:
  optimizer.lr: [3e-3]
  model.activation: tanh
run: {checkpoint_every: 250, lanes: map}
"""
"""Six runs in two packs, a second or a few each."""

PAUSING = SPIRALS.replace("steps: 2000", "steps: 8000") + "plugins: [pausing.py]\n"
"""The same, longer, with workers that wait where `Driver.pause` tells them to."""


_running: list[subprocess.Popen[bytes]] = []


def end_all() -> None:
    """Kill what a failed test left running, so that the tests after it are on their own."""
    while _running:
        process = _running.pop()
        process.kill()
        process.wait()


class Running:
    """A driver process; what it prints goes to a file, so that killing it leaves no pipe behind."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / f"{uuid.uuid4().hex}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        _running.append(self.process)

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def ends(self, code: int, *, timeout: float = 240) -> str:
        """Wait for the end, and give what was printed."""
        try:
            assert self.process.wait(timeout) == code, f"ended with {self.process.returncode}:\n{self.printed}"
        finally:
            self.process.kill()
            self.process.wait()
        return self.printed

    def reaches(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, while the process lives."""
        for _ in range(4800):
            if condition():
                return
            assert self.process.poll() is None, self.printed
            time.sleep(0.05)
        self.process.kill()
        pytest.fail(f"waited for four minutes; printed: {self.printed}")


@dataclass
class Driver:
    """`ablate run` in a process of its own, in a folder of the test's own."""

    folder: Path
    grid: str = SPIRALS
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "grid.yaml").write_text(self.grid)
        shutil.copy(Path(__file__).with_name("pausing.py"), self.folder)

    def pause(self) -> None:
        """Let workers that start from now on wait after their first checkpoint, in a grid like `PAUSING`."""
        (self.folder / "pause").touch()

    def go_on(self) -> None:
        """Let them train to the end."""
        (self.folder / "pause").unlink()

    def start(self, *arguments: str, command: str = "run") -> Running:
        environment = {**os.environ, "ABLATE_TEST_MARK": self.mark, **self.environment}
        if "XLA_FLAGS" not in self.environment:
            environment.pop("XLA_FLAGS", None)
        return Running([sys.executable, "-m", "ablate", command, "grid.yaml", *arguments], self.folder, environment)

    def finish(self, *arguments: str, code: int = 0, command: str = "run") -> str:
        return self.start(*arguments, command=command).ends(code)

    @property
    def store(self) -> Store:
        return Store(self.folder / "runs")

    def steps(self) -> int:
        """Finished updates that the store knows of, over all runs."""
        return sum(attempts[-1].state.step for attempts in self.store.attempts.values())

    def statuses(self) -> dict[str, list[str | None]]:
        """Variant -> status of each of its runs."""
        runs = self.store.runs(self.store.plan("grid").runs)
        return {label: part["status"].to_list() for (label,), part in runs.group_by("variant", maintain_order=True)}

    def messages(self) -> dict[str, str]:
        """Variant -> what the store says of its last run."""
        runs = self.store.runs(self.store.plan("grid").runs)
        return dict(runs.select("variant", "message").iter_rows())

    def processes(self, title: bytes) -> list[int]:
        """Ids of the living processes that this driver started, or that those started, by a part of their title."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (
                    title in (folder / "cmdline").read_bytes()
                    and self.mark.encode() in (folder / "environ").read_bytes()
                ):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def workers(self) -> list[int]:
        """Process ids of the Ray actors that train.

        Ray renames an actor for each call, and a title that is being written reads as empty: one look may miss it.
        """
        found: set[int] = set()
        for _ in range(3):
            found |= set(self.processes(b"Trainable"))
            time.sleep(0.01)
        return sorted(found)

    def worker(self) -> int:
        """Process id of the one Ray actor that trains."""
        for _ in range(200):
            if found := self.workers():
                (worker,) = found
                return worker
            time.sleep(0.05)
        pytest.fail("no worker appeared in ten seconds")

    def is_left_alone(self) -> None:
        """Wait until the last worker is gone: Ray ends those of a killed driver, which train until then."""
        for _ in range(2400):
            if not self.workers():
                return
            time.sleep(0.05)
        pytest.fail("after two minutes a worker still lives")

    def results(self) -> pl.DataFrame:
        """Every recorded metric, after a look at whether each run is done, once."""
        store = self.store
        plan = store.plan("grid")
        runs = store.runs(plan.runs)
        assert runs["status"].to_list() == ["done"] * len(plan.runs)
        for run in plan.runs:
            assert [attempt.state.status for attempt in store.attempts[run.run_id]].count("done") == 1
        assert store.damaged == []
        return store.series(run.run_id for run in plan.runs)
