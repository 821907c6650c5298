"""The ranking as rows of text: what each cell shows, and what it sorts by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ablate.analysis.types import Analysis, Ranked, ReferenceResult
from ablate.store.schema import PlanRecord

from . import numbers
from .charts import strip
from .verdicts import VERDICTS, Sign

Key = float | str | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a first line, a quieter second line, and the key by which its column sorts."""

    name: str
    text: str
    sub: str = ""
    key: Key = None
    alarm: bool = False
    """The second line tells of runs that failed."""

    @property
    def sort(self) -> str:
        """The key as an attribute; empty sorts last."""
        if isinstance(self.key, float) and not math.isfinite(self.key):
            return ""
        if isinstance(self.key, float):
            return f"{self.key:.10g}"
        return "" if self.key is None else str(self.key)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    name: str
    title: str
    note: str = ""
    """A second, quieter line of the header."""
    numeric: bool = True
    sorts: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One variant in one context."""

    index: int
    """Position in ``Analysis.ranking``."""
    variant: str
    changes: tuple[tuple[str, str, str], ...]
    """(dotted path, the baseline's value or nothing, the variant's value)."""
    sign: Sign
    words: tuple[str, str]
    """The verdict in a word, and the rest of what the analysis says about it."""
    could_be_best: bool
    baseline: bool
    strip: Markup
    cells: tuple[Cell, ...]

    def cell(self, name: str) -> Cell:
        """The cell of a column."""
        return next(cell for cell in self.cells if cell.name == name)


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one context; the baseline first, then as ranked."""

    context: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Styles:
    """How the numbers of one context are written."""

    mean: numbers.Style
    effect: numbers.Style
    reference: numbers.Style


def styles(rows: Sequence[Ranked]) -> Styles:
    """The styles of the columns of one context, from the widths of its intervals."""
    widths = [(row.interval.high - row.interval.low) / 2 for row in rows if row.interval is not None]
    effects = [row.improvement for row in rows]
    means = [row.mean for row in rows]
    if not widths:
        widths = [row.sd for row in rows if row.sd]
    return Styles(
        mean=numbers.style_for(means, widths, digits=4),
        effect=numbers.style_for(effects, widths, digits=3),
        reference=numbers.given(row.reference for row in rows),
    )


def contexts(analysis: Analysis) -> list[tuple[str, list[Ranked]]]:
    """(context, its rows) in the order of the analysis."""
    return [(context, list(rows)) for context, rows in groupby(analysis.ranking, key=lambda row: row.context)]


def columns(analysis: Analysis, plan: PlanRecord) -> tuple[Column, ...]:
    """The columns that have something to say about this grid."""
    level = next((row.interval.level for row in analysis.ranking if row.interval), 1 - plan.report.alpha)
    some = [
        Column("rank", "Rank", "interval"),
        Column("variant", "Variant", "what differs from the baseline", numeric=False),
        Column("verdict", "Verdict", numeric=False),
        Column("mean", "Mean", plan.metric.name),
        Column("effect", "\u0394", f"{numbers.percent(level)} {interval_kind(analysis)}"),
        Column("p", "p", _p_note(analysis)),
        Column("q", "q", "false discoveries"),
        Column("n", "n", "seeds"),
        Column("wins", "Wins"),
        Column("seeds", "Seeds", "worse \u2190 \u2192 better", numeric=False, sorts=False),
    ]
    if any(row.reference is not None for row in analysis.ranking):
        some.append(Column("reference", "Published"))
    if len({row.parameters for row in analysis.ranking} - {None}) > 1 or "params" in plan.report.columns:
        some.append(Column("params", "Params"))
    if "flops" in plan.report.columns and any(row.flops is not None for row in analysis.ranking):
        some.append(Column("flops", "FLOP", "per update"))
    if any(row.step_ms is not None for row in analysis.ranking):
        some.append(Column("step", "Step", "ms"))
    if any(speed for speed in speed_ups(analysis).values()):
        some.append(Column("speed", "Speed-up", "in steps"))
    return tuple(some)


