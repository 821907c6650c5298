"""``ablate schema``."""

import json
import os
from pathlib import Path

import click


@click.command("schema")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".ablate/grid.schema.json"),
    show_default=True,
    help="The file to write.",
)
@click.option("--grid", type=click.Path(path_type=Path), help="Import the plug-ins of this grid first.")
def command(out: Path, grid: Path | None) -> None:
    """Write a JSON Schema of the grid language, for completion and checks in an editor.

    Prints the line to put at the top of a grid, for editors that use the YAML language server.
    """
    from ablate.plan import grid_schema, import_grid_plugins
    from ablate.store import write_text

    if grid is not None:
        import_grid_plugins(grid)
    write_text(out, json.dumps(grid_schema(), indent=1, ensure_ascii=False) + "\n")
    folder = Path("grids") if grid is None else grid.parent
    click.echo(f"wrote {out}; put this line at the top of a grid in {folder}/:", err=True)
    click.echo(f"# yaml-language-server: $schema={Path(os.path.relpath(out, folder)).as_posix()}")
