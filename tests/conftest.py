"""Shared by all tests: two host devices, so that lanes are really split; a compile cache of their own."""

import os
import tempfile

os.environ.setdefault("ABLATE_CACHE_DIR", tempfile.mkdtemp(prefix="ablate-tests-"))
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
