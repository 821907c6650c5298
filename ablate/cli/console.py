"""What the commands print."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablate.core import canonical_json

_PIPED_WIDTH = 160
"""Columns where there is no terminal to ask."""

if TYPE_CHECKING:
    import polars as pl

    from ablate.core import Problem
    from ablate.engine import Outcome
    from ablate.plan import Plan, Summary
    from ablate.store import PlanRecord, TuningRecord

out = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _PIPED_WIDTH)

_GLYPHS = {"done": "●", "diverged": "✕", "error": "!", "lost": "?", "oom": "!", "timeout": "!", "skipped": "–"}


def print_warnings(problems: Iterable["Problem"]) -> None:
    """Each on its own line, on standard error."""
    for problem in problems:
        err.print(f"warning: {problem}", style="yellow", markup=False)


def count(number: int, word: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def print_plan(summary: "Summary", more: Mapping[str, Sequence[str]] | None = None) -> None:
    """The counting line, the packs, and what remains.

    Args:
        summary: the plan.
        more: further columns of the packs: heading to cells.
    """
    plan, record = summary.plan, summary.plan.record
    print_warnings(plan.warnings)
    out.print(f"[bold]{escape(record.name)}[/]  {escape(record.question)}")
    contexts = f" x {count(len(record.contexts), 'context')}" if len(record.contexts) > 1 else ""
    out.print(
        f"{count(len(record.variants), 'variant')}{contexts} x {count(len(record.seeds), 'seed')}"
        f" = {count(len(record.runs), 'run')}{_tuning(plan)} in {count(len(plan.packs), 'pack')};"
        f" {escape(_parts(plan))}"
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("pack", justify="right")
    table.add_column("variants", overflow="fold")
    for name in ("runs", "lanes", "done", "parameters", "steps"):
        table.add_column(name, justify="right")
    table.add_column("signature")
    timed = summary.seconds is not None
    if timed:
        table.add_column("time left", justify="right")
    for name in more or {}:
        table.add_column(name, justify="right")
    for index, one in enumerate(summary.packs):
        low, high = one.steps
        table.add_row(
            str(index),
            escape(one.pack.title),
            str(len(one.pack.runs)),
            str(one.pack.lanes),
            str(one.done) if one.done else "–",
            f"{one.pack.runs[0].parameters:,}",
            f"{low:,}" if low == high else f"{low:,} to {high:,}",
            one.pack.signature.id,
            *([duration(one.seconds) if one.remaining_steps and one.seconds is not None else "–"] if timed else []),
            *(cells[index] for cells in (more or {}).values()),
        )
    out.print(table)
    out.print(_remaining(summary), soft_wrap=True)


def _tuning(plan: "Plan") -> str:
    """The part of the counting line about tuning; empty if the grid does not tune."""
    counts = plan.expansion.counts
    if not counts.candidates:
        return ""
    contexts = f" x {count(counts.contexts, 'context')}" if counts.contexts > 1 else ""
    return (
        f", after tuning: {count(counts.variants, 'variant')}{contexts} x {count(counts.candidates, 'setting')}"
        f" x {count(counts.tuning_seeds, 'tuning seed')} = {count(counts.tuning_runs, 'run')};"
    )


def _remaining(summary: "Summary") -> str:
    plan = summary.plan
    left = len(plan.runs) - len(plan.ended)
    later = f"{count(plan.waiting, 'run')} with the settings still to be chosen" if plan.waiting else ""
    if not left:
        return f"remaining: {later}" if later else "nothing remains: every run has ended"
    text = f"remaining: {count(left, 'run')}, {summary.remaining_steps:,} run-steps{_time(summary)}"
    return f"{text}; then {later}" if later else text


def _time(summary: "Summary") -> str:
    """How long that takes: as measured, else at an assumed speed, and for which packs nobody can say."""
    from ablate.plan import ASSUMED_FLOPS

    assumed = ""
    if summary.assumed_seconds is not None:
        assumed = f"{_about(summary.assumed_seconds)} at an assumed {ASSUMED_FLOPS / 1e9:g} GFLOP/s per core"
    if summary.seconds is not None:
        text = f", {_about(summary.seconds)} of training as last measured"
        text += f", and {count(summary.unmeasured, 'pack')} that never ran here" if summary.unmeasured else ""
        text += f", {assumed}" if assumed else ""
    else:
        text = f", {assumed}; nothing was measured here yet" if assumed else "; no speed was measured here yet"
    unknown = [
        one for one in summary.packs if one.remaining_steps and one.seconds is None and one.assumed_seconds is None
    ]
    if unknown and assumed:
        uncounted = any(one.flops is None for one in unknown)
        text += f"; without {count(len(unknown), 'pack')} whose work is not counted"
        text += " (--compile counts all)" if uncounted else ""
    return text


def print_variants(summary: "Summary") -> None:
    """A row per variant: what differs from the base, parameters, and how many of its runs have ended."""
    plan, record = summary.plan, summary.plan.record
    print_warnings(plan.warnings)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("variant", overflow="fold")
    table.add_column("difference from the base", overflow="fold")
    if record.tuning:
        table.add_column("chosen setting", overflow="fold")
    table.add_column("parameters", justify="right")
    table.add_column("done", justify="right")
    for variant in record.variants:
        runs = [run.run_id for run in record.runs if run.variant == variant.label]
        changes = ", ".join(f"{path}: {canonical_json(value)}" for path, value in variant.changes.items())
        done = sum(run_id in plan.ended for run_id in runs)
        parameters = "" if variant.parameters is None else f"{variant.parameters:,}"
        setting = [escape(_chosen(record.tuning, variant.label))] if record.tuning else []
        table.add_row(
            escape(variant.label), escape(changes) or "the baseline", *setting, parameters, f"{done}/{len(runs)}"
        )
    out.print(table)


def _chosen(tuning: "TuningRecord", variant: str) -> str:
    """The settings that a variant got, in each context that has one."""
    labels = [
        f"{context}: {tuning.candidates[chosen[variant]].label}"
        if context
        else tuning.candidates[chosen[variant]].label
        for context, chosen in tuning.chosen.items()
        if variant in chosen
    ]
    return "; ".join(labels) or "not chosen yet"


def print_confirmation(plan: "Plan") -> None:
    """What is confirmed, before it begins."""
    assert plan.confirmation is not None
    for context, labels in plan.confirmation.chosen.items():
        where = f"{context}: " if context else ""
        out.print(f"{where}to confirm: {', '.join(labels)}, and the baseline", markup=False)
    seeds = plan.confirmation.seeds
    out.print(f"{count(len(seeds), 'fresh seed')} ({seeds[0]} to {seeds[-1]}), {count(len(plan.runs), 'run')}")


def _parts(plan: "Plan") -> str:
    """The counting line of the language, without what is zero."""
    counts = plan.expansion.counts
    product = f"{counts.grid} grid" + (f" x {counts.zip} zip" if counts.zip > 1 else "")
    added = [
        (counts.ablate, f"{counts.ablate} ablate"),
        (counts.grid, product),
        (counts.when, f"{counts.when} when"),
        (counts.include, f"{counts.include} include"),
    ]
    removed = [
        (counts.excluded, f"{counts.excluded} excluded"),
        (counts.duplicates, f"{counts.duplicates} coinciding"),
    ]
    plus = "".join(f" + {text}" for number, text in added if number)
    return f"variants = base{plus}" + "".join(f" - {text}" for number, text in removed if number)


def _about(seconds: float) -> str:
    return f"about {duration(seconds)}" if seconds >= 1 else "under 1 s"


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


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
        out.print(message, style="red", markup=False, soft_wrap=True)
    for line in damaged:
        err.print(f"warning: {line}", style="yellow", markup=False, soft_wrap=True)


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
        err.print(f"warning: {line}", style="yellow", markup=False, soft_wrap=True)
    for message in dict.fromkeys(outcome.messages):
        err.print(message, style="red", markup=False, soft_wrap=True)
    where = "" if store == Path("runs") else f" --store {store}"
    diverged = sum(status == "diverged" for status in outcome.statuses.values())
    parts = [f"{len(outcome.statuses) - outcome.failed} of {count(outcome.planned, 'run')} ended"]
    parts += [f"{diverged} of them diverged"] if diverged else []
    parts += [f"{outcome.failed} failed"] if outcome.failed else []
    parts += [f"{outcome.missing} not ended"] if outcome.missing and not outcome.interrupted else []
    if outcome.trained or not (outcome.interrupted or outcome.missing):
        parts += [f"{outcome.trained} trained now" if outcome.trained else "nothing was left to train"]
    out.print("; ".join(parts), markup=False)
    if outcome.interrupted:
        out.print(f"interrupted, state saved; resume with: ablate run {grid}{where}", markup=False)
    elif outcome.missing:
        out.print(f"when that is mended, go on with: ablate run {grid}{where}", markup=False)
    elif outcome.failed:
        kinds = sorted({status for status in outcome.statuses.values() if status not in {"done", "diverged"}})
        out.print(f"try the failed runs again with: ablate run {grid}{where} --retry {','.join(kinds)}", markup=False)
    else:
        out.print(f"next: ablate report {grid}{where}", markup=False)
