"""``claims`` and ``reference``: what the grid says before it runs, with every variant found by its label.

- {that: relu, is: worse, than: base}                          also better
- {that: no_history, is: equivalent, to: base, margin: 0.02}   margin: here or at the top of the grid
- {that: base, is: below, value: 1.9}                          also above
- {order: [base, relu, tanh], rank_correlation: 0.8}           listed from best to worst
"""

from collections.abc import Mapping
from typing import Any

from ablate.core import describe, did_you_mean

from .problems import Problems
from .references import ReferenceProblem, References
from .tree import Tree

_COMPARED = ("better", "worse", "equivalent")
_THRESHOLD = ("below", "above")
_SHAPES = (
    "{that: VARIANT, is: better | worse, than: VARIANT}, {that: VARIANT, is: equivalent, to: VARIANT, margin: NUMBER}, "
    "{that: VARIANT, is: below | above, value: NUMBER} or {order: [VARIANT, ...], rank_correlation: NUMBER}"
)


def read_claims(tree: Tree, margin: float | None, problems: Problems) -> tuple[dict[str, Any], ...]:
    """The claims as written, their form checked; what is wrong goes to `problems`.

    Args:
        tree: what stands after ``claims``.
        margin: the grid's own margin, which a claim of equivalence may rely on.
        problems: receives what is wrong.
    """
    if tree.content is not None and not isinstance(tree.content, list):
        message = f"expected a list of claims, got {describe(tree.plain())}; begin each with '- '"
        problems.add(message, "wrong-type", "claims", tree.at)
    for i, claim in enumerate(tree.items()):
        _Form(claim, f"claims[{i}]", problems).check(margin)
    return tuple(claim.plain() for claim in tree.items())


def resolve_claims(claims: Tree, references: References, problems: Problems) -> tuple[dict[str, Any], ...]:
    """The claims with each variant by its label; always ``than`` after better and worse, ``to`` after equivalent."""
    return tuple(_resolved(claim, f"claims[{i}]", references, problems) for i, claim in enumerate(claims.items()))


def read_reference(tree: Tree, problems: Problems) -> dict[str, Any] | None:
    """The published numbers as written, their form checked."""
    if tree.content is None:
        return None
    form = _Form(tree, "reference", problems)
    if not form.is_mapping("{source: TEXT, values: {VARIANT: NUMBER}}"):
        return None
    form.keys(("source", "metric", "values"), required=("values",))
    form.text("source")
    form.text("metric")
    values = form.entries.get("values")
    if values is not None:
        if not values.mapping():
            problems.add("expected a mapping of variants to numbers", "wrong-type", "reference.values", values.at)
        for name, value in values.mapping().items():
            _number(value, f"reference.values.{name}", problems)
    return {str(key): value.plain() for key, value in form.entries.items()}


def resolve_reference(tree: Tree, references: References, problems: Problems) -> dict[str, Any] | None:
    """The published numbers by variant label: ``{source, metric, values}``."""
    if tree.content is None:
        return None
    entries = tree.mapping()
    values: dict[str, float] = {}
    for name, value in entries["values"].mapping().items():
        where = f"reference.values.{name}"
        label = _find(Tree(name, value.key_at or value.at), where, references, problems)
        if label in values:
            problems.add(f"a second number for the variant {label}; keep one", "bad-reference", where, value.key_at)
        values[label] = float(value.plain())
    text = {key: str(entries[key].plain()) if key in entries else "" for key in ("source", "metric")}
    return {**text, "values": values}


