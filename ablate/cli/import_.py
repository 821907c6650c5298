"""``ablate import``."""

from pathlib import Path

import click


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The grid to write [default: print it].")
@click.option(
    "--count",
    type=click.IntRange(2, 10_000),
    default=5,
    show_default=True,
    help="How many values a range becomes.",
)
def command(file: Path, out: Path | None, count: int) -> None:
    """Turn FILE, a W&B sweep, into a grid.

    Takes over structure and values. The grid then needs a program that has the sweep's parameters as its fields.
    """
    from ablate.grid import import_sweep

    from .files import write_new

    text, notes = import_sweep(file, count=count)
    if out is None:
        click.echo(text, nl=False)
        return
    write_new(out, text)
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"wrote {out}; it needs a program that has these fields (see its first lines)")
