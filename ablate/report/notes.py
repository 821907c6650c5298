"""The researcher's remarks, as the page and the journal show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ablate.store.schema import NoteRecord

from .prose import stamp


@dataclass(frozen=True, slots=True)
class Line:
    """One remark as text."""

    when: str
    about: str
    """The variant or the run; empty for the whole grid."""
    text: str


def lines(notes: Iterable[NoteRecord]) -> list[Line]:
    """The remarks in the order given."""
    return [Line(_when(note.created), _about(note), note.text) for note in notes]


def _when(created: str) -> str:
    try:
        return stamp(datetime.fromisoformat(created))
    except ValueError:
        return created


def _about(note: NoteRecord) -> str:
    where = f"{note.variant} | {note.context}" if note.context else note.variant
    if note.run_id:
        return f"run {note.run_id[:8]}: {where}, seed {note.seed}"
    return f"variant {where}" if where else ""
