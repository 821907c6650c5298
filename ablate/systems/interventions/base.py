"""`Intervention`: an ``(init, update)`` pair that acts on training."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from ablate.core import Family, Metric
from ablate.systems.component import Component
from ablate.systems.models import Model
from ablate.systems.problems import Problem
from ablate.systems.taps import Activations

Point = Literal["loss", "update", "step"]
"""When an intervention acts: on the gradients, before they are clipped; on the new parameters, to bound what the
optimiser did; or when the update is done, on the parameters and the optimiser's state."""


@dataclass(frozen=True)
class Setting:
    """What is being trained."""

    model: Model
    problem: Problem

    def fresh(self, key: Key[Array, ""]) -> PyTree[Float[Array, "..."]]:
        """Parameters as a run would start from them, drawn anew. For interventions that say that they redraw."""
        try:
            return self.model.init(self.problem.shapes(), key)
        except AttributeError as error:
            message = f"{error}; an intervention that draws fresh parameters says so in its property redraws"
            raise AttributeError(message) from error


@dataclass(frozen=True)
class Moment:
    """One update of one run, as an intervention finds it; ``dataclasses.replace`` what it changes."""

    setting: Setting
    step: Int[Array, ""]
    """Finished updates, without this one."""
    key: Key[Array, ""]
    """For this intervention and this step alone. No other random number of the run depends on it."""
    gradients: PyTree[Float[Array, "..."]]
    """Of the batch's mean loss. To be changed at ``loss``: add the gradient of a penalty."""
    before: PyTree[Float[Array, "..."]]
    """The parameters before the update."""
    parameters: PyTree[Float[Array, "..."]]
    """The same at ``loss``; after the update, and to be changed, at ``update`` and ``step``."""
    optimizer: PyTree[Array]
    """The optimiser's state. To be changed at ``step``."""
    activations: Activations
    """The taps that are units of the model, on the batch and with the parameters that the gradients are of. Empty
    unless ``reads_activations``."""
    metrics: Mapping[str, Float[Array, ""]] = field(default_factory=dict)
    """What the intervention records about this update, by the names in its ``metrics``."""


_CHANGED = ("gradients", "parameters", "optimizer")
_Changed = tuple[PyTree, ...]


def _changed(moment: Moment) -> _Changed:
    return tuple(getattr(moment, name) for name in _CHANGED)


class Intervention(Component):
    """Something that is done to training besides gradient descent: a penalty, a cap, a perturbation, a reset.

    Subclass this, say at which point it acts, and write ``init`` if it remembers something and ``update``.
    """

    at: ClassVar[Point]
    """When ``update`` is called."""
    neutral: ClassVar[Mapping[str, float]] = MappingProxyType({})
    """Values of fields at which it changes nothing, bit for bit; the conformance suite checks that. Empty if there are
    none: it always acts."""
    metrics: ClassVar[tuple[Metric, ...]] = ()
    """What it records at each update; in the results the name that the grid gives it stands in front."""

    @property
    def redraws(self) -> bool:
        """Whether `update` asks for fresh parameters (`Setting.fresh`); if not, the model cannot draw any."""
        return False

    @property
    def reads_activations(self) -> bool:
        """Whether `update` looks at activations."""
        return False

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> PyTree[Array]:
        """What it remembers at first. By default nothing.

        Args:
            setting: what is being trained.
            parameters: as the run starts from them.

        Raises:
            GridError: it can do nothing with this model.
        """
        return ()

    def act(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
        """`update`, unless the fields are `neutral`: then nothing, so that the run is, bit for bit, the one without.

        Under ``vmap`` both are computed and one is taken.
        """
        differs = [getattr(self, name) != value for name, value in self.neutral.items()]
        if not differs or any(one is True for one in differs):
            return self.update(state, moment)

        def change() -> tuple[Any, _Changed, dict[str, Array]]:
            after, acted = self.update(state, moment)
            return after, _changed(acted), dict(acted.metrics)

        def leave() -> tuple[Any, _Changed, dict[str, Array]]:
            return state, _changed(moment), {metric.name: jnp.zeros(()) for metric in self.metrics}

        after, changed, metrics = jax.lax.cond(jnp.any(jnp.stack(differs)), change, leave)
        return after, replace(moment, **dict(zip(_CHANGED, changed, strict=True)), metrics=metrics)

    @abstractmethod
    def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
        """Act. Structure, shapes and dtypes of everything stay as they are.

        Args:
            state: what `init`, or this at the step before, returned.
            moment: what it may read and change.

        Returns:
            What it remembers, and the moment as it leaves it.
        """


INTERVENTIONS: Family[Intervention] = Family("intervention")
