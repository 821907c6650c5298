"""The results of one grid as typed frames."""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ablate.analysis import Analysis, ClaimResult, effects, effects_frame, ranking_frame, scores
from ablate.store import NoteRecord, PlanRecord, Store

from .reading import Reading, read_diagnostics, read_grid

if TYPE_CHECKING:
    from .charts import Charts


DIAGNOSED = ("variant", "context", "seed", "step", "diagnostic", "quantity", "layer", "value", "values", "text")
"""Columns of `GridResults.diagnostics`."""

Wanted = Mapping[str, str | int | Collection[str] | Collection[int] | None]


class GridResults:
    """One grid: read and analysed when something of it is first used, and then kept.

    A grid that still trains is read again with `refresh`.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name

    def __repr__(self) -> str:
        return f"GridResults({self._name!r} in {str(self._root)!r})"

    @property
    def name(self) -> str:
        """The name of the grid."""
        return self._name

    def refresh(self) -> "GridResults":
        """The same grid as it is now."""
        return GridResults(self._root, self._name)

    @cached_property
    def _reading(self) -> Reading:
        return read_grid(Store(self._root), self._name)

    @property
    def plan(self) -> PlanRecord:
        """What was planned: question, metric, margin, variants with their configurations, seeds, contexts."""
        return self._reading.plan

    @property
    def analysis(self) -> Analysis:
        """Everything that the report says: ``headline``, ``flags``, ``failures``, ``suggestions`` and the rest."""
        return self._reading.analysis

    @property
    def claims(self) -> tuple[ClaimResult, ...]:
        """The claims of the grid, judged."""
        return self.analysis.claims

    @property
    def notes(self) -> tuple[NoteRecord, ...]:
        """What was remarked with ``ablate note``, oldest first."""
        return self._reading.notes

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row per planned run: schema ``ablate.store.RUNS``, and ``purpose``: ``rank``, ``tune`` or ``confirm``."""
        plan, confirmation = self.plan, self._reading.confirmation
        counts = {
            "rank": len(plan.runs),
            "tune": len(plan.tuning.runs) if plan.tuning else 0,
            "confirm": len(confirmation.runs) if confirmation else 0,
        }
        purposes = [purpose for purpose, count in counts.items() for _ in range(count)]
        return self._reading.runs.with_columns(pl.Series("purpose", purposes, dtype=pl.String))

    @cached_property
    def scores(self) -> pl.DataFrame:
        """The score of each run that ranks: schema ``ablate.analysis.SCORES``."""
        ranking_runs = self._reading.runs.head(len(self.plan.runs))
        return scores(self.plan, ranking_runs, self._reading.series)

    @cached_property
    def effects(self) -> pl.DataFrame:
        """Every variant against the baseline of its context: schema ``ablate.analysis.EFFECTS``."""
        plan = self.plan
        base = next((variant.label for variant in plan.variants if variant.is_base), "")
        found = effects(
            self.scores,
            base=base,
            goal=plan.metric.goal,
            alpha=self.analysis.alpha,
            margin=plan.margin,
            noise=plan.report.noise,
        )
        return effects_frame(found)

    @cached_property
    def ranking(self) -> pl.DataFrame:
        """The ranking, best mean first in each context: schema ``ablate.analysis.RANKING``."""
        return ranking_frame(self.analysis)

    def series(
        self,
        metric: str | None = None,
        *,
        variant: str | Collection[str] | None = None,
        context: str | Collection[str] | None = None,
        seed: int | Collection[int] | None = None,
    ) -> pl.DataFrame:
        """What the runs that rank recorded up to the budget: variant, context, seed, metric, step, value.

        Args:
            metric: only this one.
            variant: only this label, or these.
            context: only this label, or these.
            seed: only this one, or these.
        """
        wanted = {"metric": metric, "variant": variant, "context": context, "seed": seed}
        return self.analysis.curves.filter(_tests(wanted))

    def diagnostics(
        self,
        diagnostic: str | None = None,
        *,
        quantity: str | None = None,
        layer: str | Collection[str] | None = None,
        variant: str | Collection[str] | None = None,
        context: str | Collection[str] | None = None,
        seed: int | Collection[int] | None = None,
    ) -> pl.DataFrame:
        """What was read from inside the networks of the runs that rank, up to the budget.

        Columns: variant, context, seed, step, diagnostic, quantity, layer, value (null for a row of numbers), values,
        text (null unless it is one). Empty where the grid asks for no diagnostics.

        Args:
            diagnostic: only this one, by its name in the grid.
            quantity: only this one.
            layer: only this one, or these.
            variant: only this label, or these.
            context: only this label, or these.
            seed: only this one, or these.
        """
        wanted = {
            "diagnostic": diagnostic,
            "quantity": quantity,
            "layer": layer,
            "variant": variant,
            "context": context,
            "seed": seed,
        }
        found = self._diagnostics.filter(_tests(wanted))
        single = pl.when(pl.col("values").list.len() == 1).then(pl.col("values").list.first()).cast(pl.Float64)
        return found.with_columns(value=single).select(DIAGNOSED)

    @cached_property
    def _diagnostics(self) -> pl.DataFrame:
        return read_diagnostics(Store(self._root), self._reading)

    @property
    def charts(self) -> "Charts":
        """The charts of the report as Altair objects."""
        from .charts import Charts

        return Charts(self.analysis, self.plan, self._diagnostics)


def _tests(wanted: Wanted) -> pl.Expr:
    """Whether a row has one of the wanted values in each column that something is wanted of."""
    tests = [
        pl.col(name).is_in([value] if isinstance(value, str | int) else list(value))
        for name, value in wanted.items()
        if value is not None
    ]
    return pl.all_horizontal(pl.lit(value=True), *tests)
