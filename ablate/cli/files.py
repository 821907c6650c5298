"""Files that commands write for the user to keep."""

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
        reason = error.strerror or str(error)
        message = f"cannot write {path}: {reason[:1].lower() + reason[1:]}"
        raise CommandError(Problem(message, "bad-command")) from None
