"""`open_results`: a store as a mapping from the names of its grids to their results."""

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path

from ablate.core import StoreError
from ablate.store import Store

from .grid import GridResults


class Results(Mapping[str, GridResults]):
    """The grids of a store by name. Reading changes nothing on disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, GridResults] = {}

    @property
    def root(self) -> Path:
        """The results folder."""
        return self._root

    @property
    def grids(self) -> tuple[str, ...]:
        """Names of the grids that were run."""
        return Store(self._root).grids()

    def __getitem__(self, name: str) -> GridResults:
        """The results of a grid, as they are at the first use.

        Raises:
            KeyError: no grid of this name was run; the text says which were.
        """
        if name not in self._known:
            if name not in self.grids:
                message = f"no grid {name!r} in {self._root}; there are: {', '.join(self.grids) or 'none'}"
                raise KeyError(message)
            self._known[name] = GridResults(self._root, name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.grids)

    def __len__(self) -> int:
        return len(self.grids)

    def __repr__(self) -> str:
        return f"Results({str(self._root)!r}: {', '.join(self.grids) or 'no grids'})"


def open_results(store: str | PathLike[str] = "runs") -> Results:
    """Open a results folder for reading.

    Args:
        store: the folder, as ``--store`` names it.

    Raises:
        StoreError: there is no such store.
    """
    root = Path(store)
    if not (root / "store.json").is_file():
        message = f"{root} is not an ablate store; name the folder that `ablate run` wrote its results to"
        raise StoreError(message)
    return Results(root)
