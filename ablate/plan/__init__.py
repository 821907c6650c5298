"""From a grid file to packs of validated runs."""

from .packs import MOST_LANES, Pack, PlannedRun, make_packs
from .planner import Plan, make_plan, plugins_of
from .plugins import import_plugins
from .resolve import Resolved, resolve

__all__ = [
    "MOST_LANES",
    "Pack",
    "Plan",
    "PlannedRun",
    "Resolved",
    "import_plugins",
    "make_packs",
    "make_plan",
    "plugins_of",
    "resolve",
]
