"""`Grid`: a grid file that has been read, and the reading of its top-level keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ablate.core import Location, Spec, describe, did_you_mean

from .claims import read_claims, read_reference
from .options import MetricChoice, ReportOptions, RunOptions, read_options
from .paths import is_path
from .problems import Problems
from .sections import Sections, read_sections
from .seeds import read_seeds
from .tree import Tree
from .tuning import Tuning, read_tuning

S = TypeVar("S", bound=Spec)

KEYS = (
    "version",
    "question",
    "extends",
    "plugins",
    "base",
    "metric",
    "margin",
    "seeds",
    "across",
    "ablate",
    "grid",
    "zip",
    "when",
    "exclude",
    "include",
    "tune",
    "claims",
    "reference",
    "run",
    "report",
)
"""The top-level keys of a grid file."""

VERSION = 1
COMMAND_LINE = "<command line>"


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid file, complete and checked as far as that is possible without knowing any component."""

    name: str
    """The file's name without its ending."""
    path: str
    """The file as the user wrote it."""
    text: str = field(repr=False)
    question: str
    plugins: tuple[str, ...]
    """Modules and ``.py`` files, as written."""
    plugin_paths: Mapping[str, Path]
    """For each ``.py`` entry of `plugins`, the file it means: it is relative to the file that names it."""
    base: dict[str, Any]
    """The baseline's configuration, as written."""
    metric: MetricChoice
    margin: float | None
    """Smallest difference that matters, in metric units."""
    seeds: tuple[int, ...]
    claims: tuple[dict[str, Any], ...]
    """As written; `Expansion.claims` has them with every variant by its label."""
    reference: dict[str, Any] | None
    """As written; `Expansion.reference` has it with every variant by its label."""
    run: RunOptions
    report: ReportOptions
    sections: Sections = field(repr=False)
    """What makes variants and contexts."""
    tuning: Tuning | None = field(repr=False)
    """How each variant finds its own best setting of the nuisance axes; None without ``tune``."""
    tree: Tree = field(repr=False)
    """The whole document, ``extends`` and the command line applied, with the place of every value."""

    def locate(self, path: str, *, key: bool = False) -> Location | None:
        """Where a value of the grid is written, in the file that set it.

        Args:
            path: as in ``base.model.width``, ``ablate.model.activation`` or ``claims[0].that``.
            key: the place of the value's key instead, for a key that should not be there.

        Returns:
            The place; for a path that does not exist, that of its nearest ancestor.
        """
        return self.tree.locate(path, key=key)


def read_grid(tree: Tree, path: str, text: str, problems: Problems) -> Grid | None:
    """A grid from its document; None if there are problems, which go to `problems`."""
    reader = _Reader(tree, problems)
    reader.check_keys()
    reader.check_version()
    base = reader.base()
    plugins = reader.plugins()
    question, margin, seeds = reader.question(), reader.margin(), reader.seeds()
    metric = reader.options("metric", MetricChoice)
    run = reader.options("run", RunOptions)
    report = reader.options("report", ReportOptions)
    sections = read_sections(tree, base, problems)
    tuning = read_tuning(reader.value("tune"), sections, metric, seeds, problems)
    claims, reference = (
        read_claims(reader.value("claims"), margin, problems),
        read_reference(reader.value("reference"), problems),
    )
    if problems or metric is None or run is None or report is None:
        return None
    return Grid(
        name=Path(path).stem,
        path=path,
        text=text,
        question=question,
        plugins=tuple(plugins),
        plugin_paths={name: file for name, file in plugins.items() if file},
        base=base,
        metric=metric,
        margin=margin,
        seeds=seeds,
        claims=claims,
        reference=reference,
        run=run,
        report=report,
        sections=sections,
        tuning=tuning,
        tree=tree,
    )


