"""Which runs train together: those of equal static signature, in packs of bounded width.

A pack may have more runs than lanes: a lane whose run has ended takes the next one, in the same compiled program.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ablate.systems import Program, Signature

MOST_LANES = 64
"""Lanes of one pack."""
MOST_FILLS = 16
"""How many runs a lane of a pack takes one after the other, at most; still more runs make several packs."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of the grid."""

    run_id: str
    variant: str
    context: str
    seed: int
    config: Program
    signature: Signature
    parameters: int
    candidate: str = ""
    """Label of the nuisance setting that it tries, if it tunes."""

    @property
    def steps(self) -> int:
        """Its budget."""
        return self.config.train.steps

    @property
    def every(self) -> int:
        """Steps between its evaluations."""
        return self.config.train.eval_every

    @property
    def recordings(self) -> tuple[str, ...]:
        """Diagnostics that are to be on record."""
        return self.config.recordings()

    @property
    def label(self) -> str:
        """Variant and context, for people; and what it tries, if it tunes."""
        label = f"{self.variant} | {self.context}" if self.context else self.variant
        return f"{label} [{self.candidate}]" if self.candidate else label


@dataclass(frozen=True)
class Pack:
    """Runs that train as lanes of one program."""

    signature: Signature
    runs: tuple[PlannedRun, ...]
    lanes: int
    """How many train at a time; the others take their places."""

    @property
    def title(self) -> str:
        """Its variants in words."""
        labels = list(dict.fromkeys(run.label for run in self.runs))
        shown = ", ".join(labels[:3])
        return shown if len(labels) <= 3 else f"{shown} and {len(labels) - 3} more"


def make_packs(runs: Sequence[PlannedRun], *, most_lanes: int = MOST_LANES, workers: int = 1) -> tuple[Pack, ...]:
    """Group runs by signature, split each group evenly, and put the packs in the order of their first runs.

    Args:
        runs: in the order in which they are to train.
        most_lanes: widest pack. With 1, each run has a pack of its own.
        workers: how many packs may train at the same time. The largest packs are split further until there is one for
            each, as far as the runs go.
    """
    groups: dict[Signature, list[PlannedRun]] = {}
    for run in runs:
        groups.setdefault(run.signature, []).append(run)
    most_runs = most_lanes * MOST_FILLS if most_lanes > 1 else 1
    parts = {shared: -(-len(members) // most_runs) for shared, members in groups.items()}
    while sum(parts.values()) < min(workers, len(runs)):
        largest = max(parts, key=lambda shared: len(groups[shared]) / parts[shared])
        parts[largest] += 1
    packs = [
        Pack(shared, tuple(part), _lanes(len(part), most_lanes))
        for shared, members in groups.items()
        for part in _split(members, parts[shared])
    ]
    place = {run.run_id: index for index, run in enumerate(runs)}
    return tuple(sorted(packs, key=lambda pack: place[pack.runs[0].run_id]))


def _lanes(runs: int, most: int) -> int:
    """So many that the last fill leaves few of them idle: 65 runs take 33 lanes twice."""
    return -(-runs // -(-runs // most))


def _split(members: list[PlannedRun], parts: int) -> list[list[PlannedRun]]:
    """Neighbours together, in so many parts whose lengths differ by one at most, the longer ones first."""
    size, longer = divmod(len(members), parts)
    bounds = [part * size + min(part, longer) for part in range(parts + 1)]
    return [members[start:end] for start, end in itertools.pairwise(bounds)]
