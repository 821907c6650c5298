"""Runs that did not end well."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import polars as pl

from ablate.core import Status
from ablate.store.schema import PlanRecord

from ._study import Curve
from ._words import number, value_text
from .types import Failure


def failures(
    plan: PlanRecord, scores: pl.DataFrame, runs: pl.DataFrame, curves: Mapping[tuple[str, str, int], Curve]
) -> tuple[Failure, ...]:
    """Every run that diverged or failed, in the order of the plan.

    Args:
        plan: What was planned.
        scores: Schema `SCORES`.
        runs: Schema ``RUNS``.
        curves: (variant, context, seed) -> the ranking metric.
    """
    keys = ["variant", "context", "seed"]
    ended = runs.select(*keys, "step", "cause", "message").unique(keys, keep="first", maintain_order=True)
    wrong = scores.filter(pl.col("outcome").is_in(["diverged", "failed"])).join(
        ended, on=keys, how="left", maintain_order="left"
    )
    changes = {
        variant.label: tuple((path, value_text(value)) for path, value in variant.changes.items())
        for variant in plan.variants
    }
    found = []
    for row in wrong.iter_rows(named=True):
        key = (row["variant"], row["context"], row["seed"])
        status: Status = "diverged" if row["outcome"] == "diverged" else cast(Status, row["status"])
        if status != "diverged":
            detail = (row["message"] or "").strip() or f"ended as {status}, without a message"
        elif row["status"] == "done":
            detail = f"finished, but {plan.metric.name} is not finite"
        else:
            detail = f"{row['cause'] or 'a value'} stopped being finite"
        last = _last_finite(curves.get(key))
        if last is not None:
            detail += f"; last finite {plan.metric.name} {number(last[1])} at step {last[0]}"
        found.append(Failure(*key, status, row["step"], detail, changes[row["variant"]]))
    return tuple(found)


def _last_finite(curve: Curve | None) -> tuple[int, float] | None:
    if curve is None:
        return None
    finite = np.flatnonzero(np.isfinite(curve.values))
    return (int(curve.steps[finite[-1]]), float(curve.values[finite[-1]])) if finite.size else None
