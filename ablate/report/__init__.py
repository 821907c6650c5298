"""The report: one offline HTML page that ranks the variants and says how sure it is."""

from .page import render, write

__all__ = ["render", "write"]
