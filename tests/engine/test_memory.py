"""What compiled programs take, before anything is trained."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest

from ablate.engine import Footprint, footprints
from ablate.engine import memory as memory_module
from ablate.engine.executable import Executable
from ablate.plan import Pack, make_packs, make_plan
from ablate.store import CalibrationRecord, Store, now
from ablate.systems import Signature

GRID = """
base:
  problem: {kind: spirals, points: 64, batch: 16}
  model: {kind: mlp, width: 8}
metric: {name: val_loss, goal: minimize}
seeds: 4
ablate: {optimizer.lr: [1, 2], model.width: [16]}
"""


def write(tmp_path: Path, text: str = GRID) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    return path


def test_packs_of_one_program_are_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[tuple[str, int]] = []
    real = Executable.compile

    def counting(self: Executable, drawn_by: Collection[Signature] = ()) -> float:
        compiled.append((self.signature.id, self.width))
        return real(self, drawn_by)

    monkeypatch.setattr(Executable, "compile", counting)
    plan = make_plan(write(tmp_path), Store(tmp_path / "runs"))
    packs = make_packs(plan.runs, workers=4)
    started: list[Pack] = []
    found = list(footprints(plan, packs, Store(tmp_path / "runs"), on_start=started.append))
    assert [len(pack.runs) for pack in packs] == [4, 4, 4, 4], "three packs of the base and one of its own width"
    assert len(compiled) == len(set(compiled)) == len(started) == 2
    base = [one for one, pack in zip(found, packs, strict=True) if pack.signature == packs[0].signature]
    (other,) = (one for one, pack in zip(found, packs, strict=True) if pack.signature != packs[0].signature)
    assert len(base) == 3
    assert base[0] is base[1] is base[2] is not other
    assert base[0].signature == packs[0].signature.id != other.signature
    assert {one.compile_seconds > 0 for one in found} == {True}


def test_sizes_are_those_of_the_lanes(tmp_path: Path) -> None:
    """Arguments hold the state and the data of a device's lanes; the donated state is in the same place afterwards."""
    plan = make_plan(write(tmp_path), Store(tmp_path / "runs"))
    pack = plan.packs[0]
    (found,) = footprints(plan, [pack], Store(tmp_path / "runs"))
    devices = min(len(jax.local_devices()), len(pack.runs))
    assert (found.width, found.devices) == (len(pack.runs), devices)
    state = 3 * 4 * pack.runs[0].parameters * found.width // devices  # parameters and both moments of AdamW, float32
    data = 2 * 64 * (2 + 1) * 4
    assert state + data <= found.arguments <= 1.2 * (state + data)
    assert state <= found.aliased <= found.outputs
    assert found.peak == found.arguments + found.outputs + found.temporaries - found.aliased
    assert found.peak >= found.arguments


def test_a_limit_decides_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(write(tmp_path), Store(tmp_path / "runs"))
    monkeypatch.setattr(memory_module, "memory_limit", lambda device: 10**12)
    (found,) = footprints(plan, plan.packs[:1], Store(tmp_path / "runs"))
    assert found.limit == 10**12
    limits = {10**12: True, found.peak: True, found.peak - 1: False, None: None}
    assert {limit: replace(found, limit=limit).fits for limit in limits} == limits


def test_the_limit_is_what_the_backend_says() -> None:
    class Device:
        def __init__(self, stats: dict[str, int] | None) -> None:
            self.stats = stats

        def memory_stats(self) -> Any:
            return self.stats

    assert memory_module.memory_limit(Device({"bytes_limit": 8, "bytes_in_use": 3})) == 8
    assert memory_module.memory_limit(Device({})) is None
    assert memory_module.memory_limit(Device(None)) is None
    assert memory_module.memory_limit(jax.local_devices()[0]) is None, "a CPU says nothing"


@pytest.fixture
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Footprints without a compilation, for tests of what would be compiled."""

    def stub(executable: Executable) -> Footprint:
        return Footprint(executable.signature.id, executable.width, len(executable.devices), executable.strategy)

    monkeypatch.setattr(memory_module, "_compile", stub)


@pytest.mark.usefixtures("_uncompiled")
@pytest.mark.parametrize(("lanes", "strategy"), [("auto", "vmap"), ("strict", "map"), ("vmap", "vmap")])
def test_lanes_run_as_the_grid_asks(tmp_path: Path, lanes: str, strategy: str) -> None:
    plan = make_plan(write(tmp_path, GRID + f"run: {{lanes: {lanes}}}"), Store(tmp_path / "runs"))
    assert [one.strategy for one in footprints(plan, plan.packs[:1], Store(tmp_path / "runs"))] == [strategy]


@pytest.mark.usefixtures("_uncompiled")
def test_a_measured_choice_is_taken_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    plan = make_plan(write(tmp_path), store)
    pack = plan.packs[0]
    (before,) = footprints(plan, [pack], store)
    store.write_calibration(
        CalibrationRecord(
            signature=pack.signature.id,
            device=str(jax.local_devices()[0].device_kind),
            devices=before.devices,
            lanes=len(pack.runs),
            chosen="map",
            lane_steps_per_second={"map": 2.0, "vmap": 1.0},
            created=now(),
        )
    )
    (after,) = footprints(plan, [pack], store)
    assert (before.strategy, after.strategy) == ("vmap", "map")


BROKEN = '''
"""An activation that raises only when it is used."""

from ablate.systems import ACTIVATIONS, Activation


@ACTIVATIONS.register("late")
class Late(Activation):
    """For a test."""

    def build(self):
        """See Activation."""
        raise OSError("no disk today")
'''


def test_a_program_that_does_not_compile_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(BROKEN)
    text = GRID.replace("model.width: [16]", "model.activation: late") + "plugins: [late.py]\n"
    plan = make_plan(write(tmp_path, text), Store(tmp_path / "runs"))
    good, bad = footprints(plan, plan.packs, Store(tmp_path / "runs"))
    assert isinstance(bad, Footprint)
    assert not good.error
    assert bad.error.startswith("OSError: no disk today (at ")
    assert "late.py:13, in build" in bad.error
    assert bad.fits is None
