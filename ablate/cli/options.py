"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_STORE = Path("runs")


def grid_argument(function: F) -> F:
    """GRID, and overrides in the grammar of the grid."""
    function = click.argument("overrides", nargs=-1, metavar="[PATH=VALUE]...")(function)
    return click.argument("grid", type=click.Path(path_type=Path))(function)


def store_option(function: F) -> F:
    """--store."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_STORE,
        show_default=True,
        help="The results folder.",
    )(function)


def seeds_option(function: F) -> F:
    """--seeds."""
    return click.option("--seeds", metavar="0-9", help="Seeds instead of the grid's: a count, a range or a list.")(
        function
    )


def with_seeds(overrides: tuple[str, ...], seeds: str | None) -> tuple[str, ...]:
    """The overrides, with ``--seeds`` as one more."""
    return overrides if seeds is None else (*overrides, f"seeds={seeds}")
