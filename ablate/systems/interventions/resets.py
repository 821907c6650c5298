"""`Reset`: units of hidden layers begin anew. What chooses them is a subclass."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ablate.core import GridError, Metric, Problem
from ablate.systems.models import Model
from ablate.systems.streams import stream

from .base import Intervention, Moment, Setting
from .leaves import leaf_name

Path = tuple[Any, ...]
"""Of a leaf, as JAX has it."""

Chosen = Mapping[str, Bool[Array, " F"]]
"""Tap of a hidden layer to the units that are to be reset."""


class Reset(Intervention):
    """Chosen hidden units begin anew after the update.

    Their incoming weights and biases are drawn as the model draws them, their outgoing weights become 0, and so do the
    optimiser's moments of all these. The optimiser's step count and everything else stay as they are.
    """

    at = "step"
    metrics = (Metric("units", "minimize", "units", "Hidden units that were reset, per update."),)

    @property
    def redraws(self) -> bool:
        """See `Intervention.redraws`."""
        return True

    @property
    def reads_activations(self) -> bool:
        """See `Intervention.reads_activations`."""
        return True

    def init(self, setting: Setting, parameters: PyTree[Float[Array, "..."]]) -> PyTree[Array]:
        """See `Intervention.init`."""
        model, layers = setting.model, setting.model.resettable()
        if not layers:
            reason = ": other parts read them too, a residual path or a norm" if model.units() else ""
            message = f"{model.kind} has no hidden units that can be reset here{reason}"
            raise GridError(Problem(message, "bad-value"))
        named = {slices.leaf for units in layers for slices in (*units.incoming, *units.outgoing)}
        unknown = named - {leaf_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(parameters)}
        if unknown:
            message = f"{model.kind} says that units have the parameters {', '.join(sorted(unknown))}; there are none"
            raise GridError(Problem(message, "bad-value"))
        return ()

    def update(self, state: Any, moment: Moment) -> tuple[Any, Moment]:
        """See `Intervention.update`."""
        state, chosen = self.choose(state, moment)
        count = jnp.sum(jnp.stack([jnp.sum(mask) for mask in chosen.values()]))
        parameters, optimizer = jax.lax.cond(
            count > 0, lambda: begin_anew(chosen, moment), lambda: (moment.parameters, moment.optimizer)
        )
        metrics = {**moment.metrics, "units": count.astype(jnp.float32)}
        return state, replace(moment, parameters=parameters, optimizer=optimizer, metrics=metrics)

    @abstractmethod
    def choose(self, state: Any, moment: Moment) -> tuple[Any, Chosen]:
        """The units to reset in every hidden layer of the model (perhaps none), and what is remembered."""


def begin_anew(chosen: Chosen, moment: Moment) -> tuple[PyTree[Array], PyTree[Array]]:
    """Parameters and optimiser state in which the chosen units are reset."""
    fresh = moment.setting.fresh(stream(moment.key, "fresh"))
    drawn = _masks(moment.setting.model, chosen, moment.parameters, "incoming")
    cut = _masks(moment.setting.model, chosen, moment.parameters, "outgoing")

    def reset(path: Path, leaf: Array, draw: Array) -> Array:
        if path in drawn:
            leaf = jnp.where(drawn[path], draw, leaf)
        return jnp.where(cut[path], 0.0, leaf) if path in cut else leaf

    def without_moment(path: Path, leaf: Array) -> Array:
        """Leaves of the optimiser belong to the parameter whose path theirs ends with, if they have as many axes."""
        for start in range(len(path)):
            for masks in (drawn, cut):
                mask = masks.get(path[start:])
                if mask is not None and mask.ndim == leaf.ndim:
                    leaf = jnp.where(mask, jnp.zeros((), leaf.dtype), leaf)
        return leaf

    anew = jax.tree_util.tree_map_with_path(reset, moment.parameters, fresh)
    return anew, jax.tree_util.tree_map_with_path(without_moment, moment.optimizer)


def _masks(model: Model, chosen: Chosen, parameters: PyTree[Array], side: str) -> dict[Path, Bool[Array, "..."]]:
    """For each parameter that the units have to do with, True in the slices of the chosen ones."""
    places = {leaf_name(path): (path, leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(parameters)}
    masks: dict[Path, Bool[Array, "..."]] = {}
    for units in model.resettable():
        for slices in units.incoming if side == "incoming" else units.outgoing:
            path, leaf = places[slices.leaf]
            others = [axis for axis in range(leaf.ndim) if axis != slices.axis]
            mask = jnp.expand_dims(chosen[units.tap], others)
            masks[path] = masks[path] | mask if path in masks else mask
    return masks
