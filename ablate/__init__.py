"""ablate: declarative ablation grids for neural networks, with honest statistics."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablate.results import open_results

__version__ = "0.1.0"

__all__ = ["__version__", "open_results"]


def __getattr__(name: str) -> Any:
    if name == "open_results":  # not imported before it is used: `import ablate` stays light
        return import_module("ablate.results").open_results
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
