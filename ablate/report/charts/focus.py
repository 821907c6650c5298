"""Which variants set the scale of an axis, so that one that is far off does not squeeze all others."""

from collections.abc import Mapping

FEWEST = 3
"""So many variants always set the scale."""

GAP = 3.0
"""A variant is far off where its reach is more than this many times that of the one before."""


def near(reaches: Mapping[str, float], floor: float = 0.0) -> set[str]:
    """The variants that set the scale, given how far each reaches from zero.

    Ordered by reach, the first three and the first half always count; after them, all that follow a gap of a
    factor of three are left out. Reaches below `floor` count as `floor`.
    """
    order = sorted(reaches, key=lambda name: (reaches[name], name))
    for index in range(max((len(order) + 1) // 2, FEWEST), len(order)):
        before = max(reaches[order[index - 1]], floor)
        if 0 < GAP * before < reaches[order[index]]:
            return set(order[:index])
    return set(order)
