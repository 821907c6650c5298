"""Programs are compiled by a process of their own while Ray starts."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ablate.engine import HeadStart, available_cpus, compile_cache, driver
from ablate.engine.interrupts import Stop
from ablate.engine.job import NextProgram, Programs
from ablate.engine.stages import Stages
from ablate.plan import make_plan
from ablate.store import Store

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8, activation: KIND}
  optimizer: adamw
  train: {steps: 20, eval_every: 10}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.width: [12, 16]}
plugins: [doubled.py]
"""
PLUGIN = """
from ablate.systems import ACTIVATIONS, Activation


@ACTIVATIONS.register("KIND")
class Doubled(Activation):
    '''For a test.'''

    def build(self):
        '''See Activation.'''
        return lambda x: 2 * x
"""
LOOK = """
import json, sys
from ablate.engine.drawing import read
from ablate.engine.job import Programs
from ablate.engine.programs import chosen
from ablate.plan import import_plugins
from ablate.store import Store
from pathlib import Path

asked = Programs.model_validate_json(sys.argv[1])
import_plugins(asked.plugins)
found = []
for program in asked.programs:
    shared, _, starts = read(program.configs)
    executable = chosen(shared, program.lanes, program.strategy, Store(Path(asked.store)))
    found.append(executable.is_kept([start.whole for start in starts]))
print(json.dumps(found))
"""


class Recorded(HeadStart):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.asked: Programs | None = None
        super().__init__()

    def begin(self, programs: Sequence[NextProgram], *, plugins: Sequence[str], store: Path) -> None:
        self.asked = Programs(programs=tuple(programs), plugins=tuple(plugins), store=str(store))
        super().begin(programs, plugins=plugins, store=store)

    def left(self) -> list[bool]:
        """Which of the programs another process finds."""
        assert self.asked is not None
        look = [sys.executable, "-c", LOOK, self.asked.model_dump_json()]
        found: list[bool] = json.loads(subprocess.run(look, check=True, stdout=subprocess.PIPE).stdout)
        return found


def named(text: str, folder: Path) -> str:
    """With a name of its own: the plug-ins of all tests are registered in this process."""
    return text.replace("KIND", f"doubled_in_{folder.name}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABLATE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "doubled.py").write_text(named(PLUGIN, tmp_path))
    time.sleep(0.1)  # what is as new as the process does not count
    return tmp_path


def begin(folder: Path, head_start: HeadStart, more: str = "") -> None:
    (folder / "grid.yaml").write_text(named(GRID, folder) + more)
    store = Store(folder / "runs")
    store.prepare()
    plan = make_plan(folder / "grid.yaml", store)
    stop = Stop(folder / "stop")
    driver._begin(head_start, Stages(plan, store, stop, None, (), lambda plan: None), store)


@pytest.mark.slow
def test_what_it_compiled_another_process_finds(folder: Path) -> None:
    with Recorded() as head_start:
        begin(folder, head_start)
        assert head_start.asked is not None
        assert [len(program.configs) for program in head_start.asked.programs] == [1, 1, 1]
        assert head_start._process.wait(120) == 0
    assert head_start.left() == [True] * 3
    (folder / "doubled.py").write_text(named(PLUGIN, folder) + "\n")
    assert head_start.left() == [False] * 3


@pytest.mark.slow
def test_the_first_report_ends_it_after_the_program_at_hand(folder: Path) -> None:
    with Recorded() as head_start:
        begin(folder, head_start)
        programs = folder / "cache" / "xla"
        while not list(programs.glob("*/programs/turn-*")):
            assert head_start._process.poll() is None
            time.sleep(0.01)
        seen: list[Any] = []
        driver._with_end(head_start, seen.append)("report")  # type: ignore[arg-type]
        assert seen == ["report"]
        assert head_start._process.wait(120) == 0
    assert head_start.left() == [True, False, False]


@pytest.mark.parametrize("resources", [f"{{cpu: {available_cpus() + 1}}}", "{gpu: 1}"])
def test_workers_of_another_size_get_none(folder: Path, resources: str) -> None:
    with Recorded() as head_start:
        begin(folder, head_start, f"run: {{resources: {resources}}}")
        assert head_start.asked is None


def test_a_command_that_fails_leaves_nothing_behind(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), HeadStart() as head_start:
        1 / 0  # noqa: B018
    assert head_start._process.returncode == -signal.SIGKILL


def test_one_that_does_not_listen_is_not_waited_for(tmp_path: Path) -> None:
    with HeadStart() as head_start:
        head_start._process.send_signal(signal.SIGSTOP)
        program = NextProgram(configs=({"long": "x" * 10**6},), lanes=1, strategy="auto")
        head_start.begin([program], plugins=[], store=tmp_path)
        head_start.end()
        assert head_start._process.wait(10) == -signal.SIGKILL


def test_one_that_is_gone_is_not_missed(folder: Path) -> None:
    with Recorded() as head_start:
        head_start._process.kill()
        head_start._process.wait()
        begin(folder, head_start)
        head_start.end()
        head_start.end()


def test_where_it_is_useful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HeadStart.is_useful(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert HeadStart.is_useful(tmp_path)
    (tmp_path / "nvidia0").touch()
    assert not HeadStart.is_useful(tmp_path)
    (tmp_path / "nvidia0").unlink()
    monkeypatch.setenv(compile_cache.VARIABLE, "off")
    assert not HeadStart.is_useful(tmp_path)


def test_who_dies_lets_go_and_who_stays_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "turn"
    hold = (
        "import sys, time; from pathlib import Path; from ablate.engine.compile_cache import alone\n"
        "with alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        monkeypatch.setattr(compile_cache, "SECONDS_TO_WAIT", 0.2)
        start = time.monotonic()
        with compile_cache.alone(path):
            assert time.monotonic() - start >= 0.2
            os.kill(other.pid, 0)
        other.kill()
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
    assert path.exists(), "it died with the file there"
    monkeypatch.setattr(compile_cache, "SECONDS_TO_WAIT", 60.0)
    start = time.monotonic()
    with compile_cache.alone(path):
        assert time.monotonic() - start < 30
    assert not path.exists()
