"""What XLA is asked for beyond its defaults, and that programs are compiled so."""

from pathlib import Path
from typing import Any

import pytest

from ablate.core import to_plain
from ablate.engine import machine_code
from ablate.engine.drawing import read
from ablate.engine.executable import executable_for
from ablate.engine.machine_code import compiler_options
from ablate.engine.program_cache import ProgramCache
from ablate.systems import PROGRAMS

LEVEL, WIDTH = "xla_backend_optimization_level", "xla_cpu_prefer_vector_width"
REGIONS = "xla_cpu_copy_insertion_use_region_analysis"
EPYC = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f avx512dq\n"
ROME = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512_none\n"
XEON = "vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f avx512dq\n"


@pytest.fixture(autouse=True)
def no_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)


@pytest.mark.parametrize(("about", "wide"), [(EPYC, True), (ROME, False), (XEON, False)])
def test_wide_vectors_on_amd_processors_that_have_them(about: str, wide: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(about)
    assert machine_code._prefers_wide_vectors(tmp_path / "cpuinfo") == wide
    assert not machine_code._prefers_wide_vectors(tmp_path / "not there")


@pytest.mark.parametrize("wide", [True, False])
def test_flags_of_the_user_win(wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "_prefers_wide_vectors", lambda: wide)
    assert compiler_options("cpu") == {LEVEL: 1, REGIONS: True} | ({WIDTH: 512} if wide else {})
    monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count=2 --{WIDTH}=128")
    assert compiler_options("cpu") == {LEVEL: 1, REGIONS: True}
    monkeypatch.setenv("XLA_FLAGS", f"--{LEVEL}=3 --{WIDTH}=128 --{REGIONS}=false")
    assert compiler_options("cpu") == {}
    assert compiler_options("gpu") == {}


def test_every_program_is_compiled_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    compile_ = ProgramCache.compile

    def look(self: ProgramCache, name: Any, lowered: Any, options: Any = None) -> Any:
        seen[name[0] if isinstance(name[0], str) else name[0][0]] = options
        return compile_(self, name, lowered, options)

    monkeypatch.setattr(ProgramCache, "compile", look)
    monkeypatch.setattr(ProgramCache, "load", lambda self, name: None)
    config = PROGRAMS.parse(
        {
            "kind": "supervised",
            "problem": {"kind": "spirals", "points": 64, "batch": 16},
            "model": {"kind": "mlp", "width": 8},
        }
    )
    shared, _, starts = read([to_plain(config)])
    executable_for(shared, 1, "auto").compile([starts[0].whole])
    assert seen == dict.fromkeys(("advance", "init"), compiler_options("cpu"))
    assert seen["advance"][LEVEL] == 1
