"""``ablate plan``: the estimate of time where nothing was measured, and ``--compile``."""

import json
from pathlib import Path

import pytest

from ablate.engine import Footprint
from ablate.engine import memory as memory_module
from ablate.engine.executable import Executable
from ablate.plan import ASSUMED_FLOPS, make_plan
from ablate.plan import estimate as estimate_module
from ablate.store import Store
from ablate.systems import count_flops

from .test_cli import GRID, run_main


@pytest.fixture
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grid.yaml").write_text(GRID)


@pytest.fixture
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Invented footprints: a limit of 1 GB, of which the program of tanh needs twice as much; relu does not compile."""

    def stub(executable: Executable) -> Footprint:
        facts = (executable.signature.id, executable.width, len(executable.devices), executable.strategy)
        text = str(executable.signature.structure)
        if "Relu" in text:
            return Footprint(*facts, error="OSError: no disk today (at bad.py:3, in build)")
        return Footprint(*facts, 2.5, 1_500_000_000, 1_000_000_000, 500_000_000, 1_000_000_000, limit=10**9)

    monkeypatch.setattr(memory_module, "_compile", stub)


@pytest.mark.usefixtures("_here")
def test_without_a_measurement_the_time_is_one_at_an_assumed_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate_module, "ASSUMED_FLOPS", ASSUMED_FLOPS / 1e6)
    out, code = run_main(["plan", "grid.yaml"])
    assert code == 0
    assert "remaining: 9 runs, 360 run-steps, about " in out
    assert " at an assumed 20 GFLOP/s per core; nothing was measured here yet" in out
    plan = json.loads(run_main(["plan", "grid.yaml", "--json"])[0])
    assert plan["estimated_seconds"] is None
    assert plan["assumed_seconds"] == pytest.approx(sum(pack["assumed_seconds"] for pack in plan["packs"]))
    first = make_plan(Path("grid.yaml"), Store(Path("runs"))).packs[0]
    assert plan["packs"][0]["flops_per_update"] == count_flops(first.signature).update
    assert "program" not in plan["packs"][0]


@pytest.mark.usefixtures("_here")
def test_what_is_not_counted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate_module, "MOST_COUNTED", 1)
    out, _ = run_main(["plan", "grid.yaml"])
    assert "; without 1 pack whose work is not counted (--compile counts all)" in out
    monkeypatch.setattr(estimate_module, "MOST_COUNTED", 0)
    out, _ = run_main(["plan", "grid.yaml"])
    assert "360 run-steps; no speed was measured here yet" in out


@pytest.mark.usefixtures("_here")
def test_compile_shows_what_the_real_programs_take() -> None:
    out, code = run_main(["plan", "grid.yaml", "model.activation=relu", "--compile", "--json"])
    assert code == 0
    plan = json.loads(out[out.index("{") :])
    assert "compiling " in out[: out.index("{")]
    shared = {pack["signature"] for pack in plan["packs"]}
    assert {pack["program"]["signature"] for pack in plan["packs"]} == shared
    program = plan["packs"][0]["program"]
    assert (
        program["peak"] == sum(program[name] for name in ("arguments", "outputs", "temporaries")) - program["aliased"]
    )
    assert 0 < program["aliased"] < program["peak"]
    assert program["compile_seconds"] > 0
    assert (program["limit"], program["fits"]) == (None, None)


@pytest.mark.usefixtures("_here", "_uncompiled")
def test_compile_warns_of_what_does_not_fit_or_compile() -> None:
    out, code = run_main(["plan", "grid.yaml", "--compile"])
    assert code == 1, "a program that does not compile"
    assert "2 GB" in next(line for line in out.splitlines() if "activation=tanh" in line and "compiling" not in line)
    assert "FLOP/update" in out
    needs = "needs about 2 GB of the 1 GB that it may use of a device; "
    assert f"{needs}run: {{lanes: map}}, or smaller batches" in out
    assert f"{needs}smaller batches" in run_main(["plan", "grid.yaml", "run.lanes=map", "--compile"])[0]
    assert "pack 0 (base, lr=1e30) does not compile: OSError: no disk today (at bad.py:3, in build)" in out
    assert sum(line.count("2.5 s") for line in out.splitlines()) == 1, "one row per program that compiles"


@pytest.mark.usefixtures("_here")
def test_compile_excludes_the_list_of_variants() -> None:
    out, code = run_main(["plan", "grid.yaml", "--compile", "--variants"])
    assert (out, code) == ("--variants and --compile exclude each other  [bad-command]\n", 2)
