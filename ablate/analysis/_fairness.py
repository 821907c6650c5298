"""Whether the variants had the same chance: sizes, arithmetic, code and machines."""

from collections.abc import Iterable, Iterator, Mapping

from ._hardware import hardware
from ._study import Study
from ._words import listed, plural
from .types import Flag


def size_flags(study: Study) -> Iterator[Flag]:
    """Variants that are larger or smaller than the baseline, or do more or less arithmetic in an update."""
    variants = study.plan.variants
    parameters = {one.label: float(one.parameters) for one in variants if one.parameters is not None}
    flops = {one.label: one.flops for one in variants if one.flops is not None}
    yield from _unequal(study, parameters, "Unequal parameters", "parameters")
    yield from _unequal(study, flops, "Unequal arithmetic", "floating-point operations per update")


def _unequal(study: Study, sizes: Mapping[str, float], title: str, what: str) -> Iterator[Flag]:
    """A warning if a better variant has more of it, else a note."""
    base = sizes.get(study.base)
    if not base:
        return
    unlike = [f"{label} {size / base:.3g}×" for label, size in sizes.items() if abs(size - base) > 0.01 * base]
    if unlike:
        larger = [row for row in study.ranking if row.verdict == "better" and sizes.get(row.variant, 0) > 1.01 * base]
        yield Flag(
            "warning" if larger else "note",
            title,
            f"{plural(len(unlike), 'variant')} with more than 1 % more or fewer {what} than the base: {listed(unlike)}",
        )


def provenance_flags(study: Study) -> Iterator[Flag]:
    """Code, versions and machines that differ between the runs; nothing without packs."""
    places = [pack.provenance for pack in study.packs]
    if not places:
        return
    commits = _distinct(
        f"{place.git_commit[:12]}{' with uncommitted changes' if place.git_dirty else ''}"
        for place in places
        if place.git_commit
    )
    machines = _distinct(hardware(place) for place in places)
    names = sorted({name for place in places for name in place.versions})
    versions = {name: _distinct(place.versions.get(name, "none") for place in places) for name in names}
    mixed = [f"{name} {' and '.join(some)}" for name, some in versions.items() if len(some) > 1]
    if mixed:
        detail = f"the runs were trained with different versions: {listed(mixed)}; that alone may change a score"
        yield Flag("warning", "Mixed versions", detail)
    if len(commits) > 1:
        detail = (
            f"the runs were trained at {plural(len(commits), 'state')} of the code ({listed(commits)}); a plug-in or a "
            "program may have changed between them"
        )
        yield Flag("note", "Mixed commits", detail)
    if len(machines) > 1:
        detail = (
            f"the runs were trained on {plural(len(machines), 'kind')} of hardware ({listed(machines)}): scores may "
            "differ in the last digits, and times cannot be compared"
        )
        yield Flag("note", "Mixed hardware", detail)
    if len(commits) < 2 and len(machines) < 2 and not mixed:
        yield Flag("good", "Same code, versions and hardware", f"in all of {plural(len(places), 'pack')}")


def _distinct(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
