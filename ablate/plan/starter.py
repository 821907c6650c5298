"""`starter_grid`: a first grid for a problem, short and commented, to be changed by hand."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ablate.core import CommandError, Problem, did_you_mean
from ablate.systems import ACTIVATIONS, MODELS, PROBLEMS, Component, Model, parameter_count
from ablate.systems import Problem as Task
from ablate.systems.supervised import Supervised

from .catalogue import short_form

DEFAULT_PROBLEM = Supervised().problem.kind
_SIMPLE_FIRST = ("mlp", "gpt")
"""Models that are tried before all others."""
_WELL_KNOWN = ("relu", "tanh", "gelu")
_FIELDS = 4
"""How many fields of a model are written out."""
_COMMENT = 40
"""Column of the comments."""
_WORD = re.compile(r"(?!true|false|null)[a-z_][a-z0-9_]*")


def starter_grid(problem: str, path: str) -> str:
    """The text of a grid: the problem with its fields, a model that fits it, two axes and a claim.

    Args:
        problem: kind of a registered problem.
        path: where the grid will stand, for the commands in its comments.

    Raises:
        CommandError: there is no such problem, it has required fields, or no model fits it.
        GridError: its data is not there.
    """
    if problem not in PROBLEMS.kinds():
        message = f"there is no problem {problem!r}; {did_you_mean(problem, PROBLEMS.kinds())}"
        raise CommandError(Problem(message, "bad-command"))
    required = [name for name, info in PROBLEMS[problem].model_fields.items() if info.is_required()]
    if required:
        message = f"{problem} has fields without a default ({', '.join(required)}), so its grid is written by hand"
        raise CommandError(Problem(message, "bad-command"))
    task = PROBLEMS.parse(problem)
    task.load()
    return "\n".join(_lines(task, _model_for(task), path)) + "\n"


def _model_for(task: Task) -> Model:
    for kind in dict.fromkeys((*_SIMPLE_FIRST, *MODELS.kinds())):
        if any(info.is_required() for info in MODELS[kind].model_fields.values()):
            continue
        model = MODELS.parse(kind)
        try:
            parameter_count(Supervised(problem=task, model=model))
        except Exception:  # whatever a model that does not fit raises
            continue
        return model
    message = f"no model fits {task.kind} with its defaults; name one yourself: ablate components model"
    raise CommandError(Problem(message, "bad-command"))


def _lines(task: Task, model: Model, path: str) -> Iterator[str]:
    program = Supervised(problem=task, model=model)
    metric = next(one for one in program.recorded if one.name.startswith("val_"))
    activations = _activations(model)
    axis = "activation" if activations else "learning rate"
    lr = program.optimizer.lr
    yield f"#   ablate check  {path}      is it right, and how many runs are they?"
    yield f"#   ablate run    {path}      train; run it again to resume, or after changing this file"
    yield f"#   ablate report {path}      one HTML file that ranks the variants"
    yield "# What can be named below: ablate components. Completion in your editor: ablate schema."
    yield "version: 1"
    yield f'question: "Which {axis} is best for {model.kind} on {task.kind}?"'
    yield ""
    yield _commented("base:", "what every variant is compared with")
    yield "  problem:"
    yield from _component(task, tuple(type(task).model_fields))
    yield "  model:"
    yield from _component(model, _shown(model))
    yield f"  optimizer: {{kind: {program.optimizer.kind}, lr: {lr:g}}}"
    yield _commented("  train: {steps: 400, eval_every: 40}", "a larger number of steps later continues the runs")
    yield ""
    yield f"metric: {{name: {metric.name}, goal: {metric.goal}, at: last}}"
    yield _commented("# margin: 0.01", f"smallest difference that matters ({metric.unit}); allows `equivalent`")
    yield _commented("seeds: 3", "every variant is trained this often, from the same seeds")
    yield ""
    yield _commented("ablate:", "one change at a time; use `grid:` to cross axes")
    if activations:
        yield f"  model.activation: [{', '.join(activations)}]"
    yield f"  optimizer.lr: [{lr / 3:.1g}, {lr * 3:.1g}]"
    yield ""
    yield _commented("claims:", "what you expect, written before the runs and judged after them")
    yield f"  - {{that: {activations[0] if activations else f'{lr / 3:.1g}'}, is: worse, than: base}}"


def _shown(model: Model) -> tuple[str, ...]:
    """The sizes of a model, and its activation."""
    fields = type(model).model_fields
    sizes = [name for name, info in fields.items() if info.annotation is int][:_FIELDS]
    return (*sizes, *(name for name in ("activation",) if name in fields))


def _activations(model: Model) -> list[str]:
    """Two activations that the model does not have by default; none if it has no such field."""
    default = getattr(model, "activation", None)
    known = [kind for kind in _WELL_KNOWN if kind in ACTIVATIONS.kinds()]
    return [kind for kind in known if default is not None and kind != default.kind][:2]


def _component(component: Component, names: tuple[str, ...]) -> Iterator[str]:
    yield f"    kind: {component.kind}"
    for name in names:
        value = _yaml(short_form(getattr(component, name)))
        description = " ".join((type(component).model_fields[name].description or "").split())
        yield _commented(f"    {name}: {value}", description.split(". ")[0].removesuffix("."))


def _yaml(value: Any) -> str:
    """A value on one line; a simple word without quotes."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _commented(text: str, comment: str) -> str:
    return f"{text:<{_COMMENT}}# {comment}" if comment else text
