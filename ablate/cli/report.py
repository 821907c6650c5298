"""``ablate report``."""

from datetime import UTC, datetime
from pathlib import Path

import click

from .options import store_option


@click.command("report")
@click.argument("grid", type=click.Path(path_type=Path))
@store_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The HTML file [default: reports/NAME.html]."
)
def command(grid: Path, store: Path, out: Path | None) -> None:
    """Write the report of GRID: one offline HTML file. Works on a half-finished grid as well."""
    from ablate.analysis import analyze
    from ablate.report import render, write
    from ablate.store import Store

    from .console import err

    found = Store(store)
    plan, confirmation = found.plan(grid.stem), found.confirmation(grid.stem)
    planned = [*plan.runs]
    planned += plan.tuning.runs if plan.tuning else ()
    planned += confirmation.runs if confirmation else ()
    runs = found.runs(planned)
    series = found.series(run.run_id for run in planned)
    analysis = analyze(plan, runs, series, confirmation=confirmation)
    used = set(runs["pack_id"].drop_nulls())
    packs = [pack for pack in found.packs() if pack.pack_id in used]
    path = out or Path("reports") / f"{plan.name}.html"
    write(render(analysis, plan, packs, generated=datetime.now(UTC)), path)
    for line in found.damaged:
        err.print(f"warning: {line}", style="yellow", highlight=False, markup=False)
    if grid.is_file() and grid.read_text("utf-8", errors="replace") != plan.text:
        err.print(f"note: {grid} has changed since it was run; this report is about the grid as it was run")
    click.echo(analysis.headline)
    click.echo(str(path.resolve()))
