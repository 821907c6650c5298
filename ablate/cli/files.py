"""Files that commands write."""

import os
from contextlib import suppress
from pathlib import Path

from ablate.core import CommandError, Problem


def write_new(path: Path, text: str) -> None:
    """Write a UTF-8 file that must not exist yet; folders are made.

    Raises:
        CommandError: it exists, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        message = f"{path} exists and is not overwritten; choose another name"
        raise CommandError(Problem(message, "bad-command")) from None
    except OSError as error:
        raise _cannot_write(path, error) from None


def write_over(path: Path, text: str) -> None:
    """Write a UTF-8 file; a reader sees the old one or the new one. Folders are made.

    Raises:
        CommandError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _cannot_write(path, error) from None


def _cannot_write(path: Path, error: OSError) -> CommandError:
    reason = error.strerror or str(error)
    return CommandError(Problem(f"cannot write {path}: {reason[:1].lower() + reason[1:]}", "bad-command"))
