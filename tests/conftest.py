"""Shared by all tests: two host devices, so that lanes are really split; a compile cache of their own."""

import atexit
import os
import shutil
import tempfile

if "ABLATE_CACHE_DIR" not in os.environ:
    os.environ["ABLATE_CACHE_DIR"] = tempfile.mkdtemp(prefix="ablate-tests-")
    atexit.register(shutil.rmtree, os.environ["ABLATE_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
