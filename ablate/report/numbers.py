"""Numbers as text: as many digits as the interval supports, a real minus sign, one style for each column."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

MINUS = "\u2212"
ABSENT = "\u2013"
"""What a cell shows when there is no number."""

_SUPERSCRIPT = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Style:
    """How all numbers of one column are written."""

    decimals: int
    exponent: int | None = None
    """A common power of ten, or None for plain decimals."""

    def text(self, value: float | None, *, sign: bool = False) -> str:
        """The number; with `sign`, positive ones carry a plus."""
        if value is None:
            return ABSENT
        if not math.isfinite(value):
            return "not finite"
        scaled = value if self.exponent is None else value / 10.0**self.exponent
        digits = f"{abs(scaled):,.{self.decimals}f}"
        negative = value < 0 and float(digits.replace(",", "")) != 0
        head = MINUS if negative else "+" if sign and value > 0 else ""
        tail = "" if self.exponent is None else f"\u00d710{str(self.exponent).translate(_SUPERSCRIPT)}"
        return f"{head}{digits}{tail}"


def style_for(values: Iterable[float | None], widths: Iterable[float | None], *, digits: int = 3) -> Style:
    """The style of a column: two significant digits of a typical (lower-quartile) half-width.

    Without any width, `digits` significant digits of the largest value. Very large and very small columns get a
    common power of ten.
    """
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value) and value != 0]
    spans = sorted(width for width in widths if width is not None and math.isfinite(width) and width > 0)
    magnitude = max(sizes, default=1.0)
    last = _exponent(spans[len(spans) // 4]) - 1 if spans else _exponent(magnitude) - digits + 1
    magnitude = max(magnitude, spans[-1] if spans else 0.0)
    if magnitude >= 1e7 or magnitude < 1e-3:
        exponent = _exponent(magnitude)
        return Style(min(max(exponent - last, 0), 12), exponent)
    return Style(min(max(-last, 0), 9))


def given(values: Iterable[float | None]) -> Style:
    """The style of numbers that somebody wrote down: as many decimals as the longest of them has."""
    texts = [f"{value:.10g}" for value in values if value is not None]
    if any("e" in text for text in texts):
        return style_for(map(float, texts), [], digits=4)
    return Style(max((len(text.partition(".")[2]) for text in texts), default=0))


def plain(value: float | None, digits: int = 2) -> str:
    """One number by itself, with `digits` significant digits."""
    return style_for([value], [], digits=digits).text(value)


def p_value(p: float | None) -> str:
    """A p value: three decimals while they matter, never a bare zero."""
    if p is None or math.isnan(p):
        return ABSENT
    if p < 0.0005:
        return "<0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def si(value: float | None) -> str:
    """A count with three significant digits and an SI letter: 812544 is ``813 k``."""
    if value is None:
        return ABSENT
    for factor, letter in _SI:
        if abs(value) >= 0.9995 * factor:
            scaled = float(f"{value / factor:.2e}")
            digits = max(0, 2 - _exponent(scaled))
            return f"{scaled:.{digits}f}\u00a0{letter}"
    return f"{value:.0f}"


def seconds(value: float) -> str:
    """A duration: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def speed_up(value: float | None) -> str:
    """The baseline's steps to a target over a variant's: ``1.30×``; 0 where only the variant never arrives."""
    if value is None:
        return ABSENT
    if math.isinf(value):
        return "only this one"
    return "never" if value == 0 else f"{value:.2f}×"


def percent(level: float) -> str:
    """A level as a percentage: 0.95 is ``95 %``."""
    return f"{100 * level:.4g}\u00a0%"


def rounded(value: float | None, digits: int = 5) -> float | None:
    """A number for the embedded data, with `digits` significant digits; None when it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _exponent(value: float) -> int:
    """The power of ten of the first significant digit."""
    return int(f"{abs(value):e}".split("e")[1])