def correction(analysis: Analysis) -> str:
    """What makes the p values allow for the number of variants: ``Holm``, ``Dunnett``, or both."""
    tests = {row.test == "Dunnett" for row in analysis.ranking if row.test}
    return "Holm or Dunnett" if len(tests) > 1 else "Dunnett" if True in tests else "Holm"


def interval_kind(analysis: Analysis) -> str:
    """``interval``, or ``simultaneous interval`` where Dunnett's test made all of them."""
    kinds = {row.interval.simultaneous for row in analysis.ranking if row.interval}
    if True not in kinds:
        return "interval"
    return "simultaneous interval" if kinds == {True} else "interval, simultaneous by Dunnett"


def difference(analysis: Analysis) -> str:
    """``paired difference``, or ``difference of the means`` where no variant is paired with the baseline."""
    compared = [row for row in analysis.ranking if row.verdict != "baseline" and row.n]
    apart = compared and not any(row.paired for row in compared)
    return "difference of the means" if apart else "paired difference"


def _p_note(analysis: Analysis) -> str:
    shared = any(row.shared and row.test != "Dunnett" for row in analysis.ranking)
    return correction(analysis) + (", shared noise" if shared else "")


def groups(analysis: Analysis, plan: PlanRecord) -> tuple[Group, ...]:
    """The whole table."""
    made = []
    shared, mixed = any(row.shared for row in analysis.ranking), correction(analysis) == "Holm or Dunnett"
    speeds = speed_ups(analysis)
    timed = len({name for one in (analysis.cost.contexts if analysis.cost else ()) for name in one.hardware}) < 2
    index = {id(row): number for number, row in enumerate(analysis.ranking)}
    for context, rows in contexts(analysis):
        base = next((variant for variant in plan.variants if variant.is_base), None)
        config = base.contexts.get(context, {}) if base else {}
        axis = strip.scale(rows, maximize=plan.metric.goal == "maximize")
        pinned = sorted(rows, key=lambda row: row.verdict != "baseline")
        style = styles(rows)
        first = pinned[0] if pinned[0].verdict == "baseline" else None
        besides = [_Beside(first, speeds.get((row.variant, context)), timed, shared, mixed) for row in pinned]
        lines = zip(pinned, besides, strict=True)
        made.append(
            Group(context, tuple(_row(row, index[id(row)], style, config, axis, beside) for row, beside in lines))
        )
    return tuple(made)


def reference_rows(result: ReferenceResult) -> list[tuple[str, str, str]]:
    """(variant, published value, our mean) as text."""
    theirs = numbers.given(row[1] for row in result.rows)
    ours = numbers.style_for([row[2] for row in result.rows], [], digits=4)
    return [(variant, theirs.text(published), ours.text(mean)) for variant, published, mean in result.rows]


def tally(analysis: Analysis) -> list[tuple[Sign, int]]:
    """How many variants got each verdict, in the order of `VERDICTS`, without the baselines."""
    counts = [(sign, sum(row.verdict == verdict for row in analysis.ranking)) for verdict, sign in VERDICTS.items()]
    return [(sign, count) for sign, count in counts if count and sign is not VERDICTS["baseline"]]


@dataclass(frozen=True, slots=True)
class _Beside:
    """What a row is set beside."""

    base: Ranked | None
    """The baseline of its context."""
    speed: float | None
    timed: bool
    """Whether times can be compared."""
    shared: bool
    """Whether some row shares its noise."""
    mixed: bool
    """Whether some p values are Dunnett's and others not."""


def speed_ups(analysis: Analysis) -> dict[tuple[str, str], float | None]:
    """(variant, context) -> how many times sooner it is where the baseline ends; without the baselines."""
    costs = analysis.cost.contexts if analysis.cost else ()
    return {(row.variant, one.context): row.speed_up for one in costs for row in one.rows if row.verdict != "baseline"}


def _times(value: float | None, base: float | None) -> str:
    """``1.25×`` of the baseline; nothing where it is the same."""
    if value is None or not base or abs(value - base) <= 0.005 * base:
        return ""
    return f"{value / base:.3g}×"


