"""The charts of one grid as Altair objects."""

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import polars as pl

from ablate.analysis import Analysis, CostKey
from ablate.report import figures
from ablate.store import PlanRecord


@dataclass(frozen=True, slots=True, repr=False)
class Charts:
    """Each method draws a chart of its own, which can be changed, saved and put beside others as usual in Altair.

    A chart that has nothing to show is None.
    """

    analysis: Analysis
    plan: PlanRecord
    recorded: pl.DataFrame | None = None
    """What was read from inside the networks."""

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

    def effects(self, *, context: str | None = None) -> tuple[alt.LayerChart, ...]:
        """What each factor of a full grid does, all others averaged out: a chart each, on one scale."""
        return figures.effects(self.analysis, self.plan, context=context)

    def interactions(self, *, context: str | None = None) -> tuple[alt.LayerChart, ...]:
        """How far the cells of two factors of a full grid are from the sum of both: a chart for each pair."""
        return figures.interactions(self.analysis, self.plan, context=context)

    def shares(self, *, context: str | None = None) -> alt.LayerChart | None:
        """The shares of the variance in a full grid: factors, interactions, seed, residual."""
        return figures.shares(self.analysis, self.plan, context=context)

    def changes(self, *, context: str | None = None) -> alt.LayerChart | None:
        """The effect of each change, the largest first, where every variant is one change from the baseline."""
        return figures.changes(self.analysis, self.plan, context=context)

    def importance(self, *, context: str | None = None) -> alt.LayerChart | None:
        """What a model says of each path, in a grid that is neither a full grid nor one change at a time."""
        return figures.importance(self.analysis, self.plan, context=context)

    def pareto(self, cost: CostKey | None = None, *, context: str | None = None) -> alt.LayerChart | None:
        """Mean score against a cost: ``seconds``, ``flops`` or ``parameters``."""
        return figures.pareto(self.analysis, self.plan, cost_key=cost, context=context)

    def residuals(self, *, context: str | None = None) -> alt.LayerChart | None:
        """What is left of each score after its variant and its seed."""
        return figures.residuals(self.analysis, self.plan, context=context)

    def ranks(self, *, context: str | None = None) -> alt.LayerChart | None:
        """How often each variant has each rank when the seeds are drawn again; not used for verdicts."""
        return figures.ranks(self.analysis, self.plan, context=context)

    def profiles(self) -> alt.LayerChart | None:
        """Which share of a variant's runs gains so much or more, over three contexts or more."""
        return figures.profiles(self.analysis, self.plan)

    def pairs(self) -> alt.LayerChart | None:
        """The best variants and the baseline against each other, over six contexts or more."""
        return figures.pairs(self.analysis, self.plan)

    def diagnosed(self) -> tuple[alt.LayerChart, ...]:
        """What was read from inside the networks: a chart for each quantity, of its first layer."""
        return figures.diagnosed(self.analysis, self.plan, self.recorded)

    def tuned(self, *, context: str | None = None) -> alt.LayerChart | None:
        """The mean score of each variant against the one nuisance axis of a grid that tunes."""
        return figures.tuned(self.analysis, self.plan, context=context)
