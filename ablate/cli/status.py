"""``ablate status``."""

from pathlib import Path

import click

from .options import store_option


@click.command("status")
@click.argument("grid", type=click.Path(path_type=Path))
@store_option
def command(grid: Path, store: Path) -> None:
    """Show how far GRID is, from what is in the store. Works while it runs and after."""
    from ablate.store import Store

    from .console import print_status

    found = Store(store)
    plan = found.plan(grid.stem)
    print_status(plan, found.runs(plan), damaged=found.damaged)
