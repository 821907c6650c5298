"""Compilation without optimisation, for tests that compare numbers within a tolerance and spend their time in XLA."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module")
def quick_compilation() -> Iterator[None]:
    """XLA optimises nothing. Not for tests about bits: it is optimisation that may change them."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
