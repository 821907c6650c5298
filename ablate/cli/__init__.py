"""The command line: ``ablate COMMAND``. Heavy imports happen inside the commands."""

from .app import main

__all__ = ["main"]
