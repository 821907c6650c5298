"""A W&B sweep file, read as the parts of a grid: constants, axes, and what has no equivalent.

Structure and values are taken over and nothing else: the names of the parameters are those of the user's own script.

| in the sweep | here |
|---|---|
| ``value`` | a field of ``base`` |
| ``values`` | an axis; ``base`` has its first value |
| ``uniform``, ``int_uniform``, ``min`` and ``max`` | evenly spaced values; ``base`` has the middle one |
| ``log_uniform_values``, ``log_uniform``, their ``inv_`` forms | evenly spaced ratios; ``base`` has the middle one |
| ``q_`` of these | the same values, rounded to multiples of ``q`` |
| ``normal``, ``log_normal``, ``beta`` and their ``q_`` forms | the centre, in ``base``, with a note |
| nested ``parameters`` | dotted paths |
| ``seed`` | ``seeds`` |
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.core import ErrorCode, GridError, Location, Problem, describe, did_you_mean

from .document import parse, read_text
from .paths import BlockedPathError, is_path, put_all
from .problems import Problems
from .sweep_ranges import DISTRIBUTIONS, Range, implied
from .tree import Tree, from_plain
from .values import read_axis

METHODS = ("grid", "random", "bayes")
_PARAMETER_KEYS = ("value", "values", "distribution", "min", "max", "mu", "sigma", "q", "a", "b", "probabilities")
_RESERVED = ("program", "kind")
"""Fields of ``base`` that mean something to ablate itself."""
_SEEDS = ("seed", "random_seed")
_METRIC = ("name", "goal")
_TYPE: ErrorCode = "wrong-type"
_SILENT = ("parameters", "metric", "method", "program", "name", "description", "project", "entity")


@dataclass
class Sweep:
    """What a sweep file says, in the terms of a grid."""

    question: str = ""
    script: str = ""
    """The sweep's own program, as written."""
    metric: dict[str, str] = field(default_factory=dict)
    """``name`` and ``goal``."""
    base: dict[str, Any] = field(default_factory=dict)
    """Nested fields, without the program."""
    axes: dict[str, Any] = field(default_factory=dict)
    """Dotted path -> a list or a value form."""
    seeds: tuple[int, ...] = ()
    """Empty if the sweep has no parameter for them."""
    variants: int = 1
    """Members of the product of the axes."""
    notes: list[str] = field(default_factory=list)
    """What has no equivalent, and what was put in its place."""


def read_sweep(path: Path, *, count: int = 5) -> Sweep:
    """Read a W&B sweep file.

    Args:
        path: the file; it is shown like that in messages.
        count: how many values a range becomes, at least 2.

    Raises:
        GridError: it is not YAML or not a sweep; with every problem and its place.
    """
    name = str(path)
    tree = parse(read_text(path, name), name)
    if tree is None or not isinstance(tree.content, dict):
        found = "an empty file" if tree is None or tree.content is None else describe(tree.plain())
        place = Location(name, 1, 1) if tree is None else tree.at
        raise GridError(Problem(f"a W&B sweep is a mapping with the key parameters, got {found}", _TYPE, "", place))
    reader = _Reader(tree, count)
    sweep = reader.read()
    reader.problems.check()
    return sweep


