"""``ablate new``."""

from pathlib import Path

import click


@click.command("new")
@click.argument("name")
@click.option("--problem", metavar="KIND", help="A registered problem; ablate components problem lists them.")
def command(name: str, problem: str | None) -> None:
    """Write a short, commented grid to grids/NAME.yaml, or to NAME if that is a path. Never overwrites a file."""
    from ablate.core import CommandError
    from ablate.core import Problem as Mistake
    from ablate.plan import DEFAULT_PROBLEM, starter_grid

    from .files import write_new

    if not name.strip() or not name.isprintable() or Path(name).name in {"", ".."}:
        raise CommandError(Mistake(f"{name!r} is no name of a file", "bad-command"))
    path = Path(name) if name.endswith((".yaml", ".yml")) else Path(f"{name}.yaml")
    if path != Path(name) and "/" not in name:
        path = Path("grids") / path
    write_new(path, starter_grid(problem or DEFAULT_PROBLEM, path.as_posix()))
    click.echo(f"wrote {path}; next: ablate check {path}")
