"""The report: one offline HTML page that ranks the variants and says how sure it is."""

from .index import Entry, entry, render_index
from .page import render, write

__all__ = ["Entry", "entry", "render", "render_index", "write"]
