"""Results of a grid that was never trained: for the tests of `analysis` and `report`, and for trying them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from ablate.core import Goal, Status, digest
from ablate.store.schema import (
    RUNS,
    SERIES,
    ConfirmationRecord,
    MetricRecord,
    PlanRecord,
    Provenance,
    ReferenceRecord,
    RunRecord,
    VariantRecord,
)

Floats = NDArray[np.float64]

BASE = "base"

HOSTILE_NAMES = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "quotes \" ' ` and \\ and $x$ | pipes",
    "line\u2028separator\u2029and\ttab",
    "emoji 🧪 and עברית and العربية",
    "{{ 7 * 7 }} {# comment #} {% raw %}",
    "=SUM(A1:A9), & comma",
    "long " + "x" * 295,
)
"""Variant names that break a page, a table or a template that forgets to escape. The last has 300 characters."""

_CHANGES: tuple[tuple[str, Any], ...] = (
    ("model.activation", "relu"),
    ("model.activation", "tanh"),
    ("model.init", "he_normal"),
    ("optimizer.lr", 0.0003),
    ("optimizer.lr", 0.003),
    ("optimizer.lr", 0.01),
    ("model.width", 128),
    ("model.layers", 4),
    ("model.activation", {"kind": "soft_shrink", "amount": 1.0, "scale": 3.0}),
    ("model.dropout", 0.1),
    ("model.position", "none"),
)
_BASE_CONFIG: dict[str, Any] = {
    "problem": {"kind": "char_lm", "corpus": "shakespeare", "context": 64, "batch": 16},
    "model": {
        "kind": "gpt",
        "layers": 2,
        "width": 64,
        "activation": {"kind": "gelu"},
        "init": {"kind": "glorot_normal"},
        "dropout": 0.0,
        "position": "learned",
        "scale": 1.0,
    },
    "optimizer": {"kind": "adamw", "lr": 0.001},
}
_PROVENANCE = Provenance(
    created="2024-06-01T12:00:00Z",
    versions={"ablate": "0.1.0", "jax": "0.9.0"},
    git_commit="0123456789abcdef0123456789abcdef01234567",
    git_dirty=False,
    host="example",
    platform="Linux",
    processor="x86_64",
    devices=("cpu",),
)


@dataclass(frozen=True, slots=True)
class SyntheticResults:
    """What a store would give for one grid: the inputs of `ablate.analysis.analyze`."""

    plan: PlanRecord
    runs: pl.DataFrame
    """Schema `RUNS`."""
    series: pl.DataFrame
    """Schema `SERIES`."""
    confirmation: ConfirmationRecord | None = None


def synthetic_results(
    rng_seed: int,
    *,
    variants: int | Sequence[str] = 5,
    effects: float | Sequence[float] | Mapping[str, float] = 0.0,
    seeds: int | Sequence[int] = 5,
    points: int = 40,
    steps: int = 1000,
    noise: float = 0.01,
    correlation: float = 0.5,
    wiggle: float | None = None,
    contexts: Sequence[str] = ("",),
    statuses: Mapping[tuple[str, int], Status | None] | None = None,
    finished: float = 1.0,
    metric: str = "val_loss",
    at: str = "last",
    level: float | None = None,
    margin: float | None = None,
    claims: Sequence[Mapping[str, Any]] = (),
    reference: ReferenceRecord | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    parameters: Mapping[str, int] | None = None,
    name: str = "synthetic",
) -> SyntheticResults:
    """Invent the results of a grid; the same arguments always give the same results.

    The last recorded value of the metric of a finished run is exactly
    ``level -/+ effect + seed part + own part``, so `effects` are the true improvements.

    Args:
        rng_seed: Seed of every random number here.
        variants: How many variants besides the base, or their labels (see `HOSTILE_NAMES`).
        effects: True improvement over the base in metric units, positive is better: one number for every variant,
            one per variant in order, or by label (others 0).
        seeds: How many seeds (0, 1, ...), or the seeds.
        points: Recorded steps per run and metric.
        steps: Budget of each run, in optimiser updates.
        noise: Standard deviation over seeds of one variant's score, in metric units.
        correlation: Correlation over seeds between the scores of two variants, 0 to 1.
        wiggle: Standard deviation of the metric from one recorded step to the next; by default half of `noise`.
        contexts: Labels; the level of the k-th is 10 % higher than that of the one before.
        statuses: (variant, seed) -> how that run ended, in every context; None for one that never started.
        finished: Share of the runs that have ended, all variants at the first seed first; the next one is half-way.
        metric: ``val_loss`` (to be minimised) or ``val_accuracy`` (to be maximised): the metric that ranks.
        at: How a series becomes a score.
        level: The base's true score; 1.5 for a loss, 0.8 for an accuracy.
        margin: Smallest difference that matters, in metric units.
        claims: As in a plan: as in a grid file, but every variant by its label.
        reference: Published numbers, by label.
        changes: Label -> dotted path -> value; by default a mix of plausible changes.
        parameters: Label -> trainable numbers; by default 100,000 for each.
        name: Name of the grid; its file is ``grids/NAME.yaml``.

    Returns:
        Plan, runs and series. Recorded metrics: ``val_loss``, ``val_accuracy`` and ``train_loss``.
    """
    rng = np.random.default_rng(rng_seed)
    labels, by_label = _variants(variants, changes)
    seed_list = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    goal: Goal = "maximize" if metric == "val_accuracy" else "minimize"
    sign = 1.0 if goal == "maximize" else -1.0
    start = level if level is not None else (0.8 if goal == "maximize" else 1.5)

    shape = (len(contexts), len(labels), len(seed_list))
    targets = start * (1 + 0.1 * np.arange(len(contexts)))[:, None, None] + np.zeros(shape)
    targets += sign * _effects(effects, labels)[None, :, None]
    targets += seed_noise(rng, shape, noise, correlation)

    plan = PlanRecord(
        name=name,
        path=f"grids/{name}.yaml",
        question="Which of these changes matter?",
        text=f"version: 1\nquestion: Which of these changes matter?\nseeds: {len(seed_list)}\n",
        metric=MetricRecord(name=metric, goal=goal, at=at),
        margin=margin,
        seeds=seed_list,
        contexts=tuple(contexts),
        variants=tuple(_record(label, by_label[label], contexts, parameters) for label in labels),
        runs=tuple(
            RunRecord(run_id=digest([label, context, seed]), variant=label, context=context, seed=seed, steps=steps)
            for context in contexts
            for label in labels
            for seed in seed_list
        ),
        claims=tuple(dict(claim) for claim in claims),
        reference=reference,
        provenance=_PROVENANCE,
    )
    runs, series = record_runs(
        plan.runs,
        targets.reshape(-1),
        rng,
        goal=goal,
        points=points,
        wiggle=noise * 0.5 if wiggle is None else wiggle,
        statuses=statuses or {},
        finished=finished,
    )
    return SyntheticResults(plan, runs, series)


def seed_noise(rng: np.random.Generator, shape: tuple[int, int, int], noise: float, correlation: float) -> Floats:
    """What the seeds add to the scores of contexts x variants x seeds; part of it is common to all variants."""
    shared = rng.standard_normal((shape[0], 1, shape[2]))
    own = rng.standard_normal(shape)
    return np.asarray(noise * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own))


def record_runs(
    planned: Sequence[RunRecord],
    targets: Floats,
    rng: np.random.Generator,
    *,
    goal: Goal,
    points: int,
    wiggle: float,
    statuses: Mapping[tuple[str, int], Status | None],
    finished: float,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Runs and series of planned runs, whose ranking metric ends at `targets`; see `synthetic_results`."""
    ends = _ends(planned, statuses, finished, rng)
    curves = _curves(targets, points, goal, wiggle, rng)
    return _runs(planned, ends, rng), _series(planned, ends, curves, points)


