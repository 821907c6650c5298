"""Taps: named values inside a network, read by interventions and diagnostics.

A model says where they are: ``hidden = tap("hidden", hidden)``. While nobody collects, that does nothing and leaves no
trace in the program. The last part of a name says what the values are:

- ``hidden``: activations of units that can be counted and reset, ``[..., F]``;
- ``attention``: attention weights, whose last axis sums to 1;
- anything else: other activations, such as ``residual``.

A tap must not stand inside a ``scan``, ``vmap`` or ``checkpoint`` of the model: the values would not leave it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

A = TypeVar("A", bound=Array)

Activations = dict[str, Float[Array, "..."]]
"""Name of a tap, scopes in front, to its values in float32."""


class _Collector(NamedTuple):
    found: Activations
    only: Collection[str] | None


_collector: ContextVar[_Collector | None] = ContextVar("ablate_taps", default=None)
_scope: ContextVar[tuple[str, ...]] = ContextVar("ablate_scope", default=())


def tap(name: str, values: A) -> A:
    """Name `values`, which are returned as they are."""
    collector, whole = _collector.get(), ".".join((*_scope.get(), name))
    if collector is not None and (collector.only is None or whole in collector.only):
        collector.found[whole] = values.astype(jnp.float32)
    return values


def is_collecting() -> bool:
    """Whether taps are read: for what would have to be computed only for them."""
    return _collector.get() is not None


@contextmanager
def scope(*names: str) -> Iterator[None]:
    """Put `names` in front of the taps inside, as ``blocks.0`` in ``blocks.0.hidden``."""
    token = _scope.set((*_scope.get(), *names))
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def collecting(only: Collection[str] | None = None) -> Iterator[Activations]:
    """The mapping that taps inside are put into. They belong to the JAX trace that is active here.

    Args:
        only: names of the taps that are wanted; None: all.
    """
    found: Activations = {}
    token = _collector.set(None if only is not None and not only else _Collector(found, only))
    try:
        yield found
    finally:
        _collector.reset(token)


def is_tap(name: str, sort: str) -> bool:
    """Whether the last part of a tap's name is `sort`."""
    return name.rpartition(".")[2] == sort
