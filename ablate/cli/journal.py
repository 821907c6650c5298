"""``ablate journal``."""

import os
from datetime import UTC
from pathlib import Path

import click

from . import clock
from .options import store_option


@click.command("journal")
@click.argument("grid", type=click.Path(path_type=Path))
@store_option
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("journal.md"),
    show_default=True,
    help="The journal.",
)
def command(grid: Path, store: Path, path: Path) -> None:
    """Append an entry on GRID to a Markdown journal: question, what ran, result, verdicts, claims and notes.

    Does nothing if the journal has these results and notes already. Never changes what is there.
    """
    from ablate.report import journal
    from ablate.results import read_grid, record_look
    from ablate.store import Store

    from .console import err

    found = Store(store)
    read = read_grid(found, grid.stem)
    present = _read(path)
    text = journal.entry(read.analysis, read.plan, read.notes, journal=present, when=clock.now())
    for line in found.damaged:
        err.print(f"warning: {line}", style="yellow", highlight=False, markup=False)
    if text is None:
        click.echo(f"nothing new: {path} has these results of {read.plan.name}")
        return
    _append(path, text, present)
    record_look(found, read, f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    click.echo(read.analysis.headline)
    click.echo(str(path.resolve()))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _refusal(path, error) from error


def _append(path: Path, text: str, present: str) -> None:
    """Add an entry with one write, after an empty line; what the file holds stays as it is."""
    from ablate.report.journal import TITLE

    before = "" if not present or present.endswith("\n") else "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(f"{before if present else TITLE}\n{text}".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> Exception:
    from ablate.core import StoreError

    return StoreError(f"cannot write the journal {path}: {error.strerror or error}")
