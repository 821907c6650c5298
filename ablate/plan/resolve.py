"""From raw variants to validated run configurations, with every problem shown at its place in the grid file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ablate.core import GridError, Problem, did_you_mean, digest, join_path, to_identity
from ablate.grid import Context, Expansion, Grid, Variant
from ablate.systems import PROGRAMS, Program, Signature, parameter_count, signature

DEFAULT_PROGRAM = "supervised"


@dataclass(frozen=True)
class Resolved:
    """A variant in a context, validated."""

    variant: Variant
    context: Context
    config: Program
    identity: str
    """Digest of the scientific configuration; with a seed it gives the run id."""
    parameters: int
    """Trainable numbers of each run."""


def resolve(grid: Grid, expansion: Expansion) -> tuple[Resolved, ...]:
    """Validate every variant in every context, and the metric.

    Raises:
        GridError: with all problems of all variants, each once, at the line that set the value.
    """
    resolved: list[Resolved] = []
    counts: dict[Signature, int] = {}
    problems: dict[Problem, None] = {}
    for context in expansion.contexts:
        for variant in expansion.variants:
            raw = dict(expansion.config(variant, context))
            kind = raw.pop("program", DEFAULT_PROGRAM)
            try:
                config = PROGRAMS.parse({"kind": kind, **raw})
                identity = digest(to_identity(config))
                shared = signature(config)
                if shared not in counts:
                    counts[shared] = _count(config)
            except GridError as error:
                problems.update(dict.fromkeys(_placed(error.problems, expansion, variant, context)))
                continue
            resolved.append(Resolved(variant, context, config, identity, counts[shared]))
    if resolved:
        problems.update(dict.fromkeys(_metric_problems(grid, resolved)))
    if problems:
        raise GridError(problems)
    return tuple(resolved)


def _count(config: Program) -> int:
    try:
        return parameter_count(config)
    except GridError:
        raise
    except Exception as error:
        message = f"its parts do not fit together: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
        raise GridError(Problem(message, "bad-value")) from error


def _placed(problems: Iterable[Problem], expansion: Expansion, variant: Variant, context: Context) -> Iterable[Problem]:
    for problem in problems:
        if problem.location is not None:
            yield problem
            continue
        place = expansion.locate(variant, context, problem.path, key=problem.code == "unknown-field")
        yield replace(problem, path=expansion.where(variant, context, problem.path), location=place)


def _metric_problems(grid: Grid, resolved: Iterable[Resolved]) -> Iterable[Problem]:
    for one in resolved:
        recorded = {metric.name: metric for metric in one.config.recorded}
        name = grid.metric.name
        if name not in recorded:
            message = f"{one.config.kind} records no metric {name!r}; {did_you_mean(name, recorded)}"
            yield Problem(message, "bad-value", join_path("metric", "name"), grid.locate("metric.name"))
