"""Derivatives written by hand, where XLA makes slow CPU code of those that JAX finds.

They are used where a program asks for the gradient that it trains by, see `by_hand`, and nowhere else: what has them
cannot be differentiated forwards, and a diagnostic may want to (for a Gauss-Newton product, say).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax

P = ParamSpec("P")
R = TypeVar("R")

_by_hand: ContextVar[bool] = ContextVar("ablate_by_hand", default=False)


@contextmanager
def by_hand() -> Iterator[None]:
    """Functions that are traced inside have their derivatives by hand, if they have any and this is for a CPU.

    The values are the same, the gradients equal to float tolerance. Only for gradients of a scalar, as `jax.grad` finds
    them: forward-mode differentiation of what is traced inside is an error.
    """
    token = _by_hand.set(True)
    try:
        yield
    finally:
        _by_hand.reset(token)


def derivative(
    forward: Callable[P, tuple[R, Any]], backward: Callable[..., Any]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that gives a function a derivative by hand, as `jax.custom_vjp` wants it, for use in `by_hand`.

    Args:
        forward: takes what the function takes; returns what it returns, and what `backward` needs.
        backward: takes that, and the slope by the result; returns a tuple, the slope by each argument.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        special = jax.custom_vjp(function)
        special.defvjp(forward, backward)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return (special if _by_hand.get() and on_cpu() else function)(*args, **kwargs)

        return call

    return decorate


def on_cpu() -> bool:
    """Whether what is traced now will run on a CPU."""
    return jax.default_backend() == "cpu"
