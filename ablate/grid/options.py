"""The parts of a grid with a fixed set of keys: ``metric``, ``tune.select``, ``run`` and ``report``."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from ablate.core import Goal, GridError, Problem, Spec, describe, did_you_mean, refuse, validate

from .problems import Problems
from .tree import Tree

S = TypeVar("S", bound=Spec)

COLUMNS = ("params", "flops", "step_ms")
"""Columns of the ranking that a grid may ask for."""

_AT = re.compile(r"last|best|auc|mean_last:[1-9]\d{0,8}|step:\d{1,12}")


def _check_at(text: str) -> str:
    if not _AT.fullmatch(text):
        message = f"{text!r} is no way to score a run; write last, best, mean_last:K, step:N or auc"
        raise refuse(Problem(message, "bad-value"))
    return text


def _check_resources(value: object) -> Literal["auto"] | dict[str, float]:
    if value == "auto":
        return "auto"
    if not isinstance(value, Mapping) or not value:
        message = f"expected auto or a mapping such as {{gpu: 0.25}}, got {describe(value)}"
        raise refuse(Problem(message, "wrong-type"))
    problems = [
        Problem(f"no such key; {did_you_mean(str(key), ('cpu', 'gpu'))}", "unknown-key", str(key))
        if key not in ("cpu", "gpu")
        else Problem(f"expected a number of devices above 0, got {describe(amount)}", "bad-value", str(key))
        for key, amount in value.items()
        if key not in ("cpu", "gpu") or not _is_positive(amount)
    ]
    if problems:
        raise refuse(*problems)
    return {str(key): amount for key, amount in value.items()}


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _known(columns: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise refuse(Problem(f"no column is called {unknown[0]!r}; {did_you_mean(unknown[0], COLUMNS)}", "bad-value"))
    return columns


def _unique(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise refuse(Problem(f"{', '.join(twice)} appears twice; keep one", "bad-value"))
    return columns


def _to_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class MetricChoice(Spec):
    """The one metric that ranks the variants."""

    name: str = Field(min_length=1)
    """Name of a series that the program records."""
    goal: Goal
    """Which direction is better."""
    at: Annotated[str, AfterValidator(_check_at)] = "last"
    """How a series becomes a score: ``last``, ``best``, ``mean_last:K`` (mean of the last K recorded values),
    ``step:N`` (the value at step N) or ``auc`` (area under the curve)."""


class Selector(Spec):
    """What chooses the best setting of the nuisance axes. What is left out is as in ``metric``."""

    name: str | None = None
    """Name of a series that the program records."""
    goal: Goal | None = None
    """Which direction is better; needed if `name` is not the grid's own metric."""
    at: Annotated[str, AfterValidator(_check_at)] | None = None
    """How a series becomes a score, as in ``metric.at``."""


class OnFailure(Spec):
    """What follows a run that failed."""

    error: Literal["continue", "stop_variant", "stop_all"] = "continue"
    """A pack raised an error: go on with the others, start no more runs of its variants, or save what is training and
    stop."""
    oom: Literal["retry_alone", "continue"] = "retry_alone"
    """A pack ran out of memory: train it again in halves, down to single runs, or give its runs up."""


class RunOptions(Spec):
    """How the runs are executed. Nothing here is part of a run's identity."""

    resources: Annotated[Literal["auto"] | dict[str, float], PlainValidator(_check_resources)] = "auto"
    """Devices of one pack: ``auto``, or numbers of ``cpu`` and ``gpu`` (fractions allowed)."""
    max_concurrent_trials: Annotated[int, Field(ge=1)] | None = None
    """Packs that train at the same time; as many as fit if not given."""
    order: Literal["seed_major", "shuffled", "file"] = "seed_major"
    """Which runs come first: all variants at the first seed, any, or variant by variant."""
    max_restarts: int = Field(default=2, ge=0)
    """How often a pack is started again after its worker was lost."""
    timeout: Annotated[float, Field(gt=0)] | None = 3600
    """Seconds that a pack may go without any progress, compiling included, before its worker is killed; null: any."""
    on: OnFailure = OnFailure()
    """What follows a failed run."""
    lanes: Literal["auto", "vmap", "map", "solo", "strict", "off"] = "auto"
    """How the runs of a pack are mapped over its devices. ``auto``: one after the other inside one program on CPU,
    batched elsewhere; ``map`` (or ``strict``) and ``vmap`` force one of the two; ``solo`` (or ``off``) trains every run
    in a pack of its own."""
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between checkpoints; about every half minute if not given."""


class ReportOptions(Spec):
    """How the results are reported."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Level of the tests: the accepted probability of a false "better" or "worse"."""
    adjust: Literal["holm"] = "holm"
    """Correction for the number of variants."""
    columns: Annotated[
        tuple[str, ...], BeforeValidator(_to_tuple), AfterValidator(_unique), AfterValidator(_known)
    ] = ()
    """Columns of the ranking to show in any case: ``params``, which otherwise shows only where variants differ in it,
    ``flops`` (floating-point operations of an update),
    and ``step_ms``, which always shows."""
    noise: Literal["own", "shared"] = "own"
    """The noise that differences are tested by: each variant's own, or one that all variants share, which finds more at
    few seeds but takes all to be equally noisy; where they are not, each has its own again."""


def read_options(tree: Tree, where: str, cls: type[S], problems: Problems) -> S | None:
    """A section that a class describes, or None if there are problems, which go to `problems`."""
    try:
        return validate(cls, {} if tree.content is None else tree.plain(), path=where)
    except GridError as error:
        for problem in error.problems:
            unknown = problem.code in ("unknown-field", "unknown-key")
            if unknown:
                message = problem.message.replace("no such field", "no such key")
                problem = replace(problem, code="unknown-key", message=message)
            inside = problem.path[len(where) :].lstrip(".")
            problems.extend([problem.at(tree.locate(inside, key=unknown))])
        return None
