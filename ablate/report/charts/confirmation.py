"""Both estimates of each confirmed variant: the forest plot, with the screening in grey below the fresh seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import altair as alt
import polars as pl

from ablate.analysis.types import Confirmed, Ranked
from ablate.report.numbers import Style

from . import forest

NARROW = 16
"""Characters of a label on a narrow screen."""


@dataclass(frozen=True, slots=True)
class Frames:
    """The data of the chart; ``short`` is the label on a narrow screen."""

    rows: pl.DataFrame
    seeds: pl.DataFrame
    away: pl.DataFrame
    window: forest.Window


def frames(rows: Sequence[Confirmed], style: Style, margin: float | None) -> Frames:
    """Two lines for each variant that has an effect: on fresh seeds, and in the screening."""
    called = forest.names(row.fresh.variant for row in rows)
    short = forest.names((row.fresh.variant for row in rows), limit=NARROW)
    lines: list[Ranked] = []
    labels: list[tuple[str, str, str, str | None]] = []
    for place, row in enumerate(rows):
        variant = row.fresh.variant
        lines.append(row.fresh)
        labels.append((variant, called[variant], short[variant], None))
        if row.screening is not None:
            # The labels of an axis must differ: what tells these apart is not seen.
            below, name = f"{variant} {place}", "screening" + "\u200b" * place
            lines.append(replace(row.screening, variant=below))
            labels.append((below, name, name, "var(--edge)"))
    known = pl.DataFrame(labels, schema=dict.fromkeys(("variant", "label", "short", "grey"), pl.String), orient="row")

    def labelled(frame: pl.DataFrame) -> pl.DataFrame:
        joined = frame.join(known, on="variant", how="left", maintain_order="left")
        if "color" in frame.columns:
            joined = joined.with_columns(color=pl.coalesce("grey", "color"))
        return joined.with_columns(name=pl.col("label")).drop("label", "grey")

    shown, dots = forest.effects(lines, style), forest.seed_effects(lines, style)
    window, _ = forest.windows(shown, dots, margin)
    away = forest.away(shown, window)
    return Frames(labelled(shown), labelled(dots), labelled(away), window)


def draw(data: Frames, *, metric: str, unit: str, label: str) -> alt.LayerChart:
    """The chart over the named data of a forest plot."""
    return forest.draw(data.rows["name"].to_list(), data.window, metric=metric, unit=unit, label=label)
