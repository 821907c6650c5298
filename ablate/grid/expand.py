"""From a grid to its variants and contexts: ``base + ablate + (grid x zip x when) + include - exclude``."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import Any

from ablate.core import ErrorCode, GridError, Problem

from .claims import resolve_claims, resolve_reference
from .combinations import make_candidates, make_contexts
from .conditions import Condition
from .expansion import Counts, Expansion, Variant
from .expressions import ExpressionError
from .labels import Labels
from .naming import SAME_NAME, Kept, given_name, name_all, place
from .paths import BlockedPathError, put_all
from .problems import Problems
from .references import References
from .schema import Grid
from .sections import Alternative, Draft, Product, When
from .settings import Settler

MAX_VARIANTS = 1_000_000
MAX_CONTEXTS = 10_000
MAX_CANDIDATES = 10_000

_SAME: ErrorCode = "duplicate-variant"
_NO_MATCH: ErrorCode = "no-match"

_Tokens = tuple[int, ...]


def expand(grid: Grid) -> Expansion:
    """Every variant and context of a grid, each once.

    Raises:
        GridError: with every mistake that shows only now: a claim about an unknown variant, two variants with the
            same name, a condition that cannot be worked out, a path through a number, too many variants.
    """
    _check_size(grid)
    return _Expander(grid).run()


def _check_size(grid: Grid) -> None:
    sections = grid.sections
    variants = _size(sections.grid, sections.zip)
    contexts = prod(map(len, sections.across))
    candidates = prod(map(len, grid.tuning.axes)) if grid.tuning else 0
    limits = (
        ("grid", variants, MAX_VARIANTS),
        ("across", contexts, MAX_CONTEXTS),
        ("tune.axes", candidates, MAX_CANDIDATES),
    )
    for key, count, limit in limits:
        if count > limit:
            message = f"the product has {count:,} members, more than {limit:,}; use fewer values or `ablate`"
            raise GridError(Problem(message, "too-large", key, grid.locate(key, key=True)))


def _size(products: tuple[Product, ...], zipped: Product) -> int:
    if not products and not zipped:
        return 0
    return sum(prod(map(len, axes)) for axes in products or ((),)) * prod(map(len, zipped))


@dataclass(slots=True)
class _Watch:
    """A condition and what it met so far."""

    condition: Condition
    met: bool = False
    broken: bool = False


@dataclass(slots=True)
class _Same:
    """The variants of one place that coincide with those of another."""

    draft: Draft
    tokens: _Tokens
    count: int = 0


class _Expander:
    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.sections = grid.sections
        self.problems = Problems()
        self.warnings: list[Problem] = []
        choices = [*self.sections.variant_choices(), *self.sections.context_choices()]
        self.labels = Labels(grid.base, ((choice.path, choice.value) for choice in choices))
        self.contexts = make_contexts(grid, self.labels, self.problems, self.warnings)
        self.candidates = make_candidates(grid, self.problems, self.warnings)
        self.problems.check()
        self.settler = Settler(
            [put_all(grid.base, context.changes.items()) for context in self.contexts],
            {choice.path for choice in self.sections.context_choices()},
            self.sections.variant_choices(),
            self.labels,
            self.problems,
        )
        self.exclude = [_Watch(condition) for condition in self.sections.exclude]
        self.when = [(_Watch(when.condition), when) for when in self.sections.when]
        watches = [*self.exclude, *(watch for watch, _ in self.when)]
        self.fields = {path: self.settler.lookup(path) for watch in watches for path, _ in watch.condition.fields}
        for watch in watches:
            self.check_fields(watch.condition)
        self.problems.check()
        self.kept: dict[_Tokens, Kept] = {}
        self.same: dict[tuple[str, str], _Same] = {}
        self.names: list[tuple[Draft, _Tokens]] = []
        self.product = self.excluded = self.duplicates = 0

    def check_fields(self, condition: Condition) -> None:
        for path, at in condition.fields:
            wrong = self.settler.unknown(path)
            if wrong:
                self.problems.add(wrong, "unknown-path", condition.where, at)

    def drafts(self) -> Iterator[Draft]:
        """Every variant but the base, before exclusions."""
        yield from self.sections.ablate
        if self.sections.grid or self.sections.zip:
            single = len(self.sections.grid) <= 1
            for i, axes in enumerate(self.sections.grid or ((),)):
                where = ("grid" if axes else "zip") if single else f"grid[{i}]"
                for members in product(*axes, *self.sections.zip):
                    self.product += 1
                    for choices in self.extended(tuple(chain.from_iterable(members))):
                        yield Draft(choices, None, where)
        yield from self.sections.include

    def extended(self, choices: Alternative) -> Iterator[Alternative]:
        """A member of the product with the conditional axes that it has."""
        rows = [choices]
        for watch, when in self.when:
            rows = [longer for row in rows for longer in self.extended_by(row, watch, when)]
        yield from rows

    def extended_by(self, row: Alternative, watch: _Watch, when: When) -> Iterator[Alternative]:
        if not self.holds(watch, row):
            yield row
            return
        taken = {choice.path for choice in row}
        for axes in when.products:
            for choice in (axis[0][0] for axis in axes):
                if choice.path in taken:
                    message = "this axis belongs to variants that already have one for the same path; keep one"
                    self.problems.add(message, "bad-value", choice.where, choice.axis_at)
                    self.problems.check()
            for members in product(*axes):
                yield (*row, *chain.from_iterable(members))

    def holds(self, watch: _Watch, choices: Alternative) -> bool:
        """Whether a condition matches a variant; one that cannot be worked out is reported once."""
        if watch.broken:
            return False
        try:
            holds = watch.condition.holds(self.settler.view(choices, self.fields))
        except BlockedPathError:
            return False
        except ExpressionError as error:
            watch.broken = True
            label = ", ".join(self.labels.part(choice.path, choice.value) for choice in choices) or "base"
            message = f"{error} (variant {label})"
            self.problems.add(message, "bad-expression", watch.condition.where, watch.condition.at)
            return False
        watch.met = watch.met or holds
        return holds

    def is_excluded(self, draft: Draft) -> bool:
        by: Condition | None = None
        for watch in self.exclude:
            if (by is None or not watch.met) and self.holds(watch, draft.choices):
                by = by or watch.condition
        if by is not None and draft.name is not None:
            message = f"{draft.name} is taken out by {by.where}"
            related = (("the condition", by.at),)
            at = place(draft, self.grid.tree)
            self.warnings.append(Problem(message, _NO_MATCH, draft.where, at, related))
        return by is not None

    def collect(self) -> None:
        """Go through all drafts, and keep those that are neither excluded nor the same as another."""
        for i, draft in enumerate(self.drafts()):
            if i >= MAX_VARIANTS:
                message = f"the grid has more than {MAX_VARIANTS:,} variants; use fewer values"
                at = self.grid.locate(draft.where, key=True)
                raise GridError(Problem(message, "too-large", draft.where, at))
            settings = self.settler.settle(draft.choices)
            tokens = tuple(sorted(setting.token for setting in settings if setting.changes))
            present = self.kept.get(tokens)
            if tokens and self.exclude and self.is_excluded(draft):
                self.excluded += 1
            elif tokens and present is None:
                self.kept[tokens] = Kept(draft, tuple(setting for setting in settings if setting.changes))
            else:
                self.duplicates += 1
                key = (draft.where, present.draft.where if present else "base")
                self.same.setdefault(key, _Same(draft, tokens)).count += 1
                if given_name(draft):
                    self.names.append((draft, tokens))

    def run(self) -> Expansion:
        self.collect()
        self.problems.check()
        kept = list(self.kept.values())
        labels = dict(zip(self.kept, name_all(kept, self.labels, self.grid.tree, self.problems), strict=True))
        labels[()] = "base"
        aliases = self.make_aliases(labels)
        variants = (
            Variant("base", {}, True, ()),
            *(
                Variant(labels[tokens], dict(one.changes), False, one.draft.choices)
                for tokens, one in self.kept.items()
            ),
        )
        self.problems.check()
        references = References(variants, aliases, self.grid.base, self.labels.value)
        claims, reference = self.resolve(references)
        self.warn(labels)
        return Expansion(
            grid=self.grid,
            variants=variants,
            contexts=self.contexts,
            candidates=self.candidates,
            warnings=tuple(self.warnings),
            counts=self.count(len(variants)),
            claims=claims,
            reference=reference,
            references=references,
        )

    def make_aliases(self, labels: dict[_Tokens, str]) -> dict[str, str]:
        """The names of variants that were not kept -> the label of the one that was."""
        aliases: dict[str, str] = {}
        taken = set(labels.values())
        for draft, tokens in self.names:
            name, label = given_name(draft) or "", labels[tokens]
            if name != label and (name in taken or aliases.get(name, label) != label):
                message = f"two different variants are called {name!r}; give one of them another name"
                self.problems.add(message, SAME_NAME, draft.where, place(draft, self.grid.tree))
            elif name != label:
                aliases[name] = label
        return aliases

    def resolve(self, references: References) -> tuple[tuple[dict[str, Any], ...], dict[str, Any] | None]:
        """The claims and the published numbers, with every variant by its label."""
        claims = self.grid.tree.mapping().get("claims")
        published = self.grid.tree.mapping().get("reference")
        resolved = resolve_claims(claims, references, self.problems) if claims else ()
        reference = resolve_reference(published, references, self.problems) if published else None
        self.problems.check()
        return resolved, reference

    def warn(self, labels: dict[_Tokens, str]) -> None:
        """Say what is allowed but probably not meant."""
        tree = self.grid.tree
        for same in self.same.values():
            label = labels[same.tokens]
            message = (
                f"this variant is the same as {label}; it is kept once"
                if same.count == 1
                else f"{same.count} variants here are the same as others, one as {label}; each is kept once"
            )
            other = self.kept.get(same.tokens)
            at = place(other.draft, tree) if other else tree.locate(f"base.{same.draft.choices[0].path}")
            related = (("the same configuration", at),)
            self.warnings.append(Problem(message, _SAME, same.draft.where, place(same.draft, tree), related))
        for watch in self.exclude:
            if not watch.met:
                message = "this matches no variant"
                if self.holds(watch, ()):
                    message += "; it matches the base, which is never excluded"
                self.warnings.append(Problem(message, _NO_MATCH, watch.condition.where, watch.condition.at))
        for watch, when in self.when:
            if not watch.met:
                message = "no variant of `grid` matches, so these axes are not used"
                if not self.product:
                    message = "there is no `grid` or `zip` that these axes could extend, so they are not used"
                self.warnings.append(Problem(message, _NO_MATCH, when.where, when.at))

    def count(self, variants: int) -> Counts:
        zipped = prod(map(len, self.sections.zip))
        base, ablate, include = 1, len(self.sections.ablate), len(self.sections.include)
        when = variants + self.excluded + self.duplicates - base - ablate - include - self.product
        tuning_seeds = len(self.grid.tuning.seeds) if self.grid.tuning else 0
        return Counts(
            base=base,
            ablate=ablate,
            grid=self.product // zipped,
            zip=zipped,
            when=when,
            include=include,
            excluded=self.excluded,
            duplicates=self.duplicates,
            variants=variants,
            contexts=len(self.contexts),
            seeds=len(self.grid.seeds),
            runs=variants * len(self.contexts) * len(self.grid.seeds),
            candidates=len(self.candidates),
            tuning_seeds=tuning_seeds,
            tuning_runs=variants * len(self.contexts) * len(self.candidates) * tuning_seeds,
        )
