"""The checks of `ablate doctor` about this machine, and that one failing check does not stop the others."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ablate.core import Checkup, Finding, StoreError, examine
from ablate.engine import available_cpus, checkpoint
from ablate.engine.compile_cache import cache_folder
from ablate.engine.doctor import check_cache, check_machine, check_versions, in_child, versions
from ablate.engine.pack import train

from .conftest import MakeJob, program


def texts(checkup: Checkup, level: str) -> str:
    return "\n".join(f"{finding.text} -> {finding.advice}" for finding in checkup.findings if finding.level == level)


def script(folder: Path, text: str) -> str:
    """An interpreter that does what it wants."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


# --- isolation --------------------------------------------------------------------------------------------------


def test_what_a_check_found_before_it_raised_is_kept() -> None:
    def check(facts: dict[str, Any]) -> Iterator[Finding]:
        facts["seen"] = 1
        yield Finding("ok", "first")
        message = "no luck"
        raise ValueError(message)

    found = examine("one", check)
    assert found.level == "problem"
    assert found.facts == {"seen": 1}
    assert [finding.text for finding in found.findings] == [
        "first",
        "the check could not be completed: ValueError: no luck",
    ]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("kill -SEGV $$", "was ended by SIGSEGV"),
        ("echo half >&2; exit 7", "ended with exit code 7 and said nothing -> half"),
        ("sleep 60", "no answer after 1 s"),
    ],
)
def test_a_child_that_ends_badly(does: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", script(tmp_path, does))
    found = examine("devices", in_child("devices", timeout=1))
    assert said in texts(found, "problem")


def test_a_check_that_raises_in_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "abacus")
    found = examine("devices", in_child("devices", timeout=100))
    assert "abacus" in texts(found, "problem")


# --- machine ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_limits_of_control_groups(version: int, tmp_path: Path) -> None:
    half = available_cpus() / 2
    groups = tmp_path / "cgroup"
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n")
    if version == 2:
        (tmp_path / "self/cgroup").write_text("0::/outer/inner\n")
        (groups / "outer/inner").mkdir(parents=True)
        (groups / "outer/cpu.max").write_text(f"{int(half * 1e5)} 100000\n")
        (groups / "outer/inner/cpu.max").write_text("max 100000\n")
        (groups / "outer/inner/memory.max").write_text(f"{2**30}\n")
    else:
        (tmp_path / "self/cgroup").write_text("4:memory:/inner\n2:cpu,cpuacct:/inner\n")
        for name in ("memory", "cpu,cpuacct"):
            (groups / name / "inner").mkdir(parents=True)
        (groups / "cpu").symlink_to("cpu,cpuacct")
        (groups / "cpu/inner/cpu.cfs_quota_us").write_text(f"{int(half * 1e5)}\n")
        (groups / "cpu/inner/cpu.cfs_period_us").write_text("100000\n")
        (groups / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
        (groups / "memory/inner/memory.limit_in_bytes").write_text(f"{2**30}\n")
    found = examine("machine", lambda facts: check_machine(facts, proc=tmp_path, groups=groups))
    assert found.facts["core_quota"] == half
    assert found.facts["memory_limit_bytes"] == 2**30
    assert f"a limit of {half:g} cores of time" in texts(found, "note")
    assert "1.0 GiB of memory available" in texts(found, "problem")


def test_this_machine() -> None:
    found = examine("machine", check_machine)
    assert found.facts["usable_cores"] == available_cpus()
    assert 0 < found.facts["available_bytes"] <= found.facts["memory_bytes"]


# --- versions ---------------------------------------------------------------------------------------------------


def test_requirements_that_are_not_met(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = ["numpy<2", "pytest>=1", "no-such-thing>=3", "torch>=99; extra == 'bench'"]
    monkeypatch.setattr(versions, "requires", lambda name: asked)
    found = examine("versions", lambda facts: check_versions(facts, lock=tmp_path / "none"))
    assert found.facts["unmet_requirements"] == ["numpy<2", "no-such-thing>=3"]
    assert "pip install 'numpy<2'" in texts(found, "problem")


def test_other_versions_than_locked(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "numpy==0.0.1 \\\n    --hash=sha256:00\npytest==0.1 ; python_full_version < '3' \\\n    --hash=sha256:00\n"
        "not-here==1 \\\n    --hash=sha256:00\n"
    )
    found = examine("versions", lambda facts: check_versions(facts, lock=lock))
    assert list(found.facts["not_as_locked"]) == ["numpy"]
    assert f"pip install --require-hashes -r {lock}" in texts(found, "note")


# --- cache ------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABLATE_CACHE_DIR", str(tmp_path / "my cache"))
    folder = cache_folder()
    assert folder is not None
    return folder


def test_a_cache_that_is_not_there_yet_is_not_made(cache: Path) -> None:
    assert examine("cache", check_cache).level == "ok"
    assert not cache.exists()


def test_a_cache_that_others_can_write(cache: Path) -> None:
    cache.mkdir(parents=True, mode=0o700)
    (cache / "entry").write_bytes(b"x" * 1000)
    found = examine("cache", check_cache)
    assert (found.level, found.facts["entries"], found.facts["bytes"]) == ("ok", 1, 1000)
    cache.chmod(0o770)
    assert f"chmod go-w '{cache}'" in texts(examine("cache", check_cache), "problem")


def test_caches_of_old_versions_can_go(cache: Path) -> None:
    old, flags = cache.with_name("jaxlib-0.0.1-00000000"), cache.with_name(f"{cache.name[:-8]}00000000")
    for folder in (old, flags):
        folder.mkdir(parents=True)
    found = examine("cache", check_cache)
    assert (found.facts["old"], found.facts["other_flags"]) == ([str(old)], [str(flags)])
    assert texts(found, "note").endswith(f"rm -r '{old}'")


def test_a_cache_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_CACHE_DIR", "off")
    assert "switched off" in texts(examine("cache", check_cache), "note")


@pytest.mark.skipif(os.getuid() == 0, reason="root can write everywhere")
def test_a_cache_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir(mode=0o500)
    monkeypatch.setenv("ABLATE_CACHE_DIR", str(tmp_path / "mine" / "cache"))
    assert "cannot be made" in texts(examine("cache", check_cache), "problem")


# --- states, Ray, speed -----------------------------------------------------------------------------------------


def test_a_torn_and_a_changed_state_are_found(make_job: MakeJob, tmp_path: Path) -> None:
    for _ in train(make_job([program()])):
        pass
    (state,) = (tmp_path / "store").glob("packs/*/state-*.safetensors")
    checkpoint.verify(state)
    good = state.read_bytes()
    for bad in (good[:-8], good[:-8] + bytes(8 * [255])):
        state.write_bytes(bad)
        with pytest.raises(StoreError, match="cannot be read"):
            checkpoint.verify(state)
    found = examine("states", in_child("states", str(tmp_path / "store"), timeout=100))
    assert found.facts["states"] == 1
    assert state.name in texts(found, "problem")


@pytest.mark.slow
def test_ray_starts_and_the_speed_is_measured() -> None:
    ray = examine("ray", in_child("ray", timeout=200))
    assert not texts(ray, "problem")
    assert ray.facts["start_seconds"] > 0
    assert ray.facts["worker_seconds"] > 0
    speed = examine("speed", in_child("speed", timeout=200))
    assert not texts(speed, "problem")
    assert speed.facts["gflops"] > 0
    assert speed.facts["step_microseconds"] > 0
