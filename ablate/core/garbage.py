"""`collect_rarely`: for processes that are ours alone."""

import gc

_YOUNG = 100_000
"""New objects after which Python looks for those that only refer to each other; 700 by default."""


def collect_rarely() -> None:
    """Look for cyclic garbage rarely, in a process that is ours: a command or a worker, never on import.

    Python goes through young objects after each 700 new ones, and now and then through all. Importing JAX and Ray
    leaves some 250,000 that stay, so a fifth of the time of these imports was spent on looking for garbage among them.
    Nothing of ours depends on it: what holds large arrays is freed when it is let go, see
    `tests/engine/test_programs.py`.
    """
    gc.set_threshold(_YOUNG)
