"""``ablate compare`` of two runs of the store."""

import math
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from ablate.store import Attempt, Difference, PackRecord, PlannedPlace, Store, differences

from .compare_tables import print_differences, table_of
from .console import duration, out


@dataclass(frozen=True)
class Run:
    """A run of the store."""

    places: tuple[PlannedPlace, ...]
    attempt: Attempt | None
    pack: PackRecord | None
    last: dict[str, tuple[int, float]]
    """Metric -> step and value of its last record."""

    def facts(self) -> dict[str, Any]:
        """What it is and how far it came."""
        first = self.places[0]
        state = self.attempt.state if self.attempt else None
        return {
            "run_id": first.run_id,
            "grid": ", ".join(dict.fromkeys(place.grid for place in self.places)),
            "variant": ", ".join(dict.fromkeys(place.variant for place in self.places)),
            "context": first.context,
            "seed": first.seed,
            "setting": first.setting,
            "purpose": ", ".join(dict.fromkeys(place.purpose for place in self.places)),
            "budget": max(place.steps for place in self.places),
            "status": None if state is None else state.status,
            "step": 0 if state is None else state.step,
            "cause": state.cause if state else "",
            "message": state.message if state else "",
            "seconds": state.seconds if state else None,
            "pack": self.attempt.pack_id if self.attempt else None,
        }

    @property
    def config(self) -> dict[str, Any] | None:
        """Its whole configuration, if a plan has it."""
        return next((place.config for place in self.places if place.config is not None), None)

    @property
    def provenance(self) -> dict[str, Any]:
        """Where it was trained last."""
        if self.pack is None:
            return {}
        found = self.pack.provenance.model_dump(mode="json", exclude={"created"})
        return {**found, "lanes": self.pack.width, "strategy": self.pack.strategy, "devices": list(found["devices"])}


@dataclass(frozen=True)
class Runs:
    """Two runs."""

    a: Run
    b: Run

    @property
    def config(self) -> tuple[Difference, ...] | None:
        """Fields of the configurations that differ; None if one is not known."""
        if self.a.config is None or self.b.config is None:
            return None
        return differences(self.a.config, self.b.config)

    @property
    def provenance(self) -> tuple[Difference, ...] | None:
        """What differs in where they were trained; None before both were."""
        return differences(self.a.provenance, self.b.provenance) if self.a.pack and self.b.pack else None

    def to_plain(self) -> dict[str, Any]:
        """As JSON data."""
        parts = {"config": self.config, "provenance": self.provenance}
        return {
            "kind": "runs",
            **{
                name: {
                    **run.facts(),
                    "last": {
                        metric: {"step": step, "value": _finite(value)} for metric, (step, value) in run.last.items()
                    },
                }
                for name, run in (("a", self.a), ("b", self.b))
            },
            **{name: None if rows is None else [one.to_plain() for one in rows] for name, rows in parts.items()},
        }

    def show(self) -> None:
        """Print it."""
        ours, theirs = self.a.facts(), self.b.facts()
        table = table_of("run", "A", "B")
        for name in ours:
            if ours[name] not in ("", None) or theirs[name] not in ("", None):
                table.add_row(name, *(_fact(name, facts[name]) for facts in (ours, theirs)))
        out.print(table)
        _print_part("configuration", self.config, "not known before the tuned settings are chosen")
        metrics = list(dict.fromkeys((*self.a.last, *self.b.last)))
        if metrics:
            table = table_of("last recorded", "A", "B")
            for metric in metrics:
                table.add_row(escape(metric), *(_last(run.last.get(metric)) for run in (self.a, self.b)))
            out.print(table)
        _print_part("provenance", self.provenance, "not recorded for both")


def of_runs(store: Store, a: tuple[PlannedPlace, ...], b: tuple[PlannedPlace, ...]) -> Runs:
    """Compare two runs of the store."""
    packs = {pack.pack_id: pack for pack in store.packs()}
    series = store.series({a[0].run_id, b[0].run_id}).drop_nulls("value")

    def run(places: tuple[PlannedPlace, ...]) -> Run:
        attempt = store.attempt(places[0].run_id)
        mine = series.filter(run_id=places[0].run_id).unique("metric", keep="last", maintain_order=True)
        last = {row["metric"]: (row["step"], row["value"]) for row in mine.sort("metric").iter_rows(named=True)}
        return Run(places, attempt, packs.get(attempt.pack_id) if attempt else None, last)

    return Runs(run(a), run(b))


def _print_part(title: str, rows: tuple[Difference, ...] | None, unknown: str) -> None:
    if rows:
        print_differences(title, rows)
    else:
        out.print(f"{title}: {unknown if rows is None else 'the same in every field'}")


def _fact(name: str, value: Any) -> str:
    if value is None:
        return "has not ended" if name == "status" else "–"
    if name == "seconds":
        return f"{value:.3g} s" if value < 10 else duration(value)
    return escape(str(value))


def _last(found: tuple[int, float] | None) -> str:
    return "–" if found is None else f"{found[1]:.6g} at {found[0]:,}"


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
