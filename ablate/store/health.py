"""What is wrong with a results folder: for `ablate doctor`. Reads everything, changes nothing."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ablate.core import Finding, StoreError

from .find import plans
from .lock import is_alive, living_owner
from .schema import CalibrationRecord
from .store import Store

LEAST_FREE_BYTES = 2**30
"""With less free space than this, a run may not be able to save its state."""

_LAYOUT = re.compile(
    r"store\.json"
    r"|grids/[^/]+/(plan\.json|confirmation\.json|lock|stop|(notes|looks)/[^/]+\.json)"
    r"|calibration/[^/]+\.json"
    r"|packs/[^/]+/(pack\.json|status\.json|(series|diagnostics)-\d+\.parquet|state-\d+.*\.safetensors)"
)
_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")
_SHOWN = 5


def check_store(root: Path, facts: dict[str, Any]) -> Iterator[Finding]:
    """Damaged and foreign files, locks and temporary files of dead processes, unfinished packs, size, free space."""
    facts["path"] = str(root)
    yield from _check_space(root, facts)
    if not root.exists():
        yield Finding("ok", f"{root} does not exist yet; the first `ablate run` makes it")
        return
    store = Store(root)
    if not (root / "store.json").exists():
        advice = "give the folder that `ablate run --store` wrote"
        yield Finding("problem", f"{root} is not a store of ablate", advice)
        return
    try:
        store.prepare()
    except StoreError as error:
        yield Finding("problem", str(error))
        return
    if not os.access(root, os.W_OK):
        advice = f"chmod u+w {root}, or train into another --store; reports need no more than reading"
        yield Finding("problem", f"{root} cannot be written", advice)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    yield from _check_size(root, store, files, facts)
    yield from _check_damage(store, facts)
    yield from _check_locks(root)
    yield from _check_packs(root, store, facts)
    yield from _check_other_files(root, files, facts)


def _check_space(root: Path, facts: dict[str, Any]) -> Iterator[Finding]:
    there = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    facts["free_bytes"] = shutil.disk_usage(there).free
    if facts["free_bytes"] < LEAST_FREE_BYTES:
        text = f"only {_size(facts['free_bytes'])} are free on the disk of {root}"
        yield Finding("problem", text, "free some, or use a --store on another disk")


def _check_size(root: Path, store: Store, files: list[Path], facts: dict[str, Any]) -> Iterator[Finding]:
    sizes = {path: path.stat().st_size for path in files}
    states = sum(size for path, size in sizes.items() if path.suffix == ".safetensors")
    facts |= {"bytes": sum(sizes.values()), "state_bytes": states, "files": len(files)}
    facts |= {"grids": list(store.grids()), "runs": len(store.attempts)}
    text = (
        f"{root}: {_count(len(store.grids()), 'grid')}, {_count(len(store.attempts), 'run')},"
        f" {_size(facts['bytes'])}, of which states {_size(states)}; {_size(facts['free_bytes'])} are free"
    )
    yield Finding("ok", text)


def _check_damage(store: Store, facts: dict[str, Any]) -> Iterator[Finding]:
    list(plans(store))
    for name in store.grids():
        store.confirmation(name)
        store.notes(name)
        store.looks(name)
    store.packs()
    store.series(())
    store.diagnostics(())
    for path in sorted(store.root.glob("calibration/*.json")):
        try:
            CalibrationRecord.model_validate_json(path.read_bytes())
        except (OSError, ValueError, ValidationError):
            store.damaged.append(f"{path}: unreadable, skipped")
    damaged = list(dict.fromkeys(store.damaged))
    facts["damaged"] = damaged
    advice = "delete the file, then `ablate run` the grid again: it trains what is missing, and nothing else"
    for line in damaged[:_SHOWN]:
        yield Finding("problem", line, advice)
        advice = ""
    if len(damaged) > _SHOWN:
        yield Finding("problem", f"and {len(damaged) - _SHOWN} more damaged files; --json has them all")


def _check_locks(root: Path) -> Iterator[Finding]:
    for path in sorted(root.glob("grids/*/lock")):
        owner = living_owner(path)
        if owner:
            yield Finding("ok", f"{path.parent.name} is being trained ({owner})")
        else:
            text = f"{path} is left from a driver that is gone"
            yield Finding("note", text, "nothing: the next `ablate run` of the grid takes it over")


def _check_packs(root: Path, store: Store, facts: dict[str, Any]) -> Iterator[Finding]:
    folders = [path for path in root.glob("packs/*") if path.is_dir()]
    # What a driver notes of lost runs has a status and no record; an attempt that was killed at once, the reverse.
    silent = [path for path in folders if not (path / "status.json").exists()]
    ended = {run_id for run_id, attempts in store.attempts.items() if any(one.state.status for one in attempts)}
    open_ = sorted(store.attempts.keys() - ended)
    facts |= {"packs": len(folders), "packs_without_status": len(silent), "unfinished_runs": open_}
    training = any(living_owner(path) for path in root.glob("grids/*/lock"))
    if silent and not training:
        text = f"{_count(len(silent), 'pack')} ended before anything was written, such as {silent[0].name}"
        yield Finding("note", text, f"nothing, or remove the folder: rm -r {silent[0]}")
    if open_ and not training:
        text = f"{_count(len(open_), 'run')} began and did not end, such as {open_[0]}"
        yield Finding("note", text, "`ablate run` the grid again: they go on from their states")


def _check_other_files(root: Path, files: list[Path], facts: dict[str, Any]) -> Iterator[Finding]:
    left, foreign = [], []
    for path in files:
        temporary = _TEMPORARY.fullmatch(path.name)
        if temporary:
            if not is_alive(int(temporary[1])):
                left.append(path)
        elif not _LAYOUT.fullmatch(path.relative_to(root).as_posix()):
            foreign.append(path)
    facts |= {"left_over": [str(path) for path in left], "foreign": [str(path) for path in foreign]}
    if left:
        size = _size(sum(path.stat().st_size for path in left))
        text = f"{_count(len(left), 'file')} ({size}) left from writers that were killed, such as {left[0]}"
        yield Finding("note", text, f"unless another machine writes here: find {root} -name '.*.tmp' -delete")
    if foreign:
        text = f"{_count(len(foreign), 'file')} not of ablate, such as {foreign[0]}"
        yield Finding("note", text, "nothing: they are never read")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word if number == 1 else f'{word}s'}"


def _size(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