class _Reader:
    def __init__(self, tree: Tree, count: int) -> None:
        self.tree = tree
        self.entries = tree.mapping()
        self.count = count
        self.problems = Problems()
        self.sweep = Sweep()
        self.fields: dict[str, tuple[Any, Tree]] = {}

    def read(self) -> Sweep:
        """Everything; what is wrong goes to `problems`."""
        parameters = self.entries.get("parameters")
        if parameters is None:
            message = f"this is no W&B sweep: it has no key parameters; {did_you_mean('parameters', self.entries)}"
            if "base" in self.entries:
                message = "this is a grid already, not a W&B sweep: it has the key base and no key parameters"
            self.problems.add(message, "missing-field", "parameters", self.tree.at)
            return self.sweep
        self.texts()
        self.method()
        self.metric()
        self.group(parameters, "", "parameters")
        self.others()
        if not len(self.problems):
            self.base()
        return self.sweep

    def texts(self) -> None:
        for key in ("program", "name", "description"):
            tree = self.entries.get(key)
            if tree is not None and not isinstance(tree.content, str | None):
                self.problems.add(f"expected a text, got {describe(tree.plain())}", _TYPE, key, tree.at)
        texts = {key: tree.content for key, tree in self.entries.items() if isinstance(tree.content, str)}
        self.sweep.question = " ".join((texts.get("description") or texts.get("name") or "").split())
        self.sweep.script = texts.get("program", "")

    def method(self) -> None:
        tree = self.entries.get("method")
        if tree is None or tree.content == "grid":
            return
        if tree.content not in METHODS:
            message = f"no method of W&B is called {describe(tree.plain())}; {did_you_mean(str(tree.content), METHODS)}"
            self.problems.add(message, "bad-value", "method", tree.at)
        self.sweep.notes.append(f"method {tree.content}: nothing is sampled; every combination of the axes is trained")

    def metric(self) -> None:
        tree = self.entries.get("metric")
        if tree is None or tree.content is None:
            self.sweep.metric = {"name": "val_loss", "goal": "minimize"}
            self.sweep.notes.append("metric: the sweep has none, and a grid needs one; val_loss is only a guess")
            return
        entries = tree.mapping()
        name, goal = entries.get("name"), entries.get("goal")
        if name is None or not isinstance(name.content, str) or not name.content:
            message = "a metric is written {name: NAME, goal: minimize}"
            self.problems.add(message, "missing-field", "metric.name", name.at if name else tree.at)
            return
        if goal is not None and goal.content not in ("minimize", "maximize"):
            message = f"expected minimize or maximize, got {describe(goal.plain())}"
            self.problems.add(message, "bad-value", "metric.goal", goal.at)
        self.sweep.metric = {"name": name.content, "goal": str(goal.content) if goal else "minimize"}
        self.sweep.notes += [
            f"metric.{key} {shown(value)}: has no equivalent" for key, value in entries.items() if key not in _METRIC
        ]

    def others(self) -> None:
        for key, tree in self.entries.items():
            if key == "early_terminate":
                kind = tree.mapping().get("type")
                rule = f" {kind.content}" if kind else ""
                self.sweep.notes.append(f"early_terminate{rule}: nothing is stopped early; every run has its budget")
            elif key == "command":
                note = "has no equivalent; what it fixes belongs into base"
                self.sweep.notes.append(f"command {shown(tree)}: {note}")
            elif key == "run_cap":
                self.sweep.notes.append(
                    f"run_cap {shown(tree)}: has no equivalent; take values out of the axes instead"
                )
            elif key not in _SILENT:
                self.sweep.notes.append(f"{key} {shown(tree)}: has no equivalent")

    def group(self, tree: Tree, prefix: str, where: str) -> None:
        """The parameters of one level."""
        if not tree.mapping():
            message = f"expected a mapping of parameters, got {describe(tree.plain())}"
            self.problems.add(message, _TYPE if tree.content != {} else "bad-value", where, tree.at)
        for name, spec in tree.mapping().items():
            here = f"{where}.{name}"
            path = prefix + self.path(name, prefix, spec)
            if not spec.mapping():
                message = f"a parameter is a mapping such as {{value: 1}} or {{values: [1, 2]}}, got {_found(spec)}"
                self.problems.add(message, _TYPE, here, spec.at)
            elif "parameters" in spec.mapping():
                self.unknown(spec, ("parameters",), here)
                self.group(spec.mapping()["parameters"], f"{path}.", f"{here}.parameters")
            elif path in _SEEDS and self.seeds(spec):
                self.sweep.notes.append(f"{path}: became `seeds`, so that runs with the same seed are compared")
            elif self.unknown(spec, _PARAMETER_KEYS, here):
                self.parameter(path, spec, here)

    def path(self, name: str, prefix: str, spec: Tree) -> str:
        """A parameter's name as a path; one that is no path, or has another meaning here, is changed."""
        parts = [re.sub(r"\W*[^\w-]\W*", "_", part.strip("+~ ")).strip("-") or "_" for part in name.split(".")]
        parts = [f"_{part}" if not is_path(part) else part for part in parts]
        if not prefix and parts[0] in _RESERVED:
            parts[0] += "_"
        path = ".".join(parts)
        if path != name:
            self.sweep.notes.append(f"{prefix}{shown(Tree(name, spec.at))}: is called {prefix}{path} here")
        return path

    def unknown(self, spec: Tree, known: tuple[str, ...], where: str) -> bool:
        """Whether a parameter has only known keys."""
        wrong = [key for key in spec.mapping() if key not in known]
        for key in wrong:
            at = spec.mapping()[key].key_at
            message = f"no such key of a parameter; {did_you_mean(key, (*_PARAMETER_KEYS, 'parameters'))}"
            self.problems.add(message, "unknown-key", f"{where}.{key}", at)
        return not wrong

    def seeds(self, spec: Tree) -> bool:
        """Whether a parameter is a list of seeds, which then are those of the grid."""
        tree = spec.mapping().get("value") or spec.mapping().get("values")
        listed = (tree.items() or [tree]) if tree else []
        seeds = [one.content for one in listed if isinstance(one.content, int) and not isinstance(one.content, bool)]
        good = bool(seeds) and len(set(seeds)) == len(listed) and all(0 <= seed < 2**31 for seed in seeds)
        if good:
            self.sweep.seeds = tuple(seeds)
        return good

    def parameter(self, path: str, spec: Tree, where: str) -> None:
        entries = spec.mapping()
        given = entries.get("distribution")
        kind = implied(spec) if given is None else given.content
        if kind is None:
            message = "a parameter has value, values, or min and max"
            self.problems.add(message, "missing-field", where, spec.at)
        elif kind == "constant":
            self.constant(path, spec, where)
        elif kind in ("categorical", "categorical_w_probabilities"):
            self.choices(path, spec, where)
        elif kind in DISTRIBUTIONS:
            self.range(path, str(kind), spec, where)
        else:
            known = ("constant", "categorical", "categorical_w_probabilities", *DISTRIBUTIONS)
            message = f"no distribution of W&B is called {describe(kind)}; {did_you_mean(str(kind), known)}"
            self.problems.add(message, "bad-value", f"{where}.distribution", given.at if given else spec.at)

    def constant(self, path: str, spec: Tree, where: str) -> None:
        value = spec.mapping().get("value")
        if value is None or "values" in spec.mapping():
            message = "a constant has value, and no values beside it"
            self.problems.add(message, "missing-field" if value is None else "bad-value", where, spec.at)
        elif self.names(value, where):
            self.put(path, value.plain(), spec, where)

    def choices(self, path: str, spec: Tree, where: str) -> None:
        values = spec.mapping().get("values")
        if values is None or not isinstance(values.content, list):
            message = "values is missing" if values is None else f"values is a list, got {describe(values.plain())}"
            self.problems.add(message, "missing-field" if values is None else _TYPE, where, (values or spec).at)
        elif not values.content:
            self.problems.add("a parameter needs at least one value", "empty-axis", where, values.at)
        elif self.names(values, where):
            self.put(path, values.content[0].plain(), spec, where)
            if len(values.content) > 1:
                self.axis(path, values.plain(), len(values.content))
            if "probabilities" in spec.mapping():
                self.sweep.notes.append(f"{path}: its probabilities have no equivalent; every value counts once")

    def range(self, path: str, kind: str, spec: Tree, where: str) -> None:
        read = Range(kind, spec, where, self.count, self.problems).read()
        if read is None:
            return
        self.sweep.notes += [f"{path}: {note}" for note in read.notes]
        if read.axis is None:
            self.put(path, read.centre, spec, where)
            return
        values = [choice.value for choice in read_axis(path, from_plain(read.axis, spec.at), where, self.problems)]
        if values:
            self.put(path, values[len(values) // 2], spec, where)
        if len(values) > 1:
            self.axis(path, read.axis, len(values))

    def axis(self, path: str, axis: Any, size: int) -> None:
        self.sweep.axes[path] = axis
        self.sweep.variants *= size

    def names(self, tree: Tree, where: str) -> bool:
        """Whether the keys of a value can be fields."""
        before = len(self.problems)
        for key, value in tree.mapping().items():
            if not is_path(key) or "." in key:
                message = f"{key!r} is not a field name: letters, digits, '_' and '-', no digit first"
                self.problems.add(message, "unknown-path", where, value.key_at)
        for item in (*tree.mapping().values(), *tree.items()):
            self.names(item, where)
        return len(self.problems) == before

    def put(self, path: str, value: Any, spec: Tree, where: str) -> None:
        if path in self.fields:
            other = self.fields[path][1]
            related = (("the other one", other.key_at or other.at),)
            self.problems.add(f"two parameters are called {path}", "duplicate-key", where, spec.key_at, related)
        self.fields.setdefault(path, (value, spec))

    def base(self) -> None:
        """Put the fields into each other."""
        try:
            self.sweep.base = dict(put_all({}, ((path, value) for path, (value, _) in self.fields.items())))
        except BlockedPathError as error:
            message = f"{error}, and another parameter sets one"
            path = str(error).split(" ", 1)[0]
            at = self.fields[path][1].at if path in self.fields else self.tree.at
            self.problems.add(message, "bad-value", f"parameters.{path}", at)


def shown(tree: Tree) -> str:
    """A value on one short line, for a note."""
    text = " ".join(str(tree.plain()).split())
    printable = "".join(sign for sign in text if sign.isprintable())
    return printable if len(printable) <= 120 else printable[:117] + "..."


def _found(spec: Tree) -> str:
    return "an empty mapping" if spec.content == {} else describe(spec.plain())
