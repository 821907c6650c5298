"""The next pack's program is compiled while this pack trains."""

import threading
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from ablate.engine import execute, programs
from ablate.engine.executable import Executable
from ablate.plan import make_plan
from ablate.store import Store
from ablate.systems import Signature

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
  optimizer: adamw
  train: {steps: 20, eval_every: 10}
metric: {name: val_loss, goal: minimize}
seeds: 2
ablate: {model.activation: [%s]}
run: {lanes: map}
"""

BROKEN = """
from ablate.systems import ACTIVATIONS, Activation


@ACTIVATIONS.register("broken_in_build")
class Broken(Activation):
    '''For a test.'''

    def build(self):
        '''See Activation.'''
        raise RuntimeError("no such thing")
"""


@pytest.fixture(autouse=True)
def _fresh_programs() -> Iterator[None]:
    programs.forget_programs()
    yield
    programs.forget_programs()


def train(folder: Path, activations: str, more: str = "") -> tuple[Store, tuple[str, ...], list[str]]:
    """The store, what went wrong, and the statuses in the order of the plan."""
    (folder / "grid.yaml").write_text(GRID % activations + more)
    plan = make_plan(folder / "grid.yaml", Store(folder / "runs"))
    outcome = execute(plan, folder / "runs", inline=True)
    return Store(folder / "runs"), outcome.messages, [outcome.statuses[run.run_id] for run in plan.runs]


def test_later_programs_are_compiled_in_another_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    compile_ = Executable.compile

    def compile_and_note(self: Executable, drawn_by: Collection[Signature] = ()) -> float:
        seconds = compile_(self, drawn_by)
        if seconds:
            threads.append(threading.current_thread().name)
        return seconds

    monkeypatch.setattr(Executable, "compile", compile_and_note)
    store, _, statuses = train(tmp_path, "tanh, gelu")
    assert statuses == ["done"] * 6
    assert len(threads) == 3, "each program once"
    assert sum(name.startswith("ablate-compile") for name in threads) == 2, "all but the first"
    for pack in store.packs():
        assert pack.waited_seconds is not None
        assert 0 < pack.waited_seconds < pack.compile_seconds + 1


def test_a_program_that_cannot_be_compiled_fails_its_own_pack(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    _, messages, statuses = train(tmp_path, "broken_in_build, gelu", "plugins: [broken.py]")
    assert statuses == ["done", "error", "done"] * 2
    assert len(messages) == 1
    assert "no such thing" in messages[0]
