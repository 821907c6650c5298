"""``ablate report``."""

from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import clock
from .options import store_option

if TYPE_CHECKING:
    from ablate.report import Entry

SECONDS_BETWEEN_PAGES = 5
"""How often a watched page is written, and loaded again by a browser."""

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
@click.argument("grids", nargs=-1, type=click.Path(path_type=Path), metavar="[GRID]...")
@store_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The HTML file, or with several grids the folder [default: reports/NAME.html].",
)
@click.option(
    "--to",
    "formats",
    multiple=True,
    callback=_formats,
    metavar="FORMAT",
    help="html, md, tex, csv, parquet, json, png, svg, pdf: several with commas, or again [default: html].",
)
@click.option("--watch", is_flag=True, help="Write it again whenever results arrive, until all runs have ended.")
def command(grids: tuple[Path, ...], store: Path, out: Path | None, formats: tuple[str, ...], watch: bool) -> None:
    """Write the report of GRID: one offline HTML file. Works on a half-finished grid as well.

    With several grids, or with none for all of the store, also writes index.html, which leads to them. With --to also,
    or instead, as a table for a paper, as data, or as pictures, beside the HTML file.
    """
    from ablate.core import CommandError, NoResultsError, Problem
    from ablate.report import render_index, write
    from ablate.store import Store

    if watch:
        if len(grids) != 1 or formats != ("html",):
            message = "--watch writes the HTML page of one grid: name the grid, and leave --to out"
            raise CommandError(Problem(message, "bad-command"))
        _watch(grids[0], store, _path(out, grids[0].stem, several=False))
        return
    several = len(grids) != 1
    names = {grid.stem: grid for grid in grids} or dict.fromkeys(Store(store).grids())
    if not names:
        raise NoResultsError(
            Problem(f"no grid was ever run in the store {store}; first: ablate run GRID", "no-results")
        )
    entries, written = [], []
    for name, grid in names.items():
        one, files = _report(name, grid, store, _path(out, name, several=several), formats)
        entries.append(one)
        written += files
    if several and "html" in formats:
        written.append((out or Path("reports")) / "index.html")
        write(render_index(entries, generated=clock.now()), written[-1])
    for path in written:
        click.echo(str(path.resolve()))


def _path(out: Path | None, name: str, *, several: bool) -> Path:
    """Where the page of a grid goes."""
    if out is None or several:
        return (out or Path("reports")) / f"{name}.html"
    return out


def _report(
    name: str, grid: Path | None, store: Path, path: Path, formats: tuple[str, ...]
) -> tuple["Entry", list[Path]]:
    """Write one grid in each format; what the index says of it, and the files."""
    from ablate.report import entry, render, write
    from ablate.report.export import Source, export
    from ablate.results import read_diagnostics, read_grid, record_look
    from ablate.store import Store

    from .console import err

    found = Store(store)
    read = read_grid(found, name)
    plan, analysis = read.plan, read.analysis
    seen = read_diagnostics(found, read) if {"html", "png", "svg", "pdf"} & set(formats) else None
    source = Source(analysis, plan, read.runs.head(len(plan.runs)), read.notes, seen)
    written: list[Path] = []
    for to in formats:
        if to == "html":
            html = render(analysis, plan, read.packs, generated=clock.now(), remarks=read.notes, diagnostics=seen)
            write(html, path)
            written.append(path)
        else:
            files = export(source, to, _stem(path))
            if not files:
                err.print(f"note: there is nothing to draw yet, so no {to} was written", markup=False)
            written += files
    for line in found.damaged:
        err.print(f"warning: {line}", style="yellow", highlight=False, markup=False)
    if grid and grid.is_file() and grid.read_text("utf-8", errors="replace") != plan.text:
        err.print(f"note: {grid} has changed since it was run; this report is about the grid as it was run")
    record_look(found, read, f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    click.echo(analysis.headline)
    return entry(analysis, plan, path.name), written


def _watch(grid: Path, store: Path, path: Path) -> None:
    """Write the page again and again while results arrive. The page loads itself again until it is complete."""
    from ablate.core import NoResultsError
    from ablate.report import render, write
    from ablate.results import read_diagnostics, read_grid, record_look
    from ablate.store import Store

    seen: int | None = None
    click.echo(f"{path.resolve()}: written when there are results, until all runs have ended", err=True)
    while True:
        with suppress(NoResultsError):
            found = Store(store)
            plan = found.plan(grid.stem)
            steps = int(found.runs(plan.runs)["step"].sum())
            if steps != seen:
                seen = steps
                read = read_grid(found, grid.stem)
                planned, missing = read.analysis.planned, read.analysis.missing
                over = planned > 0 and not missing
                refresh = None if over else SECONDS_BETWEEN_PAGES
                html = render(
                    read.analysis,
                    plan,
                    read.packs,
                    generated=clock.now(),
                    remarks=read.notes,
                    refresh=refresh,
                    diagnostics=read_diagnostics(found, read),
                )
                write(html, path)
                click.echo(f"{clock.now():%H:%M:%S}  {planned - missing} of {planned} runs, {steps:,} steps", err=True)
                if over:
                    record_look(found, read, f"{clock.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
                    click.echo(read.analysis.headline)
                    return
        clock.sleep(SECONDS_BETWEEN_PAGES)


def _stem(path: Path) -> Path:
    """The path without the ending of a format; another dot is part of the name."""
    return path.with_suffix("") if path.suffix.lstrip(".") in FORMATS else path
