"""``ablate plan``."""

import sys
from pathlib import Path

import click

from .options import grid_argument, seeds_option, store_option, with_seeds


@click.command("plan")
@grid_argument
@seeds_option
@store_option
@click.option("--compile", "compiles", is_flag=True, help="Compile every program, and show memory and arithmetic.")
@click.option("--variants", is_flag=True, help="List every variant as its difference from the base.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, runs and ids included.")
def command(
    grid: Path,
    overrides: tuple[str, ...],
    seeds: str | None,
    store: Path,
    compiles: bool,
    variants: bool,
    as_json: bool,
) -> None:
    """Show what GRID would run, how it is packed, and what is already done. Writes nothing.

    With --compile, exits with 1 if a program does not compile.
    """
    import json

    from ablate.core import CommandError, Problem
    from ablate.engine import available_cpus, cpus_of_a_worker, footprints, prepare_environment
    from ablate.grid import load

    if variants and (as_json or compiles):
        other = "--json exclude each other; --json has the variants" if as_json else "--compile exclude each other"
        raise CommandError(Problem(f"--variants and {other}", "bad-command"))
    overrides = with_seeds(overrides, seeds)
    if compiles:
        prepare_environment(cpus_of_a_worker(load(grid, overrides).run.resources))
    from ablate.plan import make_plan, summarize, with_estimates
    from ablate.store import Store

    from .compiled import columns, note_start, print_programs, programs_to_plain, warn
    from .console import print_plan, print_variants

    found = Store(store)
    plan = make_plan(grid, found, overrides)
    summary = summarize(plan, found)
    if variants:
        print_variants(summary)
        return
    summary = with_estimates(summary, cores=available_cpus(), every=compiles)
    programs = list(footprints(plan, plan.packs, found, on_start=note_start)) if compiles else []
    if as_json:
        click.echo(json.dumps(programs_to_plain(summary.to_plain(), programs), indent=1, ensure_ascii=False))
    else:
        print_plan(summary, columns(summary, programs))
        print_programs(programs)
    warn(plan.packs, programs)
    if any(program.error for program in programs):
        sys.exit(1)
