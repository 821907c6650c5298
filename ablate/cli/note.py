"""``ablate note``."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import clock
from .options import store_option

if TYPE_CHECKING:
    from ablate.store import NoteRecord, PlannedPlace, Store


@click.command("note")
@click.argument("grid", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("--variant", metavar="LABEL", help="The variant that it is about: a label, or a short name.")
@click.option("--run", "run_id", metavar="ID", help="The run that it is about: six or more digits of its id.")
@store_option
def command(grid: Path, text: str, variant: str | None, run_id: str | None, store: Path) -> None:
    """Write down TEXT as a remark on GRID, which has to have been run, or on one variant or run of it.

    The report and the journal show it with its date. Notes are kept in the store and never changed.
    """
    from ablate.core import CommandError, Problem
    from ablate.store import NoteRecord, Store

    from .compare import label_of

    if not text.strip():
        raise CommandError(Problem("a note needs a text", "bad-command"))
    if variant is not None and run_id is not None:
        message = "a note is about a variant or about a run; leave out --variant or --run"
        raise CommandError(Problem(message, "bad-command"))
    found = Store(store)
    plan = found.plan(grid.stem)
    note = NoteRecord(created=clock.now().isoformat(timespec="milliseconds"), text=text.strip())
    if variant is not None:
        note = note.model_copy(update={"variant": label_of(plan, variant)})
    if run_id is not None:
        place = _run(found, plan.name, run_id)
        about = {"run_id": place.run_id, "variant": place.variant, "context": place.context, "seed": place.seed}
        note = note.model_copy(update=about)
    found.write_note(plan.name, note)
    click.echo(f"noted on {_about(note)}{plan.name}")


def _run(store: "Store", grid: str, beginning: str) -> "PlannedPlace":
    """The run of a grid whose id begins so.

    Raises:
        CommandError: none does, or several do.
    """
    from ablate.core import CommandError, Problem
    from ablate.store import find_runs

    if not re.fullmatch(r"[0-9a-fA-F]{6,}", beginning):
        message = f"--run: {beginning!r} is not the beginning of a run id; it has six or more hex digits"
        raise CommandError(Problem(message, "bad-command"))
    here = [place for places in find_runs(store, beginning).values() for place in places if place.grid == grid]
    known = {place.run_id: place for place in here}
    if len(known) != 1:
        count = f"{len(known)} runs" if known else "no run"
        message = f"--run: the ids of {count} of {grid} begin with {beginning!r}"
        raise CommandError(Problem(message, "bad-reference"))
    return next(iter(known.values()))


def _about(note: "NoteRecord") -> str:
    if note.run_id:
        return f"run {note.run_id} ({note.variant}, seed {note.seed}) of "
    return f"variant {note.variant} of " if note.variant else ""
