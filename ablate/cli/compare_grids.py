"""``ablate compare`` of two grids."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablate.store import PlanDifference, PlanRecord, Store, plan_difference

from .compare_tables import pairs_of, print_differences, print_labels, print_scores, print_sides
from .console import out

if TYPE_CHECKING:
    from ablate.analysis import Pair


@dataclass(frozen=True)
class Grids:
    """Two grids."""

    a: PlanRecord
    b: PlanRecord
    difference: PlanDifference
    pairs: "dict[str, Pair]"
    """Shared variants with results on a side, by a name with the context."""
    comparable: bool
    """Whether both rank by the same score."""

    def to_plain(self) -> dict[str, Any]:
        """As JSON data."""
        found = self.difference
        return {
            "kind": "grids",
            "a": {"path": self.a.path, "runs": found.runs_a},
            "b": {"path": self.b.path, "runs": found.runs_b},
            "settings": [one.to_plain() for one in found.settings],
            "base": None if found.base is None else [one.to_plain() for one in found.base],
            "axes": [one.to_plain() for one in found.axes],
            "variants": {
                "shared": [asdict(one) for one in found.shared],
                "only_a": list(found.only_a),
                "only_b": list(found.only_b),
            },
            "shared_runs": list(found.shared_runs),
            "scores": {name: asdict(pair) for name, pair in self.pairs.items()},
        }

    def show(self) -> None:
        """Print it."""
        found = self.difference
        print_sides(*(f"{plan.path}  {plan.question}" for plan in (self.a, self.b)))
        print_differences("settings", found.settings)
        print_differences("base", found.base or ())
        if found.base is None:
            out.print("base: not known before the tuned settings are chosen")
        print_differences("axes", found.axes)
        other = [one.a for one in found.shared if one.same is False]
        out.print(f"variants: {len(found.shared)} in both", markup=False, soft_wrap=True)
        print_labels("with another configuration", other)
        print_labels("under two labels", [f"{one.a} = {one.b}" for one in found.shared if one.a != one.b])
        print_labels("only in A", found.only_a)
        print_labels("only in B", found.only_b)
        shared = len(found.shared_runs)
        out.print(
            f"runs: {found.runs_a:,} in A, {found.runs_b:,} in B, {shared:,} of them shared"
            f"{': in one store they are trained once' if shared else ''}"
        )
        if not self.comparable:
            out.print("scores: not compared, since the grids do not rank by the same score")
        elif self.pairs:
            print_scores(self.pairs, self.a.metric)
            out.print("Positive: the variant is better in A.")
        else:
            out.print("scores: no shared variant has results in this store yet")


def of_grids(store: Store, a: str, b: str) -> Grids:
    """Compare two grid files, expanded and resolved.

    Raises:
        GridError: one of them is wrong.
    """
    from ablate.plan import make_plan

    first, second = (make_plan(Path(path), store).record for path in (a, b))
    found = plan_difference(first, second)
    same = ("name", "goal", "at")
    comparable = all(getattr(first.metric, name) == getattr(second.metric, name) for name in same)
    names = {
        f"{one.a} | {context}" if context else one.a: ((one.a, context), (one.b, context))
        for one in found.shared
        for context in first.contexts
        if context in second.contexts
    }
    pairs = pairs_of(store, first, second, names) if comparable else {}
    return Grids(first, second, found, pairs, comparable)
