"""What the runs were trained on, as far as the packs say."""

from collections.abc import Iterable, Mapping

from ablate.store.schema import PackRecord, Provenance


def hardware(place: Provenance) -> str:
    """The hardware that decides how long a step takes: processor and devices; not the host's name."""
    counts = {name: place.devices.count(name) for name in place.devices}
    devices = ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())
    return "; ".join(part for part in (place.processor, devices) if part)


def by_pack(packs: Iterable[PackRecord]) -> Mapping[str, str]:
    """Pack id -> hardware."""
    return {pack.pack_id: hardware(pack.provenance) for pack in packs}
