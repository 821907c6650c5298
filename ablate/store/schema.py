"""The file format: what each JSON and Parquet file of a store contains."""

from collections.abc import Collection
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict

from ablate.core import Goal, Status

FORMAT = 1
"""Version of this format, written to ``store.json``."""

SERIES = pl.Schema({"run_id": pl.String, "step": pl.Int64, "metric": pl.String, "value": pl.Float64})
"""One row per run, step and metric. ``step`` counts finished optimiser updates; NaN values are kept."""

_DIAGNOSTICS: dict[str, pl.DataType | type[pl.DataType]] = {
    "run_id": pl.String,
    "step": pl.Int64,
    "diagnostic": pl.String,
    "quantity": pl.String,
    "layer": pl.String,
    "values": pl.List(pl.Float32),
    "text": pl.String,
}
DIAGNOSTICS = pl.Schema(_DIAGNOSTICS)
"""One row per run, step and thing that was read from inside the network. ``diagnostic`` is its name in the grid;
``layer`` is empty for the whole network; ``values`` has one number or a row of them, and is empty where there is
``text``, which is null elsewhere."""

DiagnosticRow = tuple[str, int, str, str, str, list[float], str | None]
"""The columns of `DIAGNOSTICS`."""

RUNS = pl.Schema(
    {
        "run_id": pl.String,
        "variant": pl.String,
        "context": pl.String,
        "seed": pl.Int64,
        "budget": pl.Int64,
        "status": pl.String,
        "step": pl.Int64,
        "cause": pl.String,
        "message": pl.String,
        "seconds": pl.Float64,
        "pack_id": pl.String,
    }
)
"""One row per planned run. ``status`` is null while the run has not ended; ``step`` is null if it never started;
``seconds`` is the run's share of training time (pack wall time / lanes), compilation excluded."""


class Record(BaseModel):
    """Base of the JSON records: frozen; unknown fields are ignored, so that older code reads newer stores."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class VariantRecord(Record):
    """One resolved configuration, seed excluded."""

    label: str
    changes: dict[str, Any]
    """Dotted path -> value, where it differs from the base. Empty for the base."""
    is_base: bool
    contexts: dict[str, dict[str, Any]]
    """Context label -> the whole validated configuration; without the contexts in which its nuisance setting is not
    chosen yet."""
    signatures: dict[str, str] = {}
    """Context label -> digest of what its program depends on; variants with equal ones share packs."""
    parameters: int | None = None
    """Trainable numbers, in the first context."""
    flops: float | None = None
    """Floating-point operations of one update, in the first context; None unless the grid asks for the column."""
    amounts: dict[str, dict[str, int]] = {}
    """Context label -> unit -> how much of it one update consumes, as 1,024 ``characters``; empty if not known."""
    citations: tuple[str, ...] = ()
    """References of the components that differ from the base."""


class RunRecord(Record):
    """One planned run."""

    run_id: str
    """Empty while the setting of the nuisance axes that it will have is not chosen."""
    variant: str
    context: str
    seed: int
    steps: int
    """The budget at which this grid reads the scores."""


class MetricRecord(Record):
    """The one metric that ranks the variants, and how a series becomes a score."""

    name: str
    goal: Goal = "minimize"
    at: str = "last"
    """``last``, ``best``, ``mean_last:K``, ``step:N`` or ``auc``."""
    unit: str = "dimensionless"


class ReferenceRecord(Record):
    """Published numbers to show beside ours."""

    source: str = ""
    metric: str = ""
    values: dict[str, float] = {}


class CandidateRecord(Record):
    """One setting of the nuisance axes, tried for each variant."""

    label: str
    changes: dict[str, Any]
    """Dotted path -> value, for every nuisance axis."""


class TuningRunRecord(RunRecord):
    """One planned run that tunes: its score chooses a candidate and is never part of the ranking."""

    candidate: int
    """Index into `TuningRecord.candidates`."""


class TuningRecord(Record):
    """``tune``: each variant's own search over the nuisance axes."""

    candidates: tuple[CandidateRecord, ...]
    seeds: tuple[int, ...]
    """None of them is one of the grid's own."""
    select: MetricRecord
    """What the candidates are compared by: the mean of this score over the tuning seeds."""
    runs: tuple[TuningRunRecord, ...]
    chosen: dict[str, dict[str, int]]
    """Context -> variant -> index of the chosen candidate; without those whose tuning runs have not all ended."""


class ReportRecord(Record):
    """How the grid wants to be reported."""

    alpha: float = 0.05
    adjust: Literal["holm"] = "holm"
    columns: tuple[str, ...] = ()
    noise: Literal["own", "shared"] = "own"


class Provenance(Record):
    """Where something came from: what is needed to repeat it."""

    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str]
    git_commit: str | None = None
    git_dirty: bool | None = None
    host: str = ""
    platform: str = ""
    processor: str = ""
    devices: tuple[str, ...] = ()


