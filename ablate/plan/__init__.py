"""From a grid file to packs of validated runs."""

from .catalogue import ComponentEntry, FamilyEntry, FieldEntry, catalogue
from .confirmation import make_confirmation
from .estimate import ASSUMED_FLOPS, with_estimates
from .packs import MOST_LANES, Pack, PlannedRun, make_packs
from .planner import Plan, import_grid_plugins, make_plan, plugins_of
from .plugins import import_plugins, plugin_versions
from .resolve import Resolved, resolve
from .schema import grid_schema
from .starter import DEFAULT_PROBLEM, starter_grid
from .summary import PackSummary, Summary, summarize

__all__ = [
    "ASSUMED_FLOPS",
    "DEFAULT_PROBLEM",
    "MOST_LANES",
    "ComponentEntry",
    "FamilyEntry",
    "FieldEntry",
    "Pack",
    "PackSummary",
    "Plan",
    "PlannedRun",
    "Resolved",
    "Summary",
    "catalogue",
    "grid_schema",
    "import_grid_plugins",
    "import_plugins",
    "make_confirmation",
    "make_packs",
    "make_plan",
    "plugin_versions",
    "plugins_of",
    "resolve",
    "starter_grid",
    "summarize",
    "with_estimates",
]
