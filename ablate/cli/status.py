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

    from .console import out, print_status
    from .selection import confirmation_lines, tuning_lines

    found = Store(store)
    plan, confirmation = found.plan(grid.stem), found.confirmation(grid.stem)
    lines: list[str] = []
    if plan.tuning:
        lines += tuning_lines(plan.tuning, found.runs(plan.tuning.runs))
    if confirmation:
        lines += confirmation_lines(confirmation, found.runs(confirmation.runs))
    print_status(plan, found.runs(plan.runs), damaged=found.damaged)
    for line in lines:
        out.print(line, markup=False)
