"""The results folder: file format, atomic writes, typed reads. Imports neither JAX nor Ray."""

from .atomic import replacing, write_text
from .differences import ABSENT, Absent, Difference, PlanDifference, SharedVariant, differences, plan_difference
from .find import PlannedPlace, find_runs, plans
from .health import check_store
from .lock import held
from .provenance import now, provenance
from .schema import (
    DIAGNOSTICS,
    FORMAT,
    RUNS,
    SERIES,
    CalibrationRecord,
    CandidateRecord,
    ConfirmationRecord,
    DiagnosticRow,
    LookRecord,
    MetricRecord,
    NoteRecord,
    PackRecord,
    PackStatus,
    PlanRecord,
    Provenance,
    ReferenceRecord,
    ReportRecord,
    RunRecord,
    RunState,
    TuningRecord,
    TuningRunRecord,
    VariantRecord,
)
from .score import read_scores, score_of
from .store import Attempt, Store
from .writer import PackWriter

__all__ = [
    "ABSENT",
    "DIAGNOSTICS",
    "FORMAT",
    "RUNS",
    "SERIES",
    "Absent",
    "Attempt",
    "CalibrationRecord",
    "CandidateRecord",
    "ConfirmationRecord",
    "DiagnosticRow",
    "Difference",
    "LookRecord",
    "MetricRecord",
    "NoteRecord",
    "PackRecord",
    "PackStatus",
    "PackWriter",
    "PlanDifference",
    "PlanRecord",
    "PlannedPlace",
    "Provenance",
    "ReferenceRecord",
    "ReportRecord",
    "RunRecord",
    "RunState",
    "SharedVariant",
    "Store",
    "TuningRecord",
    "TuningRunRecord",
    "VariantRecord",
    "check_store",
    "differences",
    "find_runs",
    "held",
    "now",
    "plan_difference",
    "plans",
    "provenance",
    "read_scores",
    "replacing",
    "score_of",
    "write_text",
]
