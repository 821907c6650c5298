"""The results folder: file format, atomic writes, typed reads. Imports neither JAX nor Ray."""

from .atomic import replacing, write_text
from .lock import held
from .provenance import now, provenance
from .schema import (
    FORMAT,
    RUNS,
    SERIES,
    MetricRecord,
    PackRecord,
    PackStatus,
    PlanRecord,
    Provenance,
    ReferenceRecord,
    ReportRecord,
    RunRecord,
    RunState,
    VariantRecord,
)
from .store import Attempt, Store
from .writer import PackWriter

__all__ = [
    "FORMAT",
    "RUNS",
    "SERIES",
    "Attempt",
    "MetricRecord",
    "PackRecord",
    "PackStatus",
    "PackWriter",
    "PlanRecord",
    "Provenance",
    "ReferenceRecord",
    "ReportRecord",
    "RunRecord",
    "RunState",
    "Store",
    "VariantRecord",
    "held",
    "now",
    "provenance",
    "replacing",
    "write_text",
]
