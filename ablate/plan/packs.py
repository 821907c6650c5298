"""Which runs train together: those of equal static signature, in packs of bounded width."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablate.systems import Program, Signature, signature

MOST_LANES = 64
"""Lanes of one pack; more runs of a signature make several packs of nearly equal width."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of the grid."""

    run_id: str
    variant: str
    context: str
    seed: int
    config: Program
    parameters: int

    @property
    def steps(self) -> int:
        """Its budget."""
        return self.config.train.steps

    @property
    def label(self) -> str:
        """Variant and context, for people."""
        return f"{self.variant} | {self.context}" if self.context else self.variant


@dataclass(frozen=True)
class Pack:
    """Runs that train as lanes of one program."""

    signature: Signature
    runs: tuple[PlannedRun, ...]

    @property
    def title(self) -> str:
        """Its variants in words."""
        labels = list(dict.fromkeys(run.label for run in self.runs))
        shown = ", ".join(labels[:3])
        return shown if len(labels) <= 3 else f"{shown} and {len(labels) - 3} more"


def make_packs(runs: Sequence[PlannedRun], *, most_lanes: int = MOST_LANES) -> tuple[Pack, ...]:
    """Group runs by signature, keeping their order; split groups wider than `most_lanes` evenly."""
    groups: dict[Signature, list[PlannedRun]] = {}
    for run in runs:
        groups.setdefault(signature(run.config), []).append(run)
    packs: list[Pack] = []
    for shared, members in groups.items():
        count = -(-len(members) // most_lanes)
        size = -(-len(members) // count)
        packs.extend(Pack(shared, tuple(members[start : start + size])) for start in range(0, len(members), size))
    return tuple(packs)
