"""``tune``: the nuisance axes, of which each variant gets its own best setting.

    tune:
      axes: {optimizer.lr: {log: [1e-4, 1e-2], count: 5}}
      seeds: 3
      select: {at: "mean_last:10"}

Every variant is trained with every combination of the nuisance axes (a candidate) on the tuning seeds; the candidate
with the best mean score is trained again on the grid's ``seeds``, which no selection has seen.
"""

from dataclasses import dataclass

from ablate.core import Location, describe, did_you_mean

from .options import MetricChoice, Selector, read_options
from .paths import MISSING, get, is_above, is_path, related
from .problems import Problems
from .sections import Axis, Product, Sections
from .seeds import TUNING, read_seeds
from .tree import Tree
from .values import Choice, read_axis

SEEDS = 3
"""Tuning seeds, if the grid does not say how many."""
_KEYS = ("axes", "seeds", "select")


@dataclass(frozen=True, eq=False)
class Tuning:
    """What ``tune`` says."""

    axes: Product
    seeds: tuple[int, ...]
    """Never one of the grid's own."""
    select: MetricChoice
    """What the candidates are compared by."""


def read_tuning(
    tree: Tree, sections: Sections, metric: MetricChoice | None, seeds: tuple[int, ...], problems: Problems
) -> Tuning | None:
    """The section ``tune``; None if it is left out or there are problems, which go to `problems`."""
    if tree.content is None:
        return None
    entries = tree.mapping()
    if not isinstance(tree.content, dict):
        message = f"expected a mapping such as {{axes: {{PATH: [...]}}, seeds: 3}}, got {describe(tree.plain())}"
        problems.add(message, "wrong-type", "tune", tree.at)
        return None
    for key, value in entries.items():
        if key not in _KEYS:
            message = f"no such key; {did_you_mean(key, _KEYS)}"
            problems.add(message, "unknown-key", f"tune.{key}", value.key_at)
    axes = _read_axes(entries.get("axes", Tree(None, tree.at)), tree, problems)
    own = entries.get("seeds")
    tuning_seeds = read_seeds(own or Tree(SEEDS, tree.at), "tune.seeds", problems, first=TUNING)
    shared = sorted(set(tuning_seeds) & set(seeds))
    if shared:
        message = (
            f"{', '.join(map(str, shared[:5]))} would tune and confirm: a variant may not be judged on a seed that "
            f"chose its setting; write the number of tuning seeds, such as seeds: {SEEDS}"
        )
        problems.add(message, "duplicate-seed", "tune.seeds", (own or tree).at)
    select = _read_selector(entries.get("select", Tree(None, tree.at)), metric, problems)
    _check_conflicts(axes, sections, problems)
    return Tuning(axes, tuning_seeds, select) if select else None


def _read_axes(tree: Tree, tune: Tree, problems: Problems) -> Product:
    if not tree.mapping():
        message = "there are no axes to tune; write axes: {optimizer.lr: {log: [1e-4, 1e-2], count: 5}}"
        problems.add(message, "empty-axis", "tune.axes", tree.key_at or tune.at)
    axes: list[Axis] = []
    for path, values in tree.mapping().items():
        where = f"tune.axes.{path}"
        if not is_path(path):
            problems.add(f"{path!r} is not a field path such as optimizer.lr", "unknown-path", where, values.key_at)
            continue
        axis = read_axis(path, values, where, problems)
        if axis:
            axes.append(tuple((choice,) for choice in axis))
    for i, later in enumerate(axes):
        for earlier in axes[:i]:
            one, other = earlier[0][0], later[0][0]
            if related(one.path, other.path):
                message = f"{other.path} and {one.path} set the same field; keep one"
                places = (("the other axis", one.axis_at),)
                problems.add(message, "bad-value", other.where, other.axis_at, places)
    return tuple(axes)


def _read_selector(tree: Tree, metric: MetricChoice | None, problems: Problems) -> MetricChoice | None:
    selector = read_options(tree, "tune.select", Selector, problems)
    if selector is None or metric is None:
        return None
    name = selector.name or metric.name
    if name != metric.name and selector.goal is None:
        message = f"say which direction of {name} is better: write goal: minimize or goal: maximize"
        problems.add(message, "missing-field", "tune.select.goal", tree.at)
        return None
    return MetricChoice(name=name, goal=selector.goal or metric.goal, at=selector.at or metric.at)


def _check_conflicts(axes: Product, sections: Sections, problems: Problems) -> None:
    """Refuse variants, contexts and conditions that concern what is tuned."""
    tuned = [axis[0][0] for axis in axes]
    reported: set[tuple[str, Location]] = set()
    for choice in (*sections.variant_choices(), *sections.context_choices()):
        for axis in tuned:
            if _sets(choice, axis.path) and (axis.path, choice.axis_at) not in reported:
                reported.add((axis.path, choice.axis_at))
                message = f"`tune` chooses {axis.path} for each variant, so it cannot be set here; take it out of one"
                places = (("tune sets it here", axis.axis_at),)
                problems.add(message, "bad-value", choice.where, choice.axis_at, places)
    for condition in (*sections.exclude, *(when.condition for when in sections.when)):
        for field, at in condition.fields:
            if any(related(field, axis.path) for axis in tuned):
                message = f"`tune` chooses {field} for each variant, so no condition can depend on it"
                problems.add(message, "not-supported", condition.where, at)


def _sets(choice: Choice, path: str) -> bool:
    """Whether a choice gives a value to `path`, or to a field inside it."""
    if choice.path == path or is_above(path, choice.path):
        return True
    return is_above(choice.path, path) and get(choice.value, path[len(choice.path) + 1 :]) is not MISSING