class PlanRecord(Record):
    """``grids/NAME/plan.json``: everything the reading side must know about a grid. Written by each `ablate run`."""

    name: str
    path: str
    question: str
    text: str
    """The grid file as it was, for the report."""
    metric: MetricRecord
    margin: float | None = None
    seeds: tuple[int, ...]
    contexts: tuple[str, ...]
    """Labels; a grid without ``across`` has the one context ``""``."""
    variants: tuple[VariantRecord, ...]
    runs: tuple[RunRecord, ...]
    claims: tuple[dict[str, Any], ...] = ()
    """The grid's claims, with every variant by its label."""
    reference: ReferenceRecord | None = None
    report: ReportRecord = ReportRecord()
    tuning: TuningRecord | None = None
    """How the nuisance axes are tuned; then `seeds` and `runs` are those of the confirmation that follows."""
    provenance: Provenance


class ConfirmationRecord(Record):
    """``grids/NAME/confirmation.json``: the best variants once more, on seeds that no selection has seen.

    Written by each ``ablate confirm``. It belongs to the plan that has all runs of `screened`; after a change of the
    grid it may be of an earlier one.
    """

    created: str
    """UTC, ISO 8601."""
    metric: MetricRecord
    """What the variants were ranked by when they were chosen."""
    screened: tuple[str, ...]
    """Ids of the runs that the choice was made from: all that the chosen variants and the baseline had."""
    chosen: dict[str, tuple[str, ...]]
    """Context -> labels of the variants that were chosen, best first; never the baseline."""
    seeds: tuple[int, ...]
    """None of them was used before by this grid."""
    runs: tuple[RunRecord, ...]
    """The chosen variants and the baseline on `seeds`."""


class PackRecord(Record):
    """``packs/ID/pack.json``: one attempt to train some runs together. Never changes."""

    pack_id: str
    signature: str
    """Digest of the static part that all lanes share."""
    run_ids: tuple[str, ...]
    width: int
    """Compiled lanes, padding included."""
    lanes: int | None = None
    """How many of the runs train at a time; None in older stores: all."""
    strategy: str
    devices: int
    compile_seconds: float
    """Of its programs; 0 if its process had them already."""
    waited_seconds: float | None = None
    """Of that, how long the pack waited; less if they were compiled while another trained. None in older stores."""
    provenance: Provenance


class NoteRecord(Record):
    """``grids/NAME/notes/ID.json``: a remark of the researcher. Never changes."""

    created: str
    """UTC, ISO 8601."""
    text: str
    variant: str = ""
    """Label of the variant that it is about; empty if it is about the whole grid."""
    run_id: str = ""
    """The run that it is about; then `variant`, `context` and `seed` are those of the run."""
    context: str = ""
    seed: int | None = None


class LookRecord(Record):
    """``grids/NAME/looks/ID.json``: a report that showed tests, so that seeds added after it are not taken for planned.

    Never changes; the reports of one plan are one look.
    """

    created: str
    """UTC, ISO 8601, of the first of them."""
    metric: MetricRecord
    seeds: tuple[int, ...]
    """Those of the plan."""
    runs: tuple[str, ...]
    """Ids of the baseline's planned runs."""


class CalibrationRecord(Record):
    """``calibration/SIGNATURE-DEVICE.json``: which lane strategy was the fastest. Taken again by later packs."""

    signature: str
    device: str
    """Kind of device."""
    devices: int
    lanes: int
    """Of the pack that was measured."""
    chosen: str
    lane_steps_per_second: dict[str, float]
    """Strategy -> updates per second over all lanes."""
    created: str


class RunState(Record):
    """What is known of one run of a pack."""

    step: int
    since: int = 0
    """The step at which the pack took the run over from an earlier one; 0 if it began it."""
    status: Status | None = None
    cause: str = ""
    """For a diverged run: the quantity that stopped being finite."""
    message: str = ""
    seconds: float = 0.0
    checkpoint: str | None = None
    """File name inside the pack folder that holds this run's newest state."""
    every: int | None = None
    """Steps between evaluations that are on record from the first step on; None in older stores: taken as enough."""
    recordings: tuple[str, ...] = ()
    """Diagnostics that are on record from the first step on; the names change with what they measure."""
    forgets: bool = False
    """Whether what earlier packs did for this run counts no more (``--fresh``); then the rest of this says nothing."""

    def records(self, every: int, budget: int, recordings: Collection[str] = ()) -> bool:
        """Whether it goes on from evaluations at every so many steps: what another cadence asks for is on record.

        And whether these diagnostics are.
        """
        in_time = self.every is None or every % self.every == 0 or every >= budget
        return in_time and set(recordings) <= set(self.recordings)

    def has_ended(self, budget: int) -> bool:
        """Whether it reached a budget, or diverged before it."""
        return self.status == "diverged" or self.step >= budget


class PackStatus(Record):
    """``packs/ID/status.json``: replaced atomically at each flush."""

    pack_id: str
    updated: str
    runs: dict[str, RunState]
    step_seconds: float | None = None
    """Median wall time of one step of the whole pack, compilation excluded."""
    series: dict[str, int] = {}
    """Name of each metrics file so far, and its size in bytes."""
