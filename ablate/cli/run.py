"""``ablate run``."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import grid_argument, seeds_option, store_option, with_seeds

if TYPE_CHECKING:
    from ablate.grid import Variant
    from ablate.plan import Plan


@click.command("run")
@grid_argument
@seeds_option
@store_option
@click.option(
    "--only", metavar="SELECTOR", help="Train only these variants: labels, globs or path=value, comma-separated."
)
@click.option("--retry", metavar="error,lost", help="Train failed runs with these statuses again.")
@click.option("--fresh", is_flag=True, help="Train everything again from the first step; asks for the grid's name.")
@click.option("--inline", is_flag=True, help="Train in this process, without Ray.")
@click.option("--address", metavar="ADDRESS", help="Use a running Ray cluster (e.g. auto) instead of a local one.")
def command(
    grid: Path,
    overrides: tuple[str, ...],
    seeds: str | None,
    store: Path,
    only: str | None,
    retry: str | None,
    fresh: bool,
    inline: bool,
    address: str | None,
) -> None:
    """Train what is missing of GRID. Running it again resumes; finished runs are never trained twice."""
    from ablate.core import CommandError, Problem
    from ablate.engine import HeadStart, available_cpus, prepare_environment, stay_on_cpu

    if inline and address:
        raise CommandError(Problem("--inline and --address exclude each other", "bad-command"))
    prepare_environment(available_cpus())
    is_local = not inline and address is None
    with HeadStart() if is_local and HeadStart.is_useful() else nullcontext() as head_start:
        if not inline:
            stay_on_cpu()
        from ablate.engine import execute
        from ablate.grid import select
        from ablate.plan import make_plan
        from ablate.store import Store

        from .console import print_summary
        from .progress import Progress

        plan = make_plan(grid, Store(store), with_seeds(overrides, seeds))
        chosen = None if only is None else select(plan.expansion, only)
        if fresh:
            _confirm(plan, chosen)
        with Progress(plan, chosen) as progress:
            outcome = execute(
                plan,
                store,
                on_report=progress.update,
                on_plan=progress.plan,
                only=chosen,
                retry=tuple((retry or "").replace(",", " ").split()),
                fresh=fresh,
                inline=inline,
                address=address,
                head_start=head_start,
            )
    print_summary(plan, outcome, grid, store)
    sys.exit(outcome.exit_code)


def _confirm(plan: "Plan", only: "Sequence[Variant] | None") -> None:
    """Ask for the name of the grid before its results count no more.

    Raises:
        CommandError: something else was typed.
    """
    from ablate.core import CommandError, Problem

    from .console import count

    started = plan.ids(only) & plan.trained.keys()
    if not started:
        return
    question = (
        f"{count(len(started), 'run')} will be trained again, and no grid will use their results so far any more. "
        "Type the name of the grid to go on"
    )
    if click.prompt(question, default="", show_default=False) != plan.grid.name:
        message = f"--fresh: not confirmed; the name of the grid is {plan.grid.name!r}. Nothing was changed"
        raise CommandError(Problem(message, "bad-command"))
