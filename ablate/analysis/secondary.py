"""The metrics that do not rank: their last values, with intervals and without a verdict."""

import numpy as np
import polars as pl

from ._study import Study
from ._table import Floats, ScoreTable
from .compare import compare
from .evidence import Secondary, SecondaryRow

_KEYS = ("variant", "context", "seed")


def read_secondary(study: Study, recorded: pl.DataFrame) -> tuple[Secondary, ...]:
    """One per metric beside the one that ranks, in alphabetic order, and context.

    The difference of a metric is the variant's last value minus that of the baseline's run with the same seed: which
    direction is better is not known here. Only finished runs count.

    Args:
        study: The grid.
        recorded: Every series up to the budget, as `ablate.analysis.curves` gives them.
    """
    done = study.scores.filter(outcome="done").select(*_KEYS)
    last = (
        recorded.filter(pl.col("metric") != study.plan.metric.name)
        .join(done, on=_KEYS, how="semi", maintain_order="left")
        .group_by("metric", *_KEYS, maintain_order=True)
        .agg(score=pl.col("value").last())
    )
    found = []
    for metric in sorted(last["metric"].unique().to_list()):
        table = ScoreTable.of(last.filter(metric=metric))
        if study.base in table.variants:
            found += [
                _read(study, metric, context, table) for context in study.plan.contexts if context in table.contexts
            ]
    return tuple(found)


def _read(study: Study, metric: str, context: str, table: ScoreTable) -> Secondary:
    theirs = table.row(context, study.base)
    rows = []
    labels = [row.variant for row in study.rows(context) if row.variant in table.variants]
    values = np.stack([table.row(context, label) for label in labels])
    items = compare(values, np.broadcast_to(theirs, values.shape), goal="maximize", alpha=study.plan.report.alpha)
    for label, mine, item in zip(labels, values, items, strict=True):
        known: Floats = mine[np.isfinite(mine)]
        of_base = label == study.base
        rows.append(
            SecondaryRow(
                variant=label,
                mean=float(known.mean()) if known.size else None,
                difference=None if of_base else item.improvement,
                interval=None if of_base else item.interval,
                n=int(known.size) if of_base else item.n,
            )
        )
    return Secondary(metric, context, tuple(rows))
