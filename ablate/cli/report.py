"""``ablate report``."""

from pathlib import Path

import click

from . import clock
from .options import store_option

FORMATS = ("html", "md", "tex", "csv", "parquet", "json", "png", "svg", "pdf")


def _formats(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """The formats that ``--to`` names, each once."""
    from ablate.core import CommandError, Problem, did_you_mean

    names = tuple(dict.fromkeys(name.strip().lower() for some in given for name in some.split(",")))
    for name in names:
        if name not in FORMATS:
            message = f"--to: there is no format {name!r}; {did_you_mean(name, FORMATS, show=len(FORMATS))}"
            raise CommandError(Problem(message, "bad-command"))
    return names or ("html",)


@click.command("report")
@click.argument("grid", type=click.Path(path_type=Path))
@store_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The HTML file [default: reports/NAME.html]."
)
@click.option(
    "--to",
    "formats",
    multiple=True,
    callback=_formats,
    metavar="FORMAT",
    help="html, md, tex, csv, parquet, json, png, svg, pdf: several with commas, or again [default: html].",
)
def command(grid: Path, store: Path, out: Path | None, formats: tuple[str, ...]) -> None:
    """Write the report of GRID: one offline HTML file. Works on a half-finished grid as well.

    With --to also, or instead, as a table for a paper, as data, or as pictures, beside the HTML file.
    """
    from ablate.report import render, write
    from ablate.report.export import Source, export
    from ablate.results import read_grid
    from ablate.store import Store

    from .console import err

    found = Store(store)
    read = read_grid(found, grid.stem)
    plan, analysis = read.plan, read.analysis
    path = out or Path("reports") / f"{plan.name}.html"
    source = Source(analysis, plan, read.runs.head(len(plan.runs)), read.notes)
    written: list[Path] = []
    for to in formats:
        if to == "html":
            write(render(analysis, plan, read.packs, generated=clock.now(), remarks=read.notes), path)
            written.append(path)
        else:
            files = export(source, to, _stem(path))
            if not files:
                err.print(f"note: there is nothing to draw yet, so no {to} was written", markup=False)
            written += files
    for line in found.damaged:
        err.print(f"warning: {line}", style="yellow", highlight=False, markup=False)
    if grid.is_file() and grid.read_text("utf-8", errors="replace") != plan.text:
        err.print(f"note: {grid} has changed since it was run; this report is about the grid as it was run")
    click.echo(analysis.headline)
    for one in written:
        click.echo(str(one.resolve()))


def _stem(path: Path) -> Path:
    """The path without the ending of a format; another dot is part of the name."""
    return path.with_suffix("") if path.suffix.lstrip(".") in FORMATS else path
