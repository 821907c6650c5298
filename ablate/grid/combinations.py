"""The values of ``across`` and of ``tune.axes``, combined and named."""

from collections.abc import Iterator
from itertools import chain, product
from typing import TypeVar

from ablate.core import ErrorCode, Problem

from .expansion import Candidate, Combination, Context
from .labels import Labels
from .naming import SAME_NAME
from .paths import BlockedPathError, fingerprint, put_all
from .problems import Problems
from .schema import Grid
from .sections import Product

_SAME: ErrorCode = "duplicate-variant"

C = TypeVar("C", bound=Combination)


def make_contexts(grid: Grid, labels: Labels, problems: Problems, warnings: list[Problem]) -> tuple[Context, ...]:
    """Every value of ``across``, or the one context without a label."""
    return tuple(_combine(Context, grid.sections.across, "across", grid, labels, problems, warnings))


def make_candidates(grid: Grid, problems: Problems, warnings: list[Problem]) -> tuple[Candidate, ...]:
    """Every setting of the nuisance axes; none if the grid does not tune."""
    if grid.tuning is None:
        return ()
    axes = grid.tuning.axes
    labels = Labels(grid.base, ((choice.path, choice.value) for axis in axes for (choice,) in axis))
    return tuple(_combine(Candidate, axes, "tune.axes", grid, labels, problems, warnings))


def _combine(
    cls: type[C],
    axes: Product,
    where: str,
    grid: Grid,
    labels: Labels,
    problems: Problems,
    warnings: list[Problem],
) -> Iterator[C]:
    """The product of some axes; combinations that come to the same configuration are kept once."""
    seen: dict[str, C] = {}
    named: dict[str, C] = {}
    word = cls.__name__.lower()
    for members in product(*axes):
        choices = tuple(chain.from_iterable(members))
        changes = {choice.path: choice.value for choice in choices}
        label = ", ".join(choice.name or labels.part(choice.path, choice.value) for choice in choices)
        combination = cls(label, changes, choices)
        try:
            config = fingerprint(put_all(grid.base, changes.items()))
        except BlockedPathError as error:
            problems.add(str(error), "unknown-path", choices[0].where, choices[0].axis_at)
            return
        if config in seen:
            message = f"the {word} {label} is the same as {seen[config].label}; it is kept once"
            warnings.append(Problem(message, _SAME, where, choices[-1].at))
            continue
        if label in named:
            message = f"two different {word}s are called {label!r}; give one of them another name"
            problems.add(message, SAME_NAME, where, choices[-1].at)
        seen[config] = named[label] = combination
        yield combination