def synthetic_scores(
    values: ArrayLike, *, variants: Sequence[str] | None = None, contexts: Sequence[str] | None = None
) -> pl.DataFrame:
    """Scores as `ablate.analysis.effects` and `rank` take them, from an array.

    Args:
        values: Contexts x variants x seeds, or variants x seeds; NaN where a run has no score.
        variants: Labels; by default ``base``, ``v1``, ``v2``, ...
        contexts: Labels; by default ``""``, ``1``, ``2``, ...
    """
    array = np.asarray(values, dtype=np.float64)
    array = array.reshape((1,) * (3 - array.ndim) + array.shape)
    names = variants or [BASE, *(f"v{k}" for k in range(1, array.shape[1]))]
    places = contexts or ["", *(str(k) for k in range(1, array.shape[0]))]
    context, variant, seed = np.indices(array.shape)
    return pl.DataFrame(
        {
            "context": pl.Series(places, dtype=pl.String).gather(context.reshape(-1)),
            "variant": pl.Series(names, dtype=pl.String).gather(variant.reshape(-1)),
            "seed": seed.reshape(-1).astype(np.int64),
            "score": array.reshape(-1),
        }
    )


def _variants(
    variants: int | Sequence[str], changes: Mapping[str, Mapping[str, Any]] | None
) -> tuple[tuple[str, ...], dict[str, dict[str, Any]]]:
    """Labels, the base first, and what each changes."""
    given = {label: dict(items) for label, items in (changes or {}).items()}
    count = variants if isinstance(variants, int) else len(variants)
    default = [{path: value} for path, value in _CHANGES[:count]]
    default += [{"model.scale": round(0.01 * 1.01**k, 6)} for k in range(count - len(default))]
    if isinstance(variants, int):
        labels = list(given)[:count] + [_label(item) for item in default][len(given) :]
    else:
        labels = list(variants)
    result: dict[str, dict[str, Any]] = {BASE: {}}
    for label, item in zip(labels, default, strict=True):
        result[label] = given.get(label, item)
    return tuple(result), result


