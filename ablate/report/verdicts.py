"""How a conclusion looks: one glyph, one word and one colour, the same in text, table and charts."""

from dataclasses import dataclass
from typing import Literal

from ablate.analysis.types import ClaimVerdict, Verdict

_RING = "M-0.9,0A0.9,0.9,0,1,1,0.9,0A0.9,0.9,0,1,1,-0.9,0ZM-0.56,0A0.56,0.56,0,1,0,0.56,0A0.56,0.56,0,1,0,-0.56,0Z"
_CROSS = (
    "M-0.85,-0.52L-0.52,-0.85L0,-0.33L0.52,-0.85L0.85,-0.52L0.33,0L0.85,0.52L0.52,0.85L0,0.33"
    "L-0.52,0.85L-0.85,0.52L-0.33,0Z"
)
_CHECK = "M-0.92,0.08L-0.62,-0.24L-0.26,0.12L0.62,-0.72L0.92,-0.4L-0.26,0.74Z"


@dataclass(frozen=True, slots=True)
class Sign:
    """The looks of one word."""

    word: str
    glyph: str
    """Key of `GLYPHS`."""
    color: str
    """A CSS custom property of the theme."""

    @property
    def path(self) -> str:
        """The glyph as a path in the square from -1 to 1, for a Vega shape."""
        return GLYPHS[self.glyph]

    @property
    def paint(self) -> str:
        """The colour as a CSS value."""
        return f"var(--{self.color})"


GLYPHS: dict[str, str] = {
    "baseline": "M0,-1L0.82,0L0,1L-0.82,0Z",
    "better": "M0,-0.88L0.98,0.78L-0.98,0.78Z",
    "worse": "M0,0.88L0.98,-0.78L-0.98,-0.78Z",
    "equivalent": "M-0.85,-0.62H0.85V-0.18H-0.85ZM-0.85,0.18H0.85V0.62H-0.85Z",
    "undecided": _RING,
    "leaning": _RING + "M0,-0.7A0.7,0.7,0,0,1,0,0.7Z",
    "unstable": _CROSS,
    "untested": "M-0.8,-0.2H0.8V0.2H-0.8Z",
    "check": _CHECK,
    "warning": "M-0.24,-1H0.24L0.15,0.36H-0.15ZM-0.22,0.6H0.22V1H-0.22Z",
    "note": "M-0.22,-1H0.22V-0.6H-0.22ZM-0.2,-0.32H0.2V1H-0.2Z",
}
"""Paths in the square from -1 to 1."""

VERDICTS: dict[Verdict, Sign] = {
    "baseline": Sign("baseline", "baseline", "ink"),
    "better": Sign("better", "better", "better"),
    "worse": Sign("worse", "worse", "worse"),
    "equivalent": Sign("no material difference", "equivalent", "equal"),
    "leaning": Sign("leaning", "leaning", "unsure"),
    "undecided": Sign("undecided", "undecided", "unsure"),
    "unstable": Sign("unstable", "unstable", "unstable"),
    "not tested": Sign("not tested", "untested", "unsure"),
}
"""In the order in which a tally lists them."""

CLAIMS: dict[ClaimVerdict, Sign] = {
    "supported": Sign("supported", "check", "better"),
    "refuted": Sign("refuted", "unstable", "worse"),
    "undecided": Sign("undecided", "undecided", "unsure"),
}

FLAGS: dict[Literal["good", "note", "warning"], Sign] = {
    "warning": Sign("warning", "warning", "worse"),
    "note": Sign("note", "note", "muted"),
    "good": Sign("good", "check", "better"),
}
"""The most urgent first."""
