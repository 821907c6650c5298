"""Reading ``seeds``: a number, a list, or ranges such as ``0-9``.

Seeds for different purposes come from bands that never meet, so that a variant is never judged on a seed that chose
it: the grid's own begin at 0, those that tune nuisance axes at `TUNING`, those of ``ablate confirm`` at `CONFIRMATION`.
"""

import re
from collections import Counter

from ablate.core import describe

from .problems import Problems
from .tree import Tree

TUNING = 1_000_000
"""First seed of ``tune`` when its ``seeds`` is a number."""
CONFIRMATION = 2_000_000
"""First seed of ``ablate confirm``."""
MAX_SEEDS = 10_000
_MAX_SEED = 2**31
_RANGE = re.compile(r"\s*(\d{1,10})\s*(?:-\s*(\d{1,10})\s*)?")


def read_seeds(tree: Tree, where: str, problems: Problems, *, first: int = 0) -> tuple[int, ...]:
    """The seeds that are written at `tree`; empty if there are problems.

    Args:
        tree: a number of seeds, a list of seeds and ranges, or a text such as ``0-4,7``.
        where: path in the grid, for messages.
        problems: receives what is wrong.
        first: the first seed when only their number is given.
    """
    if isinstance(tree.content, int) and not isinstance(tree.content, bool):
        if not 1 <= tree.content <= MAX_SEEDS:
            message = f"the number of seeds must be from 1 to {MAX_SEEDS:,}, got {tree.content}"
            problems.add(message, "bad-value", where, tree.at)
            return ()
        return tuple(range(first, first + tree.content))
    items = tree.items() if isinstance(tree.content, list) else [tree]
    if isinstance(tree.content, str):
        items = [Tree(part, tree.at) for part in tree.content.split(",")]
    if not items:
        problems.add("at least one seed is needed", "bad-value", where, tree.at)
    seeds: list[int] = []
    for item in items:
        some = _range(item.content)
        if not some:
            message = (
                f"expected a number, a list such as [0, 1, 2] or a range such as 0-9, got {describe(item.plain())}"
            )
            problems.add(message, "bad-value", where, item.at)
        elif some[-1] >= _MAX_SEED or len(seeds) + len(some) > MAX_SEEDS:
            message = f"a seed is below {_MAX_SEED:,} and there are at most {MAX_SEEDS:,}; got {describe(item.plain())}"
            problems.add(message, "bad-value", where, item.at)
        else:
            seeds.extend(some)
    twice = sorted(seed for seed, times in Counter(seeds).items() if times > 1)
    if twice:
        shown = ", ".join(map(str, twice[:5])) + (", ..." if len(twice) > 5 else "")
        problems.add(f"{shown} appear{'s' * (len(twice) == 1)} twice", "duplicate-seed", where, tree.at)
    return tuple(seeds)


def _range(value: object) -> range | None:
    """The seeds that an integer or a text such as ``0-9`` means."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return range(value, value + 1)
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return range(first, last + 1)