def _label(changes: Mapping[str, Any]) -> str:
    ((path, value),) = changes.items()
    short = value["kind"] if isinstance(value, Mapping) else value
    return f"{path.rsplit('.', 1)[-1]}={short}"


def _effects(effects: float | Sequence[float] | Mapping[str, float], labels: Sequence[str]) -> Floats:
    """True improvement of each label; 0 for the base."""
    if isinstance(effects, Mapping):
        return np.array([float(effects.get(label, 0.0)) for label in labels])
    if isinstance(effects, Sequence):
        return np.array([0.0, *effects])
    return np.array([0.0] + [float(effects)] * (len(labels) - 1))


def _record(
    label: str, changes: dict[str, Any], contexts: Sequence[str], parameters: Mapping[str, int] | None
) -> VariantRecord:
    configs: dict[str, dict[str, Any]] = {}
    for k, context in enumerate(contexts):
        config = {part: dict(fields) for part, fields in _BASE_CONFIG.items()}
        config["problem"]["context"] = 64 * 2**k
        for path, value in changes.items():
            part, _, field = path.partition(".")
            present = config.setdefault(part, {}).get(field)
            as_component = isinstance(present, dict) and isinstance(value, str)
            config[part][field] = {"kind": value} if as_component else value
        configs[context] = config
    return VariantRecord(
        label=label,
        changes=changes,
        is_base=label == BASE,
        contexts=configs,
        parameters=(parameters or {}).get(label, 100_000),
    )


@dataclass(frozen=True, slots=True)
class _End:
    """How far a run came: ``share`` of its budget, and its status."""

    share: float
    status: Status | None


