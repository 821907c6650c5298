"""What the commands print."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import polars as pl

    from ablate.core import Problem
    from ablate.engine import Outcome
    from ablate.plan import Plan
    from ablate.store import PlanRecord

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

_GLYPHS = {"done": "●", "diverged": "✕", "error": "!", "lost": "?", "oom": "!", "timeout": "!", "skipped": "–"}


def print_warnings(problems: Iterable["Problem"]) -> None:
    """Each on its own line, on standard error."""
    for problem in problems:
        err.print(f"warning: {problem}", style="yellow", markup=False)


def count(number: int, word: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def print_plan(plan: "Plan") -> None:
    """The counting line, the packs, and what remains."""
    print_warnings(plan.warnings)
    record = plan.record
    out.print(f"[bold]{escape(record.name)}[/]  {escape(record.question)}")
    contexts = f" x {count(len(record.contexts), 'context')}" if len(record.contexts) > 1 else ""
    out.print(
        f"{count(len(record.variants), 'variant')}{contexts} x {count(len(record.seeds), 'seed')}"
        f" = {count(len(plan.runs), 'run')} in {count(len(plan.packs), 'pack')}; {escape(_parts(plan))}"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("pack", "right"), ("variants", "left"), ("lanes", "right"), ("done", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    table.add_column("parameters", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("signature")
    for index, pack in enumerate(plan.packs):
        done = sum(run.run_id in plan.ended for run in pack.runs)
        budgets = sorted({run.steps for run in pack.runs})
        table.add_row(
            str(index),
            escape(pack.title),
            str(len(pack.runs)),
            str(done) if done else "–",
            f"{pack.runs[0].parameters:,}",
            f"{budgets[0]:,}" if len(budgets) == 1 else f"{budgets[0]:,} to {budgets[-1]:,}",
            pack.signature.id,
        )
    out.print(table)
    left = len(plan.runs) - len(plan.ended)
    steps = sum(run.steps - plan.trained.get(run.run_id, 0) for run in plan.runs if run.run_id not in plan.ended)
    out.print(
        f"remaining: {count(left, 'run')}, {steps:,} run-steps" if left else "nothing remains: every run has ended"
    )


def _parts(plan: "Plan") -> str:
    counts = plan.expansion.counts
    names = ("ablate", "grid", "include")
    parts = [f"{getattr(counts, name)} {name}" for name in names if getattr(counts, name)]
    removed = [
        f"{getattr(counts, name)} {word}"
        for name, word in (("excluded", "excluded"), ("duplicates", "coinciding"))
        if getattr(counts, name)
    ]
    return "variants = base" + "".join(f" + {part}" for part in parts) + "".join(f" - {part}" for part in removed)


def print_status(record: "PlanRecord", runs: "pl.DataFrame", damaged: Sequence[str] = ()) -> None:
    """A row per variant: a glyph and the progress of each seed."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("variant", overflow="fold")
    for seed in record.seeds:
        table.add_column(f"seed {seed}", justify="right")
    cells: dict[tuple[str, str, int], str] = {}
    for row in runs.iter_rows(named=True):
        cells[row["variant"], row["context"], row["seed"]] = _cell(row["status"], row["step"], row["budget"])
    for context in record.contexts:
        for variant in record.variants:
            name = f"{variant.label} | {context}" if context else variant.label
            table.add_row(escape(name), *(cells.get((variant.label, context, seed), "·") for seed in record.seeds))
    out.print(f"[bold]{escape(record.name)}[/]  {escape(record.question)}")
    out.print(table)
    statuses = runs["status"].to_list()
    words = [f"{statuses.count(name)} {name}" for name in _GLYPHS if name in statuses]
    unended = sum(status is None for status in statuses)
    out.print(f"{count(len(statuses), 'run')}: {', '.join([*words, f'{unended} not ended'] if unended else words)}")
    for message in dict.fromkeys(runs.filter(runs["message"] != "")["message"].to_list()):
        out.print(message, style="red", markup=False)
    for line in damaged:
        err.print(f"warning: {line}", style="yellow", markup=False)


def _cell(status: str | None, step: int | None, budget: int) -> str:
    if status == "done":
        return "[green]●[/]"
    if status == "diverged":
        return f"[magenta]✕ at {step}[/]"
    if status:
        return f"[red]{_GLYPHS[status]} {status}[/]"
    return f"{100 * step // budget} %" if step else "·"


def print_summary(plan: "Plan", outcome: "Outcome", grid: Path, store: Path) -> None:
    """How a run ended, and the command to type next."""
    for line in outcome.damaged:
        err.print(f"warning: {line}", style="yellow", markup=False)
    for message in dict.fromkeys(outcome.messages):
        err.print(message, style="red", markup=False)
    where = "" if store == Path("runs") else f" --store {store}"
    diverged = sum(status == "diverged" for status in outcome.statuses.values())
    parts = [f"{len(outcome.statuses) - outcome.failed} of {count(outcome.planned, 'run')} ended"]
    parts += [f"{diverged} of them diverged"] if diverged else []
    parts += [f"{outcome.failed} failed"] if outcome.failed else []
    if outcome.trained or not outcome.interrupted:
        parts += [f"{outcome.trained} trained now" if outcome.trained else "nothing was left to train"]
    out.print("; ".join(parts), markup=False)
    if outcome.interrupted:
        out.print(f"interrupted, state saved; resume with: ablate run {grid}{where}", markup=False)
    elif outcome.failed:
        kinds = sorted({status for status in outcome.statuses.values() if status not in {"done", "diverged"}})
        out.print(f"try the failed runs again with: ablate run {grid}{where} --retry {','.join(kinds)}", markup=False)
    else:
        out.print(f"next: ablate report {grid}{where}", markup=False)
