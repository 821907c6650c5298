"""What ``ablate plan --compile`` shows of the compiled programs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from .console import err, out

if TYPE_CHECKING:
    from ablate.engine import Footprint
    from ablate.plan import Pack, Summary

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def note_start(pack: "Pack") -> None:
    """Say on standard error that a program is being compiled, which takes seconds."""
    err.print(f"compiling {pack.signature.id}: {pack.title}", markup=False)


def columns(summary: "Summary", programs: "Sequence[Footprint]") -> Mapping[str, Sequence[str]]:
    """Columns of the table of packs; none without programs."""
    if not programs:
        return {}
    updates = [one.flops.update if one.flops else None for one in summary.packs]
    return {
        "memory": ["–" if program.error else _bytes(program.peak) for program in programs],
        "FLOP/update": ["–" if update is None else _short(update) for update in updates],
    }


def print_programs(programs: "Sequence[Footprint]") -> None:
    """A row per compiled program."""
    if not programs:
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("program")
    for name in ("lanes", "devices", "compiled in", "arguments", "outputs", "temporary", "aliased", "code", "peak"):
        table.add_column(name, justify="right")
    for one in dict.fromkeys(programs):
        facts = [f"{one.compile_seconds:.1f} s"]
        facts += [_bytes(size) for size in (one.arguments, one.outputs, one.temporaries, one.aliased)]
        facts += [_bytes(one.code) if one.code else "–", _bytes(one.peak)]
        row = (one.signature, f"{one.width} {one.strategy}", str(one.devices))
        table.add_row(*row, *(["–"] * len(facts) if one.error else facts))
    out.print("programs, with bytes per device:")
    out.print(table)


def warn(packs: "Sequence[Pack]", programs: "Sequence[Footprint]") -> None:
    """Say on standard error which packs do not compile or do not fit."""
    for number, (pack, one) in enumerate(zip(packs, programs, strict=False)):
        if one.error:
            err.print(f"pack {number} ({pack.title}) does not compile: {one.error}", style="red", markup=False)
        elif one.fits is False:
            repair = "run: {lanes: map}, or smaller batches" if one.strategy == "vmap" else "smaller batches"
            message = f"needs about {_bytes(one.peak)} of the {_bytes(one.limit or 0)} that it may use of a device"
            err.print(f"warning: pack {number} ({pack.title}) {message}; {repair}", style="yellow", markup=False)


def programs_to_plain(plan: dict[str, Any], programs: "Sequence[Footprint]") -> dict[str, Any]:
    """The plan as JSON data, with the program of each pack."""
    from dataclasses import asdict

    for pack, program in zip(plan["packs"], programs, strict=False):
        pack["program"] = {**asdict(program), "peak": program.peak, "fits": program.fits}
    return plan


def _bytes(number: int) -> str:
    return f"{_short(number)}B"


def _short(number: float) -> str:
    """``1.86 G``, ``792 M``, ``512``: three digits, powers of a thousand."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} "
