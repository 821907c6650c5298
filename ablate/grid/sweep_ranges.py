"""The ranges of a W&B sweep, as values."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ablate.core import ErrorCode, Location, describe

from .problems import Problems
from .tree import Tree, from_plain
from .values import read_axis

_EVEN = ("uniform", "int_uniform", "q_uniform")
_RATIOS = ("log_uniform_values", "q_log_uniform_values", "inv_log_uniform_values")
_EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")
_CENTRED = ("normal", "q_normal", "log_normal", "q_log_normal", "beta", "q_beta")
DISTRIBUTIONS = (*_EVEN, *_RATIOS, *_EXPONENTS, *_CENTRED)

_MAX_INTEGER = 2**63


def implied(spec: Tree) -> str | None:
    """The distribution that W&B takes when none is named."""
    entries = spec.mapping()
    if "value" in entries:
        return "constant"
    if "values" in entries:
        return "categorical_w_probabilities" if "probabilities" in entries else "categorical"
    if "min" in entries or "max" in entries:
        ends = (entries[key].content for key in ("min", "max") if key in entries)
        return "int_uniform" if all(isinstance(end, int) for end in ends) else "uniform"
    return "normal" if "mu" in entries or "sigma" in entries else None


@dataclass(frozen=True)
class Values:
    """What a range becomes."""

    axis: Any = None
    """A list or a value form; None if there is only a centre."""
    centre: Any = None
    notes: tuple[str, ...] = ()


class Range:
    """Reads one parameter with a distribution."""

    def __init__(self, kind: str, spec: Tree, where: str, count: int, problems: Problems) -> None:
        self.kind = kind
        self.spec = spec
        self.where = where
        self.count = count
        self.problems = problems

    def read(self) -> Values | None:
        """The values, or None if there is a problem."""
        try:
            return self._centre() if self.kind in _CENTRED else self._spread()
        except _RefusedError as error:
            self.problems.add(str(error), error.code, self.where, error.at)
            return None

    def _spread(self) -> Values:
        low, high = self._number("min"), self._number("max")
        step = self._number("q", 1) if self.kind.startswith("q_") else None
        if low > high:
            message = f"min must be below max, got {low} and {high}"
            raise self._refused(message, "min")
        if step is not None and step <= 0:
            message = f"q must be above 0, got {step}"
            raise self._refused(message, "q")
        if low == high and self.kind not in _EXPONENTS:
            return Values(centre=low)
        notes: tuple[str, ...] = ()
        axis: Any
        if self.kind in _EVEN:
            axis = {"min": low, "max": high, "count": self.count}
            if self.kind == "int_uniform":
                return self._integers(low, high)
        elif self.kind in _RATIOS:
            if low <= 0:
                message = f"{self.kind} needs values above 0, got {low}"
                raise self._refused(message, "min")
            axis = {"log": [low, high], "count": self.count}
        else:
            if self.kind.startswith("inv_"):
                low, high = -high, -low
            if max(abs(low), abs(high)) > 300:
                message = f"{self.kind} takes exponents of e; {low} to {high} is out of range"
                raise self._refused(message, "min")
            low, high = (float(f"{math.exp(end):.6g}") for end in (low, high))
            notes = (f"{self.kind} takes exponents of e, so the values are from {low:g} to {high:g}",)
            if low == high:
                return Values(centre=low, notes=notes)
            axis = {"log": [low, high], "count": self.count}
        return Values(axis if step is None else self._rounded(axis, step), notes=notes)

    def _integers(self, low: float, high: float) -> Values:
        if low != int(low) or high != int(high):
            message = f"int_uniform goes between integers, got {low} and {high}"
            raise self._refused(message, "min")
        first, last = int(low), int(high)
        count = min(self.count, last - first + 1)
        if (last - first) % (count - 1) == 0:
            return Values({"min": first, "max": last, "count": count})
        return Values([first + round(Fraction(i * (last - first), count - 1)) for i in range(count)])

    def _rounded(self, axis: Any, step: float) -> list[int | float]:
        """The values of an axis as multiples of `step`, each once."""
        choices = read_axis("x", from_plain(axis, self.spec.at), self.where, self.problems)
        unit = Fraction(repr(step))
        exact = (round(Fraction(repr(choice.value)) / unit) * unit for choice in choices)
        whole = isinstance(step, int)
        return list(dict.fromkeys(int(one) if whole and abs(one) < _MAX_INTEGER else float(one) for one in exact))

    def _centre(self) -> Values:
        if "beta" in self.kind:
            a, b = self._number("a"), self._number("b")
            if a <= 0 or b <= 0:
                message = f"a and b must be above 0, got {a} and {b}"
                raise self._refused(message, "a")
            centre, words = a / (a + b), "its mean"
        else:
            mean = self._number("mu", 0)
            if "log" in self.kind and abs(mean) > 300:
                message = f"{self.kind} takes exponents of e; {mean} is out of range"
                raise self._refused(message, "mu")
            centre, words = (math.exp(mean), "its median") if "log" in self.kind else (mean, "mu")
        centre = float(f"{centre:.6g}")
        note = f"{self.kind} has no equivalent; base has {words}, and an axis is made by hand"
        return Values(centre=centre, notes=(note,))

    def _number(self, key: str, default: float | None = None) -> float:
        tree = self.spec.mapping().get(key)
        if tree is None and default is None:
            message = f"{self.kind} needs {key}"
            raise _RefusedError(message, "missing-field", self.spec.at)
        value = default if tree is None else tree.content
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = f"{key} is a number, got {describe(value)}"
            raise _RefusedError(message, "wrong-type", (tree or self.spec).at)
        return value

    def _refused(self, message: str, key: str) -> "_RefusedError":
        return _RefusedError(message, "bad-value", self.spec.mapping().get(key, self.spec).at)


class _RefusedError(ValueError):
    def __init__(self, message: str, code: ErrorCode, at: Location) -> None:
        super().__init__(message)
        self.code = code
        self.at = at
