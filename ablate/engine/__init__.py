"""Training: packs through Ray Tune or inline. The only importer of Ray.

Importing this package imports neither JAX nor Ray; `execute` and `footprints` do.
"""

from typing import TYPE_CHECKING, Any

from .devices import available_cpus, cpus_of_a_worker, prepare_environment, stay_on_cpu
from .head_start import HeadStart
from .job import LaneReport, PackJob, PackReport, RunJob

if TYPE_CHECKING:
    from .driver import Outcome, execute
    from .memory import Footprint, footprints

__all__ = [
    "Footprint",
    "HeadStart",
    "LaneReport",
    "Outcome",
    "PackJob",
    "PackReport",
    "RunJob",
    "available_cpus",
    "cpus_of_a_worker",
    "execute",
    "footprints",
    "prepare_environment",
    "stay_on_cpu",
]


def __getattr__(name: str) -> Any:
    if name in {"Outcome", "execute"}:
        from . import driver

        return getattr(driver, name)
    if name in {"Footprint", "footprints"}:
        from . import memory

        return getattr(memory, name)
    raise AttributeError(name)
