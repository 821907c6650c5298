"""`load`: a grid file and the command line to a `Grid`."""

from collections.abc import Sequence
from pathlib import Path

from .inherit import read_document
from .overrides import apply_overrides
from .problems import Problems
from .schema import Grid, read_grid


def load(path: Path | str, overrides: Sequence[str] = ()) -> Grid:
    """Read a grid file.

    Args:
        path: the file, as the user wrote it; it is shown like that in messages.
        overrides: ``path=value`` arguments of the command line; see `ablate.grid.overrides`.

    Raises:
        GridError: with every problem of the file and of the overrides at once. (A file that is not YAML has the one
            problem that it cannot be read.)
    """
    name = str(path)
    tree, text = read_document(Path(path), name)
    problems = Problems()
    tree = apply_overrides(tree, overrides, problems)
    grid = read_grid(tree, name, text, problems)
    problems.check()
    if grid is None:
        message = "a grid without problems was not read"
        raise RuntimeError(message)
    return grid
