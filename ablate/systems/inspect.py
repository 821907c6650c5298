"""Facts about a run configuration, without training it."""

import math

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


def citations(config: Component) -> dict[str, str]:
    """Where the components of a configuration come from: ``{"gelu": "Hendrycks & Gimpel 2016", ...}``."""
    found: dict[str, str] = {}

    def walk(value: object) -> None:
        if isinstance(value, Component):
            if value.kind and value.reference:
                found[value.kind] = value.reference
            for name in type(value).model_fields:
                walk(getattr(value, name))
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)

    walk(config)
    return found
