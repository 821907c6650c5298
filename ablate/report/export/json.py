"""JSON: the whole analysis as plain data."""

import json
import math
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ablate.store import write_text
from ablate.store.schema import PlanRecord

from . import Source
from .paths import beside

FORMAT = 1
"""Version of the keys; it grows when one changes its meaning or goes."""

_CURVE = ["metric", "context", "variant", "seed"]


def write(source: Source, stem: Path) -> tuple[Path, ...]:
    """``STEM.json``."""
    path = beside(stem, ".json")
    write_text(path, json.dumps(document(source), ensure_ascii=False, allow_nan=False) + "\n")
    return (path,)


def document(source: Source) -> dict[str, Any]:
    """All of it: ``format``, ``grid``, ``analysis``, ``curves`` and ``notes``.

    Keys are the names of the fields of `Analysis` and of what it holds. A number that is not finite is null.
    """
    analysis: dict[str, Any] = plain(source.analysis)
    curves = analysis.pop("curves")
    return {
        "format": FORMAT,
        "grid": _grid(source.plan),
        "analysis": analysis,
        "curves": curves,
        "notes": [note.model_dump(mode="json") for note in source.notes],
    }


def plain(value: Any) -> Any:
    """Plain data from the values of an analysis: dataclasses become objects, tuples lists, frames of curves a list."""
    if isinstance(value, pl.DataFrame):
        return _curves(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _grid(plan: PlanRecord) -> dict[str, Any]:
    found = plan.model_dump(mode="json", include={"name", "path", "question", "metric", "margin", "seeds", "contexts"})
    base = next((variant.label for variant in plan.variants if variant.is_base), None)
    return found | {
        "baseline": base,
        "alpha": plan.report.alpha,
        "provenance": plan.provenance.model_dump(mode="json"),
    }


def _curves(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One object per run and metric, with its steps and values as lists."""
    finite = pl.when(pl.col("value").is_finite()).then(pl.col("value"))
    listed = frame.with_columns(value=finite).group_by(_CURVE, maintain_order=True).agg("step", "value")
    return listed.rename({"step": "steps", "value": "values"}).to_dicts()
