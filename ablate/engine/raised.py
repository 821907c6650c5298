"""What a component of the user raised, in short."""

import re
import traceback

_LONGEST = 500
_FRAME = re.compile(r'File "(?P<filename>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')


def in_short(error: Exception) -> str:
    """What was raised, and the innermost line of it that is not in an installed package: most likely the user's.

    One line. What a callback into Python raised while a program ran has its traceback in the message.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    frames = [(frame.filename, str(frame.lineno), frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    inner = [match.groups() for line in lines if (match := _FRAME.match(line))]
    if inner:
        what, frames = lines[-1], [(str(filename), str(line), str(name)) for filename, line, name in inner]
    own = [frame for frame in frames if "site-packages" not in frame[0]] or frames
    place = " (at {}:{}, in {})".format(*own[-1]) if own else ""
    return f"{what[:_LONGEST]}{place}"


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says that the device or the host has no memory left."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)
