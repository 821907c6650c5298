"""What to run next, as commands to copy."""

import math
import shlex

from ._edges import axis_ends
from ._selection import selection_suggestions
from ._study import Study
from ._words import listed, plural
from .compare import MIN_SEEDS

MANY = 4
"""From so many variants with a single seed on, more seeds of the baseline alone are worth it."""

RETRIED = ("oom", "error", "lost", "timeout", "skipped")


def suggestions(study: Study) -> tuple[tuple[str, str], ...]:
    """(why, command), the most urgent first."""
    grid = f"ablate run {shlex.quote(study.plan.path)}"
    found = []
    missing = sum(row.missing for row in study.ranking)
    tuning = study.tuning
    if tuning is not None and tuning.ended < tuning.planned:
        left = plural(tuning.planned - tuning.ended, "tuning run")
        found.append((f"Finish the {left}; the settings that they choose are trained next.", grid))
    elif missing:
        found.append((f"Finish the {plural(missing, 'run')} without a result.", grid))
    failed = {*study.scores["status"].drop_nulls(), *(tuning.failures if tuning else ())}
    retry = ",".join(status for status in RETRIED if status in failed)
    if retry:
        count = sum(row.failed for row in study.ranking) + sum(row.failed for row in (tuning.rows if tuning else ()))
        found.append((f"Try the {plural(count, 'failed run')} again.", f"{grid} --retry {retry}"))
    more = _more_seeds(study)
    if more is not None:
        why, total = more
        found.append((why, f"{grid} --seeds {_seed_range(study.plan.seeds, total)}"))
    found += _baseline_alone(study, grid)
    found += _beyond(study, grid)
    return (*found, *selection_suggestions(study))


def _baseline_alone(study: Study, grid: str) -> list[tuple[str, str]]:
    """Of a grid with one seed: the baseline on several, so that single scores can be held against its noise."""
    others = len(study.plan.variants) - 1
    if len(study.plan.seeds) != 1 or others < MANY:
        return []
    count = max(MIN_SEEDS, math.ceil(math.sqrt(others)))
    why = (
        f"Cheaper, and no test: {count} seeds of the baseline alone (the root of {others} variants, {MIN_SEEDS} at "
        "least) show which single scores leave its noise floor."
    )
    return [(why, f"{grid} --only {shlex.quote(study.base)} --seeds {_seed_range(study.plan.seeds, count)}")]


def _beyond(study: Study, grid: str) -> list[tuple[str, str]]:
    """What to write into the grid file where the best value of a path is the last one tried."""
    ends = {(end.path, end.side): end for end in axis_ends(study) if end.beyond}
    return [
        (
            f"Add {end.beyond} to the values of {end.path} in the grid file: {end.value}, the {side} tried, is the "
            "best. Only what is new is trained.",
            grid,
        )
        for (_, side), end in ends.items()
    ]


def _more_seeds(study: Study) -> tuple[str, int] | None:
    """Why more seeds, and how many in total."""
    planned = len(study.plan.seeds)
    others = [row for row in study.ranking if row.verdict != "baseline"]
    if not others:
        return None
    if planned < MIN_SEEDS:
        return f"Below {MIN_SEEDS} seeds there is no test; 5 are better.", 5
    undecided = [row for row in others if row.verdict == "undecided" and row.more_seeds]
    if not undecided:
        return None
    affordable = [row for row in undecided if (row.more_seeds or 0) <= max(10, 3 * planned)]
    if not affordable:
        return None
    most = max(row.n + (row.more_seeds or 0) for row in affordable)
    if most <= planned:
        return None
    names = listed([study.where(row) for row in affordable])
    return f"Decide {names} with 80 % power, if the differences are those seen ({most} seeds in total).", most


def _seed_range(seeds: tuple[int, ...], total: int) -> str:
    """A range that holds all of `seeds` and at least `total` in number."""
    first = min(seeds, default=0)
    return f"{first}-{max(max(seeds, default=0), first + total - 1)}"
