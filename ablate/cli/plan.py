"""``ablate plan``."""

from pathlib import Path

import click

from .options import grid_argument, seeds_option, store_option, with_seeds


@click.command("plan")
@grid_argument
@seeds_option
@store_option
def command(grid: Path, overrides: tuple[str, ...], seeds: str | None, store: Path) -> None:
    """Show what GRID would run, how it is packed, and what is already done. Writes nothing."""
    from ablate.plan import make_plan
    from ablate.store import Store

    from .console import print_plan

    print_plan(make_plan(grid, Store(store), with_seeds(overrides, seeds)))
