"""The saved states of a store, read in full and compared with their checksums. Runs in a child, which imports JAX."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.core import Finding, StoreError

_SHOWN = 5


def check(facts: dict[str, Any], root: str) -> Iterator[Finding]:
    """Every state file of the store at `root`."""
    from ablate.engine import checkpoint

    paths = sorted(Path(root).glob("packs/*/state-*.safetensors"))
    damaged = []
    for path in paths:
        try:
            checkpoint.verify(path)
        except StoreError as error:
            if path.exists():  # a run that trains meanwhile removes older ones
                damaged.append(str(error))
    facts |= {"states": len(paths), "damaged": damaged}
    noun = "state" if len(paths) == 1 else "states"
    yield Finding("ok", f"{len(paths) - len(damaged)} of {len(paths)} {noun} are as they were written")
    advice = "delete it: its runs go on from an older state, or from the start"
    for text in damaged[:_SHOWN]:
        yield Finding("problem", text, advice)
    if len(damaged) > _SHOWN:
        yield Finding("problem", f"and {len(damaged) - _SHOWN} more; --json has them all")
