"""Results for notebooks: a store as typed frames and charts. Imports neither JAX nor Ray; Altair only for charts."""

from .grid import GridResults
from .reading import Reading, read_diagnostics, read_grid, record_look
from .results import Results, open_results

__all__ = ["GridResults", "Reading", "Results", "open_results", "read_diagnostics", "read_grid", "record_look"]
