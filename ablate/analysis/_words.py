"""Numbers and lists as they appear in sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .types import Interval


def number(value: float) -> str:
    """Three significant digits; plain decimals between 0.0001 and a million."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    size = abs(value)
    if size < 1e-4 or size >= 1e6:
        return f"{value:.2e}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(size)))}f}"


def p_value(p: float) -> str:
    """``p=0.012``, or ``p<0.0001``."""
    return "p<0.0001" if p < 1e-4 else f"p={p:.2g}"


def percent(share: float) -> str:
    """``95 %``."""
    return f"{100 * share:.3g} %"


def interval_text(interval: Interval) -> str:
    """``95 % CI 0.012 to 0.030``, or ``95 % simultaneous CI ...``."""
    kind = "simultaneous CI" if interval.simultaneous else "CI"
    return f"{percent(interval.level)} {kind} {number(interval.low)} to {number(interval.high)}"


def plural(count: int, word: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def listed(names: Sequence[str], show: int = 3) -> str:
    """``a, b and c``; after the first few, how many more."""
    if len(names) > show:
        return f"{', '.join(names[:show])} and {len(names) - show} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def value_text(value: Any) -> str:
    """A configured value: ``0.001``, ``relu``, ``{kind: soft_shrink, amount: 1}``."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.12g}"
        case Mapping():
            if set(value) == {"kind"}:
                return str(value["kind"])
            return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(value_text(item) for item in value) + "]"
        case _:
            return str(value)
