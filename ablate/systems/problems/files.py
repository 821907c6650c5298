"""Files of the user's that a component names."""

from pathlib import Path

from ablate.core import Problem, refuse


def existing_file(path: str) -> str:
    """The absolute path of a file; refused, while a grid is read, if there is none."""
    found = Path(path).expanduser()
    if not found.is_file():
        message = f"there is no file {path!r} (looked in {Path.cwd()})"
        raise refuse(Problem(message, "no-corpus"))
    return str(found.resolve())
