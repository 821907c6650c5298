"""`collect_rarely`: for processes that are ours alone."""

import atexit
import gc

_YOUNG = 100_000
"""New objects after which Python looks for those that only refer to each other; 700 by default."""


def collect_rarely() -> None:
    """Look for cyclic garbage rarely, and not at its end, in a process that is ours: a command or a worker.

    Python goes through young objects after each 700 new ones, and now and then through all. Importing JAX and Ray
    leaves some 250,000 that stay, so a fifth of the time of these imports was spent on looking for garbage among them.
    When it ends, Python would go through all of them several times, half a second in a driver that used Ray; what is
    frozen is passed over. Nothing of ours depends on it: what holds large arrays is freed when it is let go, see
    `tests/engine/test_programs.py`.
    """
    gc.set_threshold(_YOUNG)
    atexit.register(gc.freeze)
