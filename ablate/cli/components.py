"""``ablate components``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ablate.plan import ComponentEntry, FamilyEntry, FieldEntry

_LINE = 1000
"""Width where nothing is a terminal: every row stays on one line."""


@click.command("components")
@click.argument("family", required=False)
@click.option("--grid", type=click.Path(path_type=Path), help="Import the plug-ins of this grid first.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, for programs.")
def command(family: str | None, grid: Path | None, as_json: bool) -> None:
    """List what a grid can name: every family with its members, or all fields of one FAMILY."""
    from rich.console import Console

    from ablate.core import CommandError, Problem, did_you_mean
    from ablate.plan import catalogue, import_grid_plugins

    from .console import out

    if grid is not None:
        import_grid_plugins(grid)
    families = {entry.name: entry for entry in catalogue()}
    if family is not None and family not in families:
        message = f"there is no family {family!r}; {did_you_mean(family, families)}"
        raise CommandError(Problem(message, "bad-command"))
    chosen = list(families.values()) if family is None else [families[family]]
    if as_json:
        click.echo(json.dumps({"families": [asdict(entry) for entry in chosen]}, indent=2, ensure_ascii=False))
        return
    console = out if out.is_terminal else Console(highlight=False, width=_LINE, color_system=None)
    with console.capture() as printed:
        if family is None:
            _print_overview(console, chosen)
        else:
            _print_family(console, chosen[0])
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _print_overview(console: "Console", families: "list[FamilyEntry]") -> None:
    from rich.table import Table
    from rich.text import Text

    width = max((len(member.kind) for entry in families for member in entry.members), default=0)
    for entry in families:
        console.print(Text(entry.name, "bold"))
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(min_width=width + 2, no_wrap=True)
        table.add_column(overflow="fold")
        for member in entry.members:
            table.add_row(Text(f"  {member.kind}"), Text(member.summary))
        console.print(table)
    console.print("\nablate components FAMILY shows the fields of its members", style="dim")


def _print_family(console: "Console", family: "FamilyEntry") -> None:
    for index, member in enumerate(family.members):
        if index:
            console.print()
        _print_component(console, family.name, member)


def _print_component(console: "Console", family: str, member: "ComponentEntry") -> None:
    from rich.table import Table
    from rich.text import Text

    console.print(Text.assemble((member.kind, "bold"), (f"  {family}", "dim")))
    console.print(Text(member.description))
    if member.reference:
        console.print(Text(f"Reference: {member.reference}", "dim"))
    if not member.fields:
        console.print(Text("no fields", "dim"))
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("field", "type", "default", "mark", "meaning"):
        table.add_column(name, overflow="fold", no_wrap=name in {"field", "mark"})
    for field in member.fields:
        cells = (field.path, field.type, _default(field), field.mark, field.description)
        table.add_row(*map(Text, cells))
    console.print(table)


def _default(field: "FieldEntry") -> str:
    """The default as it would be written in a grid."""
    if field.required:
        return "required"
    return field.default if isinstance(field.default, str) else json.dumps(field.default, ensure_ascii=False)
