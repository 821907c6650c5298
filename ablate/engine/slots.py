"""What each worker gets of a cluster, and how many workers fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Node = Mapping[str, float]
"""What a node has: ``CPU``, ``GPU`` and whatever else Ray counts."""


@dataclass(frozen=True)
class Resources:
    """What the grid asks for: what one worker gets, how many may run at once, and how patient to be with them."""

    cpus: float | None = None
    """Cores per worker; None: all cores of a node, or its share per GPU."""
    gpus: float | None = None
    """GPUs per worker; None: one if there are any."""
    max_workers: int | None = None
    max_restarts: int = 2
    """How often a pack whose worker died is started again."""
    timeout: float | None = None
    """Seconds without a report after which a worker counts as hanging; None: for ever."""


@dataclass(frozen=True)
class Slots:
    """The places where packs train."""

    cpus: float
    gpus: float
    """Of each worker."""
    workers: int
    """That fit now; 0 if no node has enough for one."""


def slots(resources: Resources, nodes: Sequence[Node]) -> Slots:
    """One worker per GPU, or one per node where there are no GPUs, unless the grid asks for something else.

    If nodes differ, a worker gets as many cores as the node with the fewest per worker can give, and larger nodes have
    more workers. Nodes that have no core, or not the GPUs of one worker, have none.
    """
    gpus = resources.gpus
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0) >= 1 for node in nodes) else 0.0
    able = [node for node in nodes if node.get("CPU", 0) >= (resources.cpus or 1) and node.get("GPU", 0) >= gpus]
    cpus = resources.cpus
    if cpus is None:
        cpus = min((max(1.0, node["CPU"] // _times(node.get("GPU", 0), gpus)) for node in able), default=1.0)
    workers = sum(
        min(_times(node["CPU"], cpus), _times(node.get("GPU", 0), gpus) if gpus else math.inf) for node in able
    )
    return Slots(cpus, gpus, int(min(workers, resources.max_workers or workers)))


def _times(there: float, each: float) -> int:
    """How often `each` fits, at least once; sums of fractions such as 0.1 may be a little off."""
    return max(1, math.floor(there / each + 1e-6)) if each else 1