class _Form:
    """Checks the shape of one mapping."""

    def __init__(self, tree: Tree, where: str, problems: Problems) -> None:
        self.tree = tree
        self.entries = tree.mapping()
        self.where = where
        self.problems = problems

    def check(self, margin: float | None) -> None:
        """Check a claim."""
        if not self.is_mapping(_SHAPES):
            return
        if "order" in self.entries:
            self.keys(("order", "rank_correlation"), required=("rank_correlation",))
            self._order()
            return
        verb = self.entries.get("is")
        if verb is None or "that" not in self.entries:
            self.problems.add(f"a claim has one of the forms {_SHAPES}", "missing-field", self.where, self.tree.at)
            return
        word = verb.plain()
        if word in _THRESHOLD:
            self.keys(("that", "is", "value"), required=("value",))
            if "value" in self.entries:
                _number(self.entries["value"], f"{self.where}.value", self.problems)
        elif word in _COMPARED:
            self._comparison(str(word), margin)
        else:
            message = f"expected one of {', '.join((*_COMPARED, *_THRESHOLD))}, got {describe(word)}"
            self.problems.add(message, "bad-value", f"{self.where}.is", verb.at)

    def _comparison(self, word: str, margin: float | None) -> None:
        usual = "to" if word == "equivalent" else "than"
        self.keys(("that", "is", "than", "to", "margin"), required=())
        others = [key for key in ("than", "to") if key in self.entries]
        if len(others) != 1:
            message = f"one other variant is needed: write {usual}: VARIANT"
            self.problems.add(message, "missing-field", self.where, self.tree.at)
        own = self.entries.get("margin")
        if own is not None:
            value = _number(own, f"{self.where}.margin", self.problems)
            if value is not None and value <= 0:
                message = f"the margin must be above 0, got {value}"
                self.problems.add(message, "bad-value", f"{self.where}.margin", own.at)
        elif word == "equivalent" and margin is None:
            message = "nothing is equivalent without a margin; write margin: NUMBER here or at the top of the grid"
            self.problems.add(message, "missing-field", self.where, self.tree.at)

    def _order(self) -> None:
        order = self.entries["order"]
        if len(order.items()) < 3:
            message = (
                "expected a list of at least 3 variants, from best to worst; for 2 write {that: A, is: better, than: B}"
            )
            self.problems.add(message, "bad-value", f"{self.where}.order", order.at)
        limit = self.entries.get("rank_correlation")
        value = _number(limit, f"{self.where}.rank_correlation", self.problems) if limit else None
        if limit and value is not None and not -1 <= value <= 1:
            message = f"a rank correlation is from -1 to 1, got {value}"
            self.problems.add(message, "bad-value", f"{self.where}.rank_correlation", limit.at)

    def is_mapping(self, shapes: str) -> bool:
        if not self.entries:
            message = f"expected {shapes}, got {describe(self.tree.plain())}"
            self.problems.add(message, "wrong-type", self.where, self.tree.at)
        return bool(self.entries)

    def keys(self, allowed: tuple[str, ...], *, required: tuple[str, ...]) -> None:
        for key, value in self.entries.items():
            if key not in allowed:
                message = f"no such key here; {did_you_mean(key, allowed)}"
                self.problems.add(message, "unknown-key", f"{self.where}.{key}", value.key_at)
        for key in required:
            if key not in self.entries:
                self.problems.add(f"{key} is missing", "missing-field", self.where, self.tree.at)

    def text(self, key: str) -> None:
        value = self.entries.get(key)
        if value is not None and not isinstance(value.content, str):
            message = f"expected a text, got {describe(value.plain())}"
            self.problems.add(message, "wrong-type", f"{self.where}.{key}", value.at)


def _number(tree: Tree, where: str, problems: Problems) -> float | None:
    value = tree.content
    if isinstance(value, bool) or not isinstance(value, int | float):
        problems.add(f"expected a number, got {describe(tree.plain())}", "wrong-type", where, tree.at)
        return None
    return value


def _find(tree: Tree, where: str, references: References, problems: Problems) -> str:
    try:
        return references.find(tree.plain())
    except ReferenceProblem as error:
        problems.add(str(error), error.code, where, tree.at)
        return f"unknown at {tree.at}"


def _resolved(claim: Tree, where: str, references: References, problems: Problems) -> dict[str, Any]:
    entries: Mapping[str, Tree] = claim.mapping()
    if "order" in entries:
        items = entries["order"].items()
        order = [_find(item, f"{where}.order[{i}]", references, problems) for i, item in enumerate(items)]
        twice = sorted({label for label in order if order.count(label) > 1})
        if twice:
            message = f"{', '.join(twice)} appears twice; keep one"
            problems.add(message, "bad-reference", f"{where}.order", entries["order"].at)
        return {"order": order, "rank_correlation": entries["rank_correlation"].plain()}
    verb = entries["is"].plain()
    resolved: dict[str, Any] = {"that": _find(entries["that"], f"{where}.that", references, problems), "is": verb}
    if verb in _THRESHOLD:
        return {**resolved, "value": entries["value"].plain()}
    written = "than" if "than" in entries else "to"
    other = _find(entries[written], f"{where}.{written}", references, problems)
    if other == resolved["that"]:
        message = f"the claim compares {other} with itself; name another variant"
        problems.add(message, "bad-reference", where, claim.at)
    resolved["to" if verb == "equivalent" else "than"] = other
    if "margin" in entries:
        resolved["margin"] = entries["margin"].plain()
    return resolved
