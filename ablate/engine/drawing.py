"""`Drawing`: how the first states of some lanes are drawn. Lanes of one program may be initialised in several ways."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ablate.core import Once, Parts
from ablate.systems import PROGRAMS, Program, Signature, Signatures, hyper, whole_hyper


class Beginning(NamedTuple):
    """How one run starts, but for its seed."""

    whole: Signature
    """Of its whole configuration, as `Signature.whole`."""
    row: Float[np.ndarray, " W"]
    """All its lane fields."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Lanes that one compiled initialisation draws."""

    whole: Signature
    """What it is compiled for."""
    rows: Float[np.ndarray, "S W"]
    """All lane fields; anything in rows that are not wanted."""
    seeds: Int[np.ndarray, " S"]
    wanted: Bool[np.ndarray, " S"]
    """Which lanes."""


def drawings(starts: Sequence[Beginning | None], seeds: Int[np.ndarray, " S"]) -> list[Drawing]:
    """What draws the first states of lanes; each lane is in one of them, but for those that have no start."""
    groups: dict[Signature, list[int]] = {}
    for lane, start in enumerate(starts):
        if start is not None:
            groups.setdefault(start.whole, []).append(lane)
    found = []
    for whole, lanes in groups.items():
        own = [start.row for lane in lanes if (start := starts[lane]) is not None]
        rows = np.repeat(own[0][None], len(starts), axis=0)
        rows[lanes] = own
        found.append(Drawing(whole, rows, np.asarray(seeds, np.int32), np.isin(np.arange(len(starts)), lanes)))
    return found


def read(configs: Iterable[Mapping[str, Any]]) -> tuple[Signature, Float[np.ndarray, "S H"], list[Beginning]]:
    """Configurations of one pack: the signature that they share, the lane fields that training reads, the starts.

    Equal configurations, as those of several seeds, are looked at once.
    """
    parts, signatures = Parts(), Signatures()

    def look(program: Program, _: object) -> tuple[Float[np.ndarray, " H"], Beginning]:
        return hyper([program])[0], Beginning(signatures.of(program).whole, whole_hyper([program])[0])

    programs = [parts.read(PROGRAMS, config, partial(PROGRAMS.parse, config, parts)) for config in configs]
    rows, starts = zip(*map(Once(look), programs), strict=True)
    return signatures.of(programs[0]), np.stack(rows), list(starts)
