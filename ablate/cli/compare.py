"""``ablate compare``."""

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from .options import store_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ablate.core import Problem
    from ablate.grid.references import References
    from ablate.store import PlannedPlace, PlanRecord, Store

Kind = Literal["grid", "run", "variant"]

_ID = re.compile(r"[0-9a-fA-F]{6,}")
"""What can be the beginning of a run id."""
_SHOWN = 4


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--grid", type=click.Path(path_type=Path), help="A and B are variants of this grid.")
@store_option
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def command(a: str, b: str, grid: Path | None, store: Path, as_json: bool) -> None:
    """Show what differs between A and B, and what came of it: two grids, two variants or two runs.

    A name that ends in .yaml or .yml, or is a file, is a grid. Six or more hex digits with which the id of a run in
    the store begins are that run. Anything else is the label of a variant. With --grid both are labels. Writes nothing.
    """
    import json

    from ablate.core import CommandError, Problem
    from ablate.store import Store

    from .compare_grids import Grids, of_grids
    from .compare_runs import Runs, of_runs
    from .compare_variants import Variants, of_variants
    from .console import err

    if grid is not None and any(_kind(name, {}, labels=True) == "grid" for name in (a, b)):
        message = "with --grid, A and B are variants of that grid; leave it out to compare grids"
        raise CommandError(Problem(message, "bad-command"))
    found = Store(store)
    runs = {name: _runs(found, name) if grid is None else {} for name in (a, b)}
    kinds = [_kind(name, runs[name], labels=grid is not None) for name in (a, b)]
    shown: Grids | Runs | Variants
    if kinds == ["grid", "grid"]:
        shown = of_grids(found, a, b)
    elif kinds == ["run", "run"]:
        shown = of_runs(found, _one_run(a, runs[a]), _one_run(b, runs[b]))
    elif kinds == ["variant", "variant"]:
        plan = _plan_with(found, grid, (a, b))
        shown = of_variants(found, plan, label_of(plan, a), label_of(plan, b))
    else:
        _refuse_kinds((a, b), kinds)
    if as_json:
        click.echo(json.dumps(shown.to_plain(), indent=1, ensure_ascii=False))
    else:
        shown.show()
    for line in dict.fromkeys(found.damaged):
        err.print(f"warning: {line}", style="yellow", markup=False)


def _runs(store: "Store", name: str) -> "Mapping[str, tuple[PlannedPlace, ...]]":
    from ablate.store import find_runs

    return find_runs(store, name) if _ID.fullmatch(name) else {}


def _kind(name: str, runs: "Mapping[str, Any]", *, labels: bool) -> Kind:
    if name.endswith((".yaml", ".yml")):
        return "grid"
    if labels:
        return "variant"
    with suppress(OSError, ValueError):  # a label may be no possible name of a file
        if Path(name).is_file():
            return "grid"
    return "run" if runs else "variant"


def _refuse_kinds(names: tuple[str, str], kinds: list[Kind]) -> NoReturn:
    from ablate.core import CommandError, Problem

    words = {"grid": "is a grid", "run": "is a run", "variant": "is taken for the label of a variant"}
    texts = [
        f"{name!r} {words[kind]}" + (" (no run id begins so)" if kind == "variant" and _ID.fullmatch(name) else "")
        for name, kind in zip(names, kinds, strict=True)
    ]
    message = f"{' and '.join(texts)}; compare two grids, two variants or two runs"
    raise CommandError(Problem(message, "bad-command"))


def _one_run(name: str, runs: "Mapping[str, tuple[PlannedPlace, ...]]") -> "tuple[PlannedPlace, ...]":
    from ablate.core import CommandError, Problem

    if len(runs) > 1:
        listed = ", ".join(list(runs)[:_SHOWN]) + (", ..." if len(runs) > _SHOWN else "")
        message = f"{len(runs)} run ids begin with {name!r} ({listed}); write more digits"
        raise CommandError(Problem(message, "bad-command"))
    return next(iter(runs.values()))


def _plan_with(store: "Store", grid: Path | None, names: tuple[str, str]) -> "PlanRecord":
    """The plan that the labels belong to: of the named grid, else of the only one in the store that has both.

    Raises:
        CommandError: no grid, or more than one, has both.
        NoResultsError: the store has no grid.
    """
    from ablate.core import CommandError, NoResultsError, Problem, did_you_mean
    from ablate.store import plans

    if grid is not None:
        return _plan_of(store, grid)
    known = list(plans(store))
    if not known:
        message = f"no grid was run in the store {store.root}, so it has no variants; name a grid file with --grid"
        raise NoResultsError(Problem(message, "no-results"))
    having = [plan for plan in known if all(_find(plan, name)[0] for name in names)]
    if len(having) == 1:
        return having[0]
    if having:
        listed = ", ".join(plan.name for plan in having)
        message = f"{names[0]!r} and {names[1]!r} are in several grids ({listed}); choose one with --grid"
        raise CommandError(Problem(message, "bad-reference"))
    for name in names:
        if not any(_find(plan, name)[0] for plan in known):
            near = did_you_mean(name, (known_name for plan in known for known_name in _names(plan)), show=6)
            no_run = " and no run id begins so" if _ID.fullmatch(name) else ""
            message = f"no variant in the store {store.root} is called {name!r}{no_run}; {near}"
            raise CommandError(Problem(message, "unknown-variant"))
    message = f"no grid in the store {store.root} has both {names[0]!r} and {names[1]!r}"
    raise CommandError(Problem(message, "unknown-variant"))


def _plan_of(store: "Store", grid: Path) -> "PlanRecord":
    """The grid as it was last run; from its file if it never was."""
    from .console import err

    if grid.stem in store.grids():
        plan = store.plan(grid.stem)
        if grid.is_file() and grid.read_text("utf-8", errors="replace") != plan.text:
            err.print(f"note: {grid} has changed since it was run; this is about the grid as it was run", markup=False)
        return plan
    from ablate.plan import make_plan

    return make_plan(grid, store).record


def label_of(plan: "PlanRecord", name: str) -> str:
    """The label that a name means in a plan.

    Raises:
        CommandError: it means none, or several.
    """
    from ablate.core import CommandError

    label, problem = _find(plan, name)
    if problem:
        raise CommandError(problem)
    return label


def _names(plan: "PlanRecord") -> list[str]:
    """What can be written for the variants of a plan."""
    return _references(plan).names()


def _find(plan: "PlanRecord", name: str) -> "tuple[str, Problem | None]":
    """The label that a name means in a plan, or the problem."""
    from ablate.core import Problem
    from ablate.grid.references import ReferenceProblem

    try:
        return _references(plan).find(name), None
    except ReferenceProblem as error:
        return "", Problem(f"{error} (in the grid {plan.name})", error.code)


def _references(plan: "PlanRecord") -> "References":
    from ablate.grid.labels import value_text
    from ablate.grid.references import References

    return References(plan.variants, {}, {}, lambda path, value: value_text(value))
