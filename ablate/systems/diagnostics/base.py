"""`Diagnostic`: something that is read from inside the network while it trains."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from ablate.core import Family
from ablate.systems.component import Component
from ablate.systems.interventions import leaf_name
from ablate.systems.models import Model
from ablate.systems.problems import Batch, Problem
from ablate.systems.taps import Activations, collecting

Readings = Mapping[str, Mapping[str, Float[Array, "..."]]]
"""Quantity -> layer (the name of a parameter or tap; empty for the whole network) -> a number or a row of numbers."""


class Step(NamedTuple):
    """The update that the run makes next."""

    gradients: PyTree[Float[Array, "..."]]
    """Of the batch's mean loss, before interventions and clipping."""
    parameters: PyTree[Float[Array, "..."]]
    """Afterwards."""


@dataclass(frozen=True)
class Look:
    """What a diagnostic may look at: the network between two updates. Nothing of it goes back into training."""

    model: Model
    problem: Problem
    parameters: PyTree[Float[Array, "..."]]
    batch: Batch
    """The first batch of the validation split: the same at every step, in every variant and for every seed."""
    ahead: Callable[[], Step]
    """Works the next update out, without making it."""

    @cached_property
    def step(self) -> Step:
        """The update that comes next: the same batch, noise and gradients that it will have."""
        return self.ahead()

    @property
    def outputs(self) -> Float[Array, "B ..."]:
        """The network's outputs for `batch`, without dropout."""
        return self._seen[0]

    @property
    def activations(self) -> Activations:
        """Every tap of the network on `batch`, without dropout; see `ablate.systems.taps`."""
        return self._seen[1]

    @cached_property
    def _seen(self) -> tuple[Float[Array, "B ..."], Activations]:
        with collecting() as found:
            outputs = self.model.apply(self.parameters, self.batch.inputs, key=None)
        return outputs, found


class Diagnostic(Component):
    """Numbers read from inside the network at every evaluation, and kept beside the metrics.

    Subclass this and write ``measure``. It runs on the device, inside the compiled program; make few numbers.
    """

    def refuses(self, model: Model, problem: Problem) -> str:
        """Why there is nothing to measure here; empty if there is. Called while a grid is checked."""
        return ""

    @abstractmethod
    def measure(self, look: Look, key: Key[Array, ""]) -> Readings:
        """The numbers, float32. Which quantities, layers and shapes there are must not depend on values.

        Args:
            look: the network. What several diagnostics ask of it is computed once.
            key: for this diagnostic; the same at every step of a run.
        """

    def text(self, problem: Problem, values: list[float]) -> str | None:
        """What a row of numbers says, if it is text. On the host."""
        return None


DIAGNOSTICS: Family[Diagnostic] = Family("diagnostic")


def named(tree: PyTree[Array]) -> dict[str, Array]:
    """The leaves of parameters, or of something like them, by name: ``blocks.0.mlp.up``."""
    return {leaf_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def norm(values: Float[Array, "..."]) -> Float[Array, ""]:
    """The root of the sum of squares."""
    return jnp.sqrt(jnp.sum(jnp.square(values)))
