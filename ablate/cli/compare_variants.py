"""``ablate compare`` of two variants of one grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ablate.store import Difference, PlanRecord, Store, VariantRecord, differences

from .compare_tables import pairs_of, print_differences, print_scores, print_sides
from .console import out

if TYPE_CHECKING:
    from ablate.analysis import Pair


@dataclass(frozen=True)
class Variants:
    """Two variants of one grid."""

    plan: PlanRecord
    a: VariantRecord
    b: VariantRecord
    configs: dict[str, tuple[Difference, ...]]
    """Context -> fields of the resolved configurations that differ."""
    same_program: bool | None
    """Whether their lanes may share packs in every context; None if that was not recorded."""
    pairs: "dict[str, Pair]"
    """By context."""

    def to_plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "kind": "variants",
            "grid": self.plan.name,
            "a": _side(self.a),
            "b": _side(self.b),
            "config": {context: [one.to_plain() for one in rows] for context, rows in self.configs.items()},
            "same_program": self.same_program,
            "metric": self.plan.metric.model_dump(),
            "scores": {context: asdict(pair) for context, pair in self.pairs.items()},
        }

    def show(self) -> None:
        """Print it."""
        from ablate.analysis import describe_pair

        print_sides(self.a.label, self.b.label)
        for rows, contexts in _grouped(self.configs):
            print_differences(f"configuration{_in(contexts)}", rows)
        if self.configs and not any(self.configs.values()):
            out.print("configuration: the same in every field")
        if not self.configs:
            out.print("configuration: not known before the tuned settings are chosen")
        out.print(f"parameters: {_number(self.a.parameters)} and {_number(self.b.parameters)}")
        words = {
            True: "shared; their runs train as lanes of the same packs",
            False: "not shared; each has its own packs",
            None: "not known before the grid is run",
        }
        out.print(f"program: {words[self.same_program]}")
        if not self.pairs:
            out.print("scores: none yet in this store")
            return
        print_scores(self.pairs, self.plan.metric)
        for context, pair in self.pairs.items():
            text = f"{describe_pair(pair, self.plan.metric)}\nverdict: {pair.words}"
            out.print(f"{context}: {text}" if context else text, markup=False, soft_wrap=True)
        if any(pair.comparison.p is not None for pair in self.pairs.values()):
            out.print("The p value is of this one comparison; the report adjusts for all variants of the grid.")


def of_variants(store: Store, plan: PlanRecord, a: str, b: str) -> Variants:
    """Compare two variants of a grid by their labels."""
    first, second = (next(one for one in plan.variants if one.label == label) for label in (a, b))
    contexts = [context for context in plan.contexts if context in first.contexts and context in second.contexts]
    signatures = [(first.signatures.get(context), second.signatures.get(context)) for context in contexts]
    known = signatures and all(one and two for one, two in signatures)
    return Variants(
        plan=plan,
        a=first,
        b=second,
        configs={context: differences(first.contexts[context], second.contexts[context]) for context in contexts},
        same_program=all(one == two for one, two in signatures) if known else None,
        pairs=pairs_of(store, plan, plan, {context: ((a, context), (b, context)) for context in contexts}),
    )


def _side(variant: VariantRecord) -> dict[str, Any]:
    return {"label": variant.label, "parameters": variant.parameters, "signatures": variant.signatures}


def _grouped(configs: Mapping[str, tuple[Difference, ...]]) -> Iterator[tuple[tuple[Difference, ...], list[str]]]:
    """Equal differences once, with the contexts that have them."""
    left = dict(configs)
    while left:
        rows = next(iter(left.values()))
        contexts = [context for context, others in left.items() if others == rows]
        yield rows, contexts
        left = {context: others for context, others in left.items() if context not in contexts}


def _in(contexts: Sequence[str]) -> str:
    return f" in {', '.join(contexts)}" if any(contexts) else ""


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
