"""The grid language: one YAML file that is one question.

`load` reads a file into a `Grid`, `expand` turns it into variants and contexts, `select` picks some of them. Nothing
here knows a component: a configuration is plain data until `ablate.plan` validates it.
"""

from .expand import expand
from .expansion import Context, Counts, Expansion, Variant
from .load import load
from .options import MetricChoice, OnFailure, ReportOptions, RunOptions
from .schema import Grid
from .select import select
from .sweep_text import import_sweep

__all__ = [
    "Context",
    "Counts",
    "Expansion",
    "Grid",
    "MetricChoice",
    "OnFailure",
    "ReportOptions",
    "RunOptions",
    "Variant",
    "expand",
    "import_sweep",
    "load",
    "select",
]
