"""``ablate plan``."""

from pathlib import Path

import click

from .options import grid_argument, seeds_option, store_option, with_seeds


@click.command("plan")
@grid_argument
@seeds_option
@store_option
@click.option("--variants", is_flag=True, help="List every variant as its difference from the base.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, runs and ids included.")
def command(
    grid: Path, overrides: tuple[str, ...], seeds: str | None, store: Path, variants: bool, as_json: bool
) -> None:
    """Show what GRID would run, how it is packed, and what is already done. Writes nothing."""
    import json

    from ablate.core import CommandError, Problem
    from ablate.plan import make_plan, summarize
    from ablate.store import Store

    from .console import print_plan, print_variants

    if variants and as_json:
        raise CommandError(Problem("--variants and --json exclude each other; --json has the variants", "bad-command"))
    found = Store(store)
    summary = summarize(make_plan(grid, found, with_seeds(overrides, seeds)), found)
    if as_json:
        click.echo(json.dumps(summary.to_plain(), indent=1, ensure_ascii=False))
    elif variants:
        print_variants(summary)
    else:
        print_plan(summary)
