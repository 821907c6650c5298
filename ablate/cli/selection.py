"""How far tuning and confirmation are, in a line each."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .console import count

if TYPE_CHECKING:
    import polars as pl

    from ablate.store import ConfirmationRecord, TuningRecord


def tuning_lines(tuning: "TuningRecord", runs: "pl.DataFrame") -> Iterator[str]:
    """``tuning: 120 of 180 runs ended; setting chosen for 8 of 12 variants``, and why runs failed."""
    cells = {(run.context, run.variant) for run in tuning.runs}
    contexts = len({context for context, _ in cells})
    chosen = sum(len(labels) for labels in tuning.chosen.values())
    inside = f" in {count(contexts, 'context')}" if contexts > 1 else ""
    yield f"tuning: {_ended(runs)}; setting chosen for {chosen} of {count(len(cells), 'variant')}{inside}"
    yield from _messages(runs)


def confirmation_lines(confirmation: "ConfirmationRecord", runs: "pl.DataFrame") -> Iterator[str]:
    """``confirmation: 9 of 12 runs ended; 3 variants and the baseline on 3 fresh seeds``, and why runs failed."""
    variants = sum(len(labels) for labels in confirmation.chosen.values())
    contexts = len(confirmation.chosen)
    inside = f" in {count(contexts, 'context')}" if contexts > 1 else ""
    what = f"{count(variants, 'variant')} and the baseline{inside} on {count(len(confirmation.seeds), 'fresh seed')}"
    yield f"confirmation: {_ended(runs)}; {what}"
    yield from _messages(runs)


def _ended(runs: "pl.DataFrame") -> str:
    statuses: Sequence[str | None] = runs["status"].to_list()
    ended = [status for status in statuses if status not in {None, "lost"}]
    other = sorted({str(status) for status in statuses} - {"None", "done"})
    notes = ", ".join(f"{statuses.count(status)} {status}" for status in other)
    return f"{len(ended):,} of {count(len(statuses), 'run')} ended{f' ({notes})' if notes else ''}"


def _messages(runs: "pl.DataFrame") -> Iterator[str]:
    yield from dict.fromkeys(message for message in runs["message"].to_list() if message)
