"""The grid language: one YAML file that is one question.

`load` reads a file into a `Grid`, `expand` turns it into variants and contexts, `select` picks some of them. Nothing
here knows a component: a configuration is plain data until `ablate.plan` validates it.
"""

from .expand import expand
from .expansion import Candidate, Context, Counts, Expansion, Variant
from .load import load
from .options import MetricChoice, OnFailure, ReportOptions, RunOptions, Selector
from .schema import Grid
from .seeds import CONFIRMATION
from .select import select
from .sweep_text import import_sweep
from .tuning import Tuning

__all__ = [
    "CONFIRMATION",
    "Candidate",
    "Context",
    "Counts",
    "Expansion",
    "Grid",
    "MetricChoice",
    "OnFailure",
    "ReportOptions",
    "RunOptions",
    "Selector",
    "Tuning",
    "Variant",
    "expand",
    "import_sweep",
    "load",
    "select",
]
