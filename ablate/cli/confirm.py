"""``ablate confirm``."""

import sys
from pathlib import Path

import click

from .options import grid_argument, store_option


@click.command("confirm")
@grid_argument
@store_option
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many variants to confirm.")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="How many fresh seeds.")
@click.option("--inline", is_flag=True, help="Train in this process, without Ray.")
@click.option("--address", metavar="ADDRESS", help="Use a running Ray cluster (e.g. auto) instead of a local one.")
def command(
    grid: Path, overrides: tuple[str, ...], store: Path, top: int, seeds: int, inline: bool, address: str | None
) -> None:
    """Train the best variants of GRID, and the baseline, on seeds that no selection has seen.

    The variants are those with the best mean scores so far, the baseline and unstable ones apart; with `across`, in
    each context. The report then gives both estimates, and its headline uses the confirmed one.
    """
    from ablate.engine import available_cpus, prepare_environment, stay_on_cpu

    prepare_environment(available_cpus())
    if not inline:
        stay_on_cpu()
    from ablate.analysis import analyze, best_variants
    from ablate.core import CommandError, NoResultsError, Problem
    from ablate.engine import execute
    from ablate.plan import make_confirmation, make_plan
    from ablate.store import Store

    from .console import count, print_confirmation, print_summary
    from .progress import Progress

    if inline and address:
        raise CommandError(Problem("--inline and --address exclude each other", "bad-command"))
    found = Store(store)
    plan = make_plan(grid, found, overrides)
    left = len(plan.runs) - len(plan.ended) + plan.waiting
    if left:
        message = f"{count(left, 'run')} of the grid have not ended, and a choice needs all; first: ablate run {grid}"
        raise NoResultsError(Problem(message, "no-results"))
    record = plan.record
    analysis = analyze(record, found.runs(record.runs), found.series(run.run_id for run in record.runs))
    chosen = best_variants(analysis.ranking, top)
    if not chosen:
        raise NoResultsError(Problem("no variant but the baseline has a score to choose by", "no-results"))
    plan = plan.confirming(make_confirmation(plan, chosen, seeds), found)
    print_confirmation(plan)
    with Progress(plan) as progress:
        outcome = execute(plan, store, on_report=progress.update, inline=inline, address=address)
    print_summary(plan, outcome, grid, store)
    sys.exit(outcome.exit_code)
