"""The charts of one grid as Altair objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt

from ablate.analysis import Analysis
from ablate.report import figures
from ablate.store import PlanRecord


@dataclass(frozen=True, slots=True, repr=False)
class Charts:
    """Each method draws a chart of its own, which can be changed, saved and put beside others as usual in Altair.

    A chart that has nothing to show is None.
    """

    analysis: Analysis
    plan: PlanRecord

    def forest(self, *, context: str | None = None, top: int = figures.TOP) -> alt.LayerChart | None:
        """The improvement of the `top` best variants over the baseline, with intervals and seeds."""
        return figures.forest(self.analysis, self.plan, context=context, top=top)

    def curves(
        self, metric: str | None = None, *, context: str | None = None, variants: Sequence[str] | None = None
    ) -> alt.LayerChart | None:
        """A metric over the steps; by default the one that ranks, of the baseline and the five best."""
        return figures.curves(self.analysis, self.plan, metric=metric, context=context, variants=variants)

    def difference(
        self, metric: str | None = None, *, context: str | None = None, variants: Sequence[str] | None = None
    ) -> alt.LayerChart | None:
        """The paired difference from the baseline over the steps; for the metric that ranks, positive is better."""
        return figures.difference(self.analysis, self.plan, metric=metric, context=context, variants=variants)

    def published(self) -> alt.LayerChart | None:
        """The order of the variants by published values beside ours."""
        return figures.published(self.analysis, self.plan)

    def confirmed(self, *, context: str | None = None) -> alt.LayerChart | None:
        """What the screening said of the confirmed variants, and what fresh seeds say."""
        return figures.confirmed(self.analysis, self.plan, context=context)

    def tuned(self, *, context: str | None = None) -> alt.LayerChart | None:
        """The mean score of each variant against the one nuisance axis of a grid that tunes."""
        return figures.tuned(self.analysis, self.plan, context=context)
