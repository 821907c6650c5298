"""Facts about a run configuration, without training it."""

import math
from collections.abc import Callable

import jax

from .component import Component
from .lanes import signature
from .program import Program
from .streams import root


def parameter_count(config: Program) -> int:
    """Trainable numbers of a run. Loads the data, for its shapes; computes nothing.

    Raises:
        GridError: the data is not there, or the parts do not fit together.
    """
    data = signature(config).static_config().load()
    state = jax.eval_shape(lambda: config.init(data, root(0)))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(config.parameters(state)))


def citations(config: Component, part: Callable[[Component], dict[str, str]] | None = None) -> dict[str, str]:
    """Where the components of a configuration come from: ``{"gelu": "Hendrycks & Gimpel 2016", ...}``.

    Args:
        config: the configuration.
        part: the citations of a component inside; by default this function.
    """
    found = {config.kind: config.reference} if config.kind and config.reference else {}

    def walk(value: object) -> None:
        if isinstance(value, Component):
            found.update((part or citations)(value))
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)

    for name in type(config).model_fields:
        walk(getattr(config, name))
    return found
