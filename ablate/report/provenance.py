"""Where the numbers come from: versions, machines, and how the runs were packed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ablate.store.schema import PackRecord, PlanRecord, Provenance

from . import numbers


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of facts; several values are several different machines, commits or versions."""

    term: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackLine:
    """One row of the table of packs."""

    pack: str
    runs: int
    width: int
    strategy: str
    devices: str
    compile: str


def entries(plan: PlanRecord, packs: Sequence[PackRecord]) -> list[Entry]:
    """Facts about the grid and the machines; a fact in which packs differ lists every value."""
    places = [pack.provenance for pack in packs] or [plan.provenance]
    found = [
        Entry("Grid", (plan.path or plan.name,)),
        Entry("Planned", (plan.provenance.created,)),
        Entry("Commit", _distinct(_commit(place) for place in places)),
        Entry("Host", _distinct(place.host for place in places)),
        Entry("Platform", _distinct(place.platform for place in places)),
        Entry("Processor", _distinct(place.processor for place in places)),
        Entry("Devices", _distinct(_devices(place) for place in places)),
        Entry("Seeds", (", ".join(str(seed) for seed in plan.seeds),)),
    ]
    return [entry for entry in found if any(entry.values)]


def versions(plan: PlanRecord, packs: Sequence[PackRecord]) -> list[Entry]:
    """Package -> every version that was in use, by name."""
    places = [pack.provenance for pack in packs] or [plan.provenance]
    every = sorted({name for place in places for name in place.versions})
    return [Entry(name, _distinct(place.versions.get(name, "") for place in places)) for name in every]


def pack_lines(packs: Sequence[PackRecord]) -> list[PackLine]:
    """The packs in the order given."""
    return [
        PackLine(
            pack=pack.pack_id,
            runs=len(pack.run_ids),
            width=pack.width,
            strategy=pack.strategy,
            devices=str(pack.devices),
            compile=numbers.seconds(pack.compile_seconds),
        )
        for pack in packs
    ]


def pack_summary(packs: Sequence[PackRecord]) -> str:
    """One sentence about the packing."""
    if not packs:
        return "No pack has been recorded."
    runs = sum(len(pack.run_ids) for pack in packs)
    total = numbers.seconds(sum(pack.compile_seconds for pack in packs))
    return (
        f"{runs} runs were trained in {len(packs)} pack{'s' if len(packs) > 1 else ''}; compiling took {total} in all."
    )


def citations(plan: PlanRecord) -> list[str]:
    """References of the components that differ from the base, each once, in the order of the variants."""
    return list(dict.fromkeys(text for variant in plan.variants for text in variant.citations))


def _commit(place: Provenance) -> str:
    if not place.git_commit:
        return ""
    return place.git_commit[:12] + (" with uncommitted changes" if place.git_dirty else "")


def _devices(place: Provenance) -> str:
    counts = {name: place.devices.count(name) for name in place.devices}
    return ", ".join(f"{count} \u00d7 {name}" if count > 1 else name for name, count in counts.items())


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
