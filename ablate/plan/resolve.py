"""From raw variants to validated run configurations, with every problem shown at its place in the grid file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product

from ablate.core import GridError, Once, Parts, Problem, did_you_mean, digest, identity_text, join_path, to_identity
from ablate.grid import Candidate, Context, Expansion, Grid, Variant
from ablate.systems import PROGRAMS, Program, Signature, Signatures, parameter_count

DEFAULT_PROGRAM = "supervised"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A variant in a context, validated."""

    variant: Variant
    context: Context
    config: Program
    identity: str
    """Digest of the scientific configuration; with a seed it gives the run id."""
    signature: Signature
    """What decides its program."""
    parameters: int
    """Trainable numbers of each run."""
    candidate: Candidate | None = None
    """The setting of the nuisance axes, in a grid that tunes."""
    index: int = 0
    """The candidate's place among all."""


def resolve(grid: Grid, expansion: Expansion) -> tuple[Resolved, ...]:
    """Validate every variant in every context with every candidate, and the metrics.

    Raises:
        GridError: with all problems of all variants, each once, at the line that set the value.
    """
    resolved: list[Resolved] = []
    parts, texts, signatures = Parts(), Once(identity_text), Signatures()
    counts: dict[Signature, int] = {}
    problems: dict[Problem, None] = {}
    for context, variant, (index, candidate) in product(
        expansion.contexts, expansion.variants, enumerate(expansion.candidates or (None,))
    ):
        raw = dict(expansion.config(variant, context, candidate))
        kind = raw.pop("program", DEFAULT_PROGRAM)
        try:
            config = PROGRAMS.parse({"kind": kind, **raw}, parts)
            identity = digest(to_identity(config, texts))
            shared = signatures.of(config)
            if shared.whole not in counts:
                counts[shared.whole] = _count(config)
        except GridError as error:
            problems.update(dict.fromkeys(_placed(error.problems, expansion, variant, context, candidate)))
            continue
        resolved.append(Resolved(variant, context, config, identity, shared, counts[shared.whole], candidate, index))
    if resolved:
        problems.update(dict.fromkeys(_metric_problems(grid, resolved)))
        problems.update(dict.fromkeys(_candidate_problems(resolved)))
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


def _placed(
    problems: Iterable[Problem], expansion: Expansion, variant: Variant, context: Context, candidate: Candidate | None
) -> Iterable[Problem]:
    for problem in problems:
        if problem.location is not None:
            yield problem
            continue
        key = problem.code == "unknown-field"
        place = expansion.locate(variant, context, problem.path, candidate=candidate, key=key)
        where = expansion.where(variant, context, problem.path, candidate=candidate)
        yield replace(problem, path=where, location=place)


def _metric_problems(grid: Grid, resolved: Iterable[Resolved]) -> Iterable[Problem]:
    asked = {"metric": grid.metric.name}
    if grid.tuning:
        asked["tune.select"] = grid.tuning.select.name
    for one in resolved:
        recorded = {metric.name: metric for metric in one.config.recorded}
        for where, name in asked.items():
            if name not in recorded:
                message = f"{one.config.kind} records no metric {name!r}; {did_you_mean(name, recorded)}"
                yield Problem(message, "bad-value", join_path(where, "name"), grid.locate(f"{where}.name"))


def _candidate_problems(resolved: Iterable[Resolved]) -> Iterable[Problem]:
    """Candidates that are the same run: what is tuned is outside the identity, or has no effect on this variant."""
    known: dict[tuple[str, str, str], Candidate] = {}
    for one in resolved:
        if one.candidate is None:
            continue
        other = known.setdefault((one.context.label, one.variant.label, one.identity), one.candidate)
        if other is not one.candidate:
            choice = one.candidate.choices[-1]
            message = (
                f"{one.variant.label} is the same run with {other.label} and with {one.candidate.label}; tune fields "
                "that change the training, not its length or what is recorded"
            )
            yield Problem(message, "bad-value", choice.where, choice.axis_at)
