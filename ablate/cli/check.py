"""``ablate check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import grid_argument

if TYPE_CHECKING:
    from ablate.grid import Counts


@click.command("check")
@grid_argument
@click.option("--no-plugins", is_flag=True, help="Import no plug-in; its components are then not validated.")
def command(grid: Path, overrides: tuple[str, ...], no_plugins: bool) -> None:
    """Say whether GRID is right: every problem at once, or one line of counts. Writes nothing."""
    from ablate.grid import expand, load

    from .console import count, err, print_warnings

    read = load(grid, overrides)
    trusted = not (no_plugins and read.plugins)
    if trusted:
        from ablate.plan import import_plugins, plugins_of

        import_plugins(plugins_of(read))
    expansion = expand(read)
    if trusted:
        from ablate.plan import resolve

        resolve(read, expansion)
    print_warnings(expansion.warnings)
    if not trusted:
        names = ", ".join(read.plugins)
        err.print(f"note: components were not validated, because the plug-ins {names} were not imported", markup=False)
    claims = f"; {count(len(expansion.claims), 'claim')}" if expansion.claims else ""
    click.echo(f"ok: {_product(expansion.counts)}{claims}")


def _product(counts: "Counts") -> str:
    from .console import count

    contexts = f" x {count(counts.contexts, 'context')}" if counts.contexts > 1 else ""
    seeds = count(counts.seeds, "seed")
    return f"{count(counts.variants, 'variant')}{contexts} x {seeds} = {count(counts.runs, 'run')}"
