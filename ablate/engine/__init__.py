"""Training: packs through Ray Tune or inline. The only importer of Ray.

Importing this package imports neither JAX nor Ray; `execute` does.
"""

from typing import TYPE_CHECKING, Any

from .devices import available_cpus, prepare_environment
from .job import LaneReport, PackJob, PackReport, RunJob

if TYPE_CHECKING:
    from .driver import Outcome, execute

__all__ = [
    "LaneReport",
    "Outcome",
    "PackJob",
    "PackReport",
    "RunJob",
    "available_cpus",
    "execute",
    "prepare_environment",
]


def __getattr__(name: str) -> Any:
    if name in {"Outcome", "execute"}:
        from . import driver

        return getattr(driver, name)
    raise AttributeError(name)