def _row(
    row: Ranked, index: int, style: Styles, config: Mapping[str, Any], axis: strip.Scale | None, beside: _Beside
) -> Row:
    base = beside.base or row
    pace = _times(row.step_ms, base.step_ms) if beside.timed else ""
    baseline = row.verdict == "baseline"
    return Row(
        index=index,
        variant=row.variant,
        changes=tuple((path, _value_at(config, path), value) for path, value in row.changes),
        sign=VERDICTS[row.verdict],
        words=split_words(row.words, VERDICTS[row.verdict]),
        could_be_best=row.could_be_best,
        baseline=baseline,
        strip=strip.draw(row, axis) if axis else Markup('<span class="absent">\u2013</span>'),
        cells=(
            _rank(row),
            Cell("variant", row.variant, key=row.variant),
            Cell("verdict", row.words, key=f"{list(VERDICTS).index(row.verdict)} {row.words}"),
            Cell(
                "mean",
                style.mean.text(row.mean),
                f"sd {style.mean.text(row.sd)}" if row.sd is not None else "",
                row.mean,
            ),
            Cell("effect", numbers.ABSENT, key=0.0) if baseline else _effect(row, style),
            Cell("p", numbers.p_value(row.p_adjusted), _p_sub(row, beside), row.p_adjusted),
            Cell("q", numbers.p_value(row.q), key=row.q),
            _count(row),
            _wins(row, baseline),
            Cell("reference", style.reference.text(row.reference), key=row.reference),
            Cell("params", numbers.si(row.parameters), _times(row.parameters, base.parameters), row.parameters),
            Cell("flops", numbers.si(row.flops), _times(row.flops, base.flops), row.flops),
            Cell("step", numbers.plain(row.step_ms, 3), pace, row.step_ms),
            Cell("speed", numbers.speed_up(beside.speed), key=beside.speed),
        ),
    )


def split_words(words: str, sign: Sign) -> tuple[str, str]:
    """("undecided", "about 6 more seeds") from "undecided (about 6 more seeds)": the word and the rest."""
    for head in (sign.word, words.split(" (", 1)[0]):
        if words.startswith(head) and words != head:
            rest = words[len(head) :].strip(" :,;")
            inside = rest.startswith("(") and rest.endswith(")") and rest.count("(") == 1
            return head, rest[1:-1] if inside else rest
    return words, ""


def _p_sub(row: Ranked, beside: _Beside) -> str:
    """Which test it is, where the head of the column does not say it of every row."""
    if row.test == "Dunnett":
        return "Dunnett" if beside.mixed else ""
    return "own noise" if beside.shared and not row.shared and row.p is not None else ""


def _rank(row: Ranked) -> Cell:
    if row.rank is None:
        return Cell("rank", numbers.ABSENT)
    span = f"{row.rank_low}\u2013{row.rank_high}" if row.rank_low != row.rank_high else ""
    return Cell("rank", str(row.rank), span if row.rank_low is not None else "", float(row.rank))


def _effect(row: Ranked, style: Styles) -> Cell:
    interval = ""
    if row.interval is not None:
        interval = f"{style.effect.text(row.interval.low)} to {style.effect.text(row.interval.high)}"
    return Cell("effect", style.effect.text(row.improvement, sign=True), interval, row.improvement)


def _count(row: Ranked) -> Cell:
    parts = [
        f"{number} {word}"
        for number, word in ((row.diverged, "diverged"), (row.failed, "failed"), (row.missing, "missing"))
        if number
    ]
    if not row.paired and row.n:
        parts.append("unpaired")
    return Cell("n", str(row.n), ", ".join(parts), float(row.n), alarm=row.diverged + row.failed > 0)


def _wins(row: Ranked, baseline: bool) -> Cell:
    pairs = sum(seed.improvement is not None for seed in row.seeds)
    if baseline or not pairs:
        return Cell("wins", numbers.ABSENT)
    return Cell("wins", f"{row.wins}/{pairs}", key=row.wins / pairs)


def _value_at(config: Mapping[str, Any], path: str) -> str:
    """The baseline's value at a dotted path, in words; nothing where it cannot be said shortly."""
    value: Any = config
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return ""
        value = value[part]
    if isinstance(value, Mapping):
        value = value.get("kind", "")
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, int | str) else ""
