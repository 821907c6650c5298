"""When this process began to load ablate."""

import time

STARTED = time.time_ns()
"""Nanoseconds since 1970. Components are loaded later: their modules import ablate."""