class _Reader:
    def __init__(self, tree: Tree, problems: Problems) -> None:
        self.tree = tree
        self.problems = problems

    def value(self, key: str) -> Tree:
        """What stands after a top-level key; null if the key is left out."""
        return self.tree.mapping().get(key) or Tree(None, self.tree.at)

    def check_keys(self) -> None:
        for key, value in self.tree.mapping().items():
            if key not in KEYS:
                message = f"no such key; {did_you_mean(key, KEYS)}"
                if key in ("problem", "model", "optimizer", "train", "program", "interventions"):
                    message = f"no such key; write it inside base: base: {{{key}: ...}}"
                self.problems.add(message, "unknown-key", key, value.key_at)

    def check_version(self) -> None:
        version = self.value("version")
        if version.content is not None and (isinstance(version.content, bool) or version.content != VERSION):
            message = f"this ablate reads version {VERSION} of the grid language, got {describe(version.plain())}"
            self.problems.add(message, "not-supported", "version", version.at)

    def question(self) -> str:
        question = self.value("question")
        if question.content is not None and not isinstance(question.content, str):
            message = f"expected a text, got {describe(question.plain())}; put it in quotes"
            self.problems.add(message, "wrong-type", "question", question.at)
        return str(question.content or "")

    def base(self) -> dict[str, Any]:
        base = self.value("base")
        if base.content is None:
            message = "this key is required: the configuration that all variants are compared with"
            self.problems.add(message, "missing-field", "base", base.key_at or base.at)
        elif not isinstance(base.content, dict):
            message = f"expected a mapping, got {describe(base.plain())}"
            self.problems.add(message, "wrong-type", "base", base.at)
        self._check_names(base, "base")
        return {key: value.plain() for key, value in base.mapping().items()}

    def _check_names(self, tree: Tree, path: str) -> None:
        for key, value in tree.mapping().items():
            if "." in key:
                nested = ": {".join(key.split(".")) + ": ..." + "}" * key.count(".")
                message = f"a key of base has no dots; write {nested}"
                self.problems.add(message, "unknown-path", f"{path}.{key}", value.key_at)
            elif not is_path(key):
                message = f"{key!r} is not a field name: letters, digits, '_' and '-', no digit first"
                self.problems.add(message, "unknown-path", path, value.key_at)
            else:
                self._check_names(value, f"{path}.{key}")

    def plugins(self) -> dict[str, Path | None]:
        tree = self.value("plugins")
        plugins: dict[str, Path | None] = {}
        if tree.content is not None and not isinstance(tree.content, list):
            message = f"expected a list of modules and .py files, got {describe(tree.plain())}"
            self.problems.add(message, "wrong-type", "plugins", tree.at)
        for i, item in enumerate(tree.items()):
            name = item.content
            where = f"plugins[{i}]"
            if not isinstance(name, str) or not name.strip():
                message = f"expected the name of a module or a .py file, got {describe(item.plain())}"
                self.problems.add(message, "wrong-type", where, item.at)
            elif name.endswith(".py"):
                beside = Path() if item.at.file == COMMAND_LINE else Path(item.at.file).parent
                plugins[name] = (beside / name).absolute()
                if not (beside / name).is_file():
                    message = f"there is no file {beside / name}; the path is relative to the grid file"
                    self.problems.add(message, "bad-plugin", where, item.at)
            elif not is_path(name):
                message = f"{name!r} is neither a module such as my_lab.snr nor a .py file"
                self.problems.add(message, "bad-plugin", where, item.at)
            else:
                plugins[name] = None
        return plugins

    def margin(self) -> float | None:
        tree = self.value("margin")
        value = tree.content
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = f"expected a number, got {describe(tree.plain())}"
            self.problems.add(message, "wrong-type", "margin", tree.at)
            return None
        if value <= 0:
            message = f"the margin must be above 0, got {value}; leave it out to call nothing equivalent"
            self.problems.add(message, "bad-value", "margin", tree.at)
        return float(value)

    def seeds(self) -> tuple[int, ...]:
        tree = self.value("seeds")
        return (0,) if tree.content is None else read_seeds(tree, "seeds", self.problems)

    def options(self, key: str, cls: type[S]) -> S | None:
        tree = self.value(key)
        if tree.content is None and any(info.is_required() for info in cls.model_fields.values()):
            required = ", ".join(f"{name}: ..." for name, info in cls.model_fields.items() if info.is_required())
            message = f"this key is required: write {key}: {{{required}}}"
            self.problems.add(message, "missing-field", key, tree.key_at or tree.at)
            return None
        return read_options(tree, key, cls, self.problems)
