"""``extends``: one grid file on top of another.

Mappings are merged, deeply; everything else replaces what was there: lists, single values, and an axis as a whole
(the values of ``ablate.model.width`` are never mixed with those of the file below). ``key: !remove`` takes a key out.
"""

from pathlib import Path

from ablate.core import GridError, Location, Problem, describe, did_you_mean

from .document import parse, read_text
from .problems import Problems
from .tree import REMOVE, Tree

MAX_CHAIN = 20

_WHOLE_AFTER = {"ablate": 1, "grid": 1, "across": 1, "zip": 2}
"""Section of axes -> number of keys below it after which a value is replaced as a whole."""


def read_document(path: Path, name: str) -> tuple[Tree, str]:
    """A grid file with everything that it extends, and the text of the file itself.

    Args:
        path: the file.
        name: how the user calls it; it stands in every place.

    Raises:
        GridError: a file cannot be read, is not YAML, extends itself, or removes a key that is not there.
    """
    text = read_text(path, name)
    problems = Problems()
    tree = _load(path, name, text, [path.resolve()], problems)
    problems.check()
    return tree, text


def _load(path: Path, name: str, text: str, chain: list[Path], problems: Problems) -> Tree:
    tree = parse(text, name)
    if tree is None or tree.content is None:
        message = "the file is empty; a grid has at least `base` and `metric`"
        raise GridError(Problem(message, "empty-grid", location=Location(name, 1, 1)))
    if not isinstance(tree.content, dict):
        message = f"a grid is a mapping of keys such as base and metric, got {describe(tree.plain())}"
        raise GridError(Problem(message, "wrong-type", location=tree.at))
    below = _below(tree.content.get("extends"), path, name, chain, problems)
    own = Tree({key: value for key, value in tree.content.items() if key != "extends"}, tree.at)
    return _merge(below, own, (), problems)


def _below(extends: Tree | None, path: Path, name: str, chain: list[Path], problems: Problems) -> Tree | None:
    """The documents of the files that are extended, each on top of the one before."""
    if extends is None or extends.content is None:
        return None
    if not isinstance(extends.content, list):
        return _extended(extends, "extends", path, name, chain, problems)
    below = None
    for number, one in enumerate(extends.content):
        below = _merge(below, _extended(one, f"extends[{number}]", path, name, chain, problems), (), problems)
    return below


def _extended(extends: Tree, under: str, path: Path, name: str, chain: list[Path], problems: Problems) -> Tree:
    """The document of one of them."""
    target = extends.content
    if not isinstance(target, str) or not target.strip() or "\0" in target:
        message = f"expected the path of a grid file, or a list of paths, got {describe(extends.plain())}"
        raise GridError(Problem(message, "wrong-type", under, extends.at))
    other, other_name = path.parent / target, str(Path(name).parent / target)
    text = read_text(other, other_name, at=extends.at, under=under)
    if other.resolve() in chain:
        steps = " -> ".join(step.name for step in [*chain[chain.index(other.resolve()) :], other])
        message = f"the files extend each other in a circle: {steps}"
        raise GridError(Problem(message, "circular-extends", under, extends.at))
    if len(chain) >= MAX_CHAIN:
        message = f"more than {MAX_CHAIN} files extend each other; merge some"
        raise GridError(Problem(message, "too-large", under, extends.at))
    return _load(other, other_name, text, [*chain, other.resolve()], problems)


def _merge(below: Tree | None, tree: Tree, path: tuple[str, ...], problems: Problems) -> Tree:
    if isinstance(tree.content, list):
        items = [_merge(None, item, (*path, str(i)), problems) for i, item in enumerate(tree.content)]
        return Tree(items, tree.at, tree.key_at)
    if tree.content is REMOVE:
        message = "`!remove` stands after a key, to take that key out of the file that is extended"
        problems.add(message, "bad-value", ".".join(path), tree.at)
    if not isinstance(tree.content, dict):
        return tree
    under = _entries(below, tree.content, path)
    merged = dict(under)
    for key, value in tree.content.items():
        if value.content is REMOVE:
            if merged.pop(key, None) is None:
                message = "there is nothing to remove: " + (
                    f"the file that is extended sets no such key; {did_you_mean(key, under)}"
                    if under
                    else "no file that is extended sets this"
                )
                problems.add(message, "unknown-key", ".".join((*path, key)), value.key_at or value.at)
        else:
            merged[key] = _merge(under.get(key), value, (*path, key), problems)
    return Tree(merged, tree.at, tree.key_at)


def _entries(below: Tree | None, above: dict[str, Tree], path: tuple[str, ...]) -> dict[str, Tree]:
    """What a mapping is merged onto."""
    if below is None or (path and len(path) > _WHOLE_AFTER.get(path[0], len(path))):
        return {}
    if path[:1] == ("base",) and isinstance(below.content, str) and "kind" not in above:
        return {"kind": Tree(below.content, below.at, below.key_at)}
    return below.mapping()