def _ends(
    planned: Sequence[RunRecord],
    statuses: Mapping[tuple[str, int], Status | None],
    finished: float,
    rng: np.random.Generator,
) -> list[_End]:
    seeds = list(dict.fromkeys(run.seed for run in planned))
    order = sorted(range(len(planned)), key=lambda index: seeds.index(planned[index].seed))
    ended = round(finished * len(planned))
    place = {index: k for k, index in enumerate(order)}
    ends = []
    for index, run in enumerate(planned):
        share = float(rng.uniform(0.3, 0.9))
        if place[index] > ended or (run.variant, run.seed) in statuses:
            status = None if place[index] > ended else statuses[run.variant, run.seed]
            full = 1.0 if status == "done" else share
            ends.append(_End(0.0 if status is None else full, status))
        elif place[index] == ended:
            ends.append(_End(0.5, None))
        else:
            ends.append(_End(1.0, "done"))
    return ends


def _curves(targets: Floats, points: int, goal: Goal, wiggle: float, rng: np.random.Generator) -> dict[str, Floats]:
    """Each metric as runs x points; the ranking one ends exactly at its target."""
    share = np.linspace(1 / points, 1, points)
    decay = (np.exp(-9 * share) - np.exp(-9)) / (1 - np.exp(-9))
    noise = wiggle * rng.standard_normal((len(targets), points))
    noise[:, -1] = 0.0
    if goal == "maximize":
        accuracy = targets[:, None] * (1 - 0.9 * decay) + noise
        loss = 4.0 * (1.0 - accuracy)
    else:
        loss = targets[:, None] * (1 + 1.8 * decay) + noise
        accuracy = 1 / (1 + np.abs(loss))
    batch = 2 * wiggle * rng.standard_normal(loss.shape)
    return {"val_loss": loss, "val_accuracy": accuracy, "train_loss": 0.95 * loss + batch}


def _runs(planned: Sequence[RunRecord], ends: Sequence[_End], rng: np.random.Generator) -> pl.DataFrame:
    messages: dict[str | None, str] = {
        "oom": "RESOURCE_EXHAUSTED: out of memory while trying to allocate 2147483648 bytes",
        "error": "ValueError: attention heads (4) do not divide the width (66)",
        "lost": "the worker died",
        "timeout": "no progress for 600 s",
    }
    pace = rng.uniform(0.0018, 0.0022, len(ends))
    rows = []
    for index, (run, end) in enumerate(zip(planned, ends, strict=True)):
        step = round(end.share * run.steps)
        rows.append(
            {
                "run_id": run.run_id,
                "variant": run.variant,
                "context": run.context,
                "seed": run.seed,
                "budget": run.steps,
                "status": end.status,
                "step": step if end.share else None,
                "cause": "loss" if end.status == "diverged" else "",
                "message": messages.get(end.status, ""),
                "seconds": float(pace[index]) * step,
                "pack_id": f"pack-{run.seed}",
            }
        )
    return pl.DataFrame(rows, schema=RUNS)


def _series(
    planned: Sequence[RunRecord], ends: Sequence[_End], curves: Mapping[str, Floats], points: int
) -> pl.DataFrame:
    budget = np.array([run.steps for run in planned])[:, None]
    share = np.linspace(1 / points, 1, points)[None, :]
    steps = np.rint(budget * share).astype(np.int64)
    reached = np.array([end.share for end in ends])[:, None] * budget
    kept = steps <= reached
    ids = pl.Series("run_id", [run.run_id for run in planned])
    frames = []
    for recorded, values in curves.items():
        shown = values.copy()
        for index, end in enumerate(ends):
            if end.status == "diverged" and kept[index].any():
                last = int(kept[index].nonzero()[0][-1])
                blow_up = np.arange(max(last - 3, 0), last)
                shown[index, blow_up] *= 10.0 ** (3 - last + blow_up)
                shown[index, last] = np.nan
        rows = np.broadcast_to(np.arange(len(ends))[:, None], kept.shape)[kept]
        frames.append(
            pl.DataFrame({"run_id": ids.gather(rows), "step": steps[kept], "value": shown[kept]}).with_columns(
                metric=pl.lit(recorded)
            )
        )
    return pl.concat(frames).select(SERIES.names()).cast(SERIES)
