"""Shared by all tests: two host devices, so that lanes are really split; a compile cache of their own."""

import atexit
import os
import shutil
import tempfile

import pytest

if "ABLATE_CACHE_DIR" not in os.environ:
    os.environ["ABLATE_CACHE_DIR"] = tempfile.mkdtemp(prefix="ablate-tests-")
    atexit.register(shutil.rmtree, os.environ["ABLATE_CACHE_DIR"], ignore_errors=True)
# Machine code as the engine asks for, also in programs that a test compiles itself: sooner than by default.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=1")


@pytest.fixture(autouse=True)
def _no_programs_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests change loaded code, which the cache of programs cannot see. Processes that they start do use it."""
    monkeypatch.setattr("ablate.engine.program_cache.folder", lambda: None)
