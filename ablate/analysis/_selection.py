"""What is written about choices: of a setting for each variant, and of the variants that are best."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ._study import Study
from ._words import listed, number, plural
from .types import Confirmed, Edge, Flag, Ranked, Tuned, Tuning

CHOSEN_TITLE = "Winner chosen on these same seeds"
EDGE_TITLE = "Chosen setting at the edge of the range"

FRESH_SEEDS = 10
"""So many seeds are proposed for a confirmation; ``ablate confirm`` takes as many by default."""

MOST_CONFIRMED = 3
"""At most so many of the variants that are better are proposed for it, in each context."""


def selection_flags(study: Study) -> Iterator[Flag]:
    """Whether what is judged was chosen by the seeds that judge it, and how sound the choices are."""
    if study.tuning is not None:
        for check in (_tuning, _edges, _selector):
            yield from (replace(flag, section="tuning") for flag in check(study, study.tuning))
    yield from (replace(flag, section="confirmation") for flag in _confirmation(study))
    yield from _winner(study)


# --- the winner ------------------------------------------------------------------------------------------------


def _winner(study: Study) -> Iterator[Flag]:
    """The best variant was picked by the scores that measure it, unless fresh seeds have confirmed it."""
    leads: dict[str, Ranked] = {}
    for row in study.ranking:
        if row.verdict == "better":
            leads.setdefault(row.context, row)
    if len(study.plan.variants) <= 2 or all(_is_judged(study, row) for row in leads.values()):
        return
    detail = (
        f"the best of {len(study.plan.variants)} variants looks better than it is, because it was picked by the "
        "scores that measure it; train it and the baseline on fresh seeds before quoting its improvement: "
        f"{confirm_command(study)}"
    )
    yield Flag("note", CHOSEN_TITLE, detail)


def _is_judged(study: Study, row: Ranked) -> bool:
    """Whether fresh seeds have judged this variant."""
    found = study.confirmation
    if found is None or row.context not in found.used:
        return False
    return any(one.fresh.variant == row.variant for one in found.inside(row.context))


def _confirmation(study: Study) -> Iterator[Flag]:
    found = study.confirmation
    if found is None:
        return
    if found.state == "rejected":
        detail = f"it was trained on {found.reason}, which helped to choose; it is no evidence, and is not shown"
        yield Flag("warning", "Confirmation rejected", detail)
        return
    if found.state == "outdated":
        yield Flag("warning", "Confirmation is outdated", f"{found.reason}; it is shown, but not used")
        return
    if found.state == "incomplete":
        used = "the verdict rests on the others" if found.used else "the verdict does not rest on it yet"
        detail = f"{found.ended} of {plural(found.planned, 'run')} have ended; {used}"
        yield Flag("note" if found.used else "warning", "Confirmation is not finished", detail)
    rows = [row for row in found.rows if row.fresh.context in found.used]
    held = [study.where(row.fresh) for row in rows if row.fresh.verdict == "better"]
    if held:
        detail = f"on {plural(len(found.seeds), 'seed')} that no selection has seen: {listed(held)}"
        yield Flag("good", "Confirmed on fresh seeds", detail)
    lost = [f"{study.where(row.fresh)} ({row.fresh.verdict})" for row in rows if _was_better(row)]
    if lost:
        detail = f"better than the baseline in the screening, but not shown to be on fresh seeds: {listed(lost)}"
        yield Flag("warning", "Not confirmed on fresh seeds", detail)


def _was_better(row: Confirmed) -> bool:
    seen = row.screening is not None and row.screening.verdict == "better"
    return seen and row.fresh.verdict != "better"


def confirm_command(study: Study) -> str:
    """The command that trains the confirmation: as it was given, or for the best that no fresh seed has judged."""
    grid = f"ablate confirm {shlex.quote(study.plan.path)}"
    found = study.confirmation
    if found is None:
        return f"{grid} --top {_top(study)} --seeds {FRESH_SEEDS}"
    top = max(found.top, _top(study)) if found.state == "complete" else found.top
    return f"{grid} --top {top} --seeds {len(found.seeds)}"


def _unjudged(study: Study) -> list[Ranked]:
    """The variants that are better by the seeds that chose them, and by no other."""
    return [row for row in study.ranking if row.verdict == "better" and not _is_judged(study, row)]


def _top(study: Study) -> int:
    """So many of the best means hold, in each context, the first of those that were not judged yet."""
    wanted = 1
    for context in study.plan.contexts:
        rows = sorted((row for row in study.rows(context) if row.rank is not None), key=lambda row: row.rank or 0)
        able = [row for row in rows if row.verdict not in ("baseline", "unstable")]
        places = [place for place, row in enumerate(able, 1) if row.verdict == "better" and not _is_judged(study, row)]
        wanted = max([wanted, *places[:MOST_CONFIRMED]])
    return wanted


# --- the settings ----------------------------------------------------------------------------------------------


def _tuning(study: Study, tuning: Tuning) -> Iterator[Flag]:
    without = len(tuning.rows) - len(tuning.chosen)
    if without or tuning.ended < tuning.planned:
        detail = f"{progress(tuning)}; variants without a setting are not trained on the grid's seeds yet"
        yield Flag("warning", "Tuning is not finished", detail)
    failed = [f"{study.where(row)} {row.failed}" for row in tuning.rows if row.failed]
    if failed:
        count = sum(row.failed for row in tuning.rows)
        detail = f"{plural(count, 'run')}: {listed(failed)}; a setting with a failed run loses to one without"
        yield Flag("warning", "Tuning runs failed", detail)
    seeds = len(tuning.seeds)
    weak = [
        f"{study.where(row)} ({row.candidates[row.chosen].n} of {seeds})"
        for row in tuning.chosen
        if row.chosen is not None and row.candidates[row.chosen].n < seeds
    ]
    if weak:
        detail = f"no setting has a {tuning.metric} for every tuning seed: {listed(weak)}"
        yield Flag("warning", "Setting chosen with scores missing", detail)
    other = [study.where(row) for row in tuning.chosen if row.alternatives[0][1] != row.chosen]
    if other:
        detail = f"the tuning runs as they are now would choose another one: {listed(other)}; run the grid again"
        yield Flag("warning", "Setting is not the best any more", detail)
    if not without:
        detail = (
            f"each variant has its own best of {plural(len(tuning.rows[0].candidates), 'setting')} of "
            f"{listed([axis.path for axis in tuning.axes])}, by {plural(seeds, 'tuning seed')}; the ranking is on "
            f"{plural(len(study.plan.seeds), 'seed')} that this choice has not seen"
        )
        yield Flag("good", "Settings chosen on other seeds", detail)


def _edges(study: Study, tuning: Tuning) -> Iterator[Flag]:
    for edge, rows in edges(tuning).items():
        names = listed([study.where(row) for row in rows])
        way = "upwards" if edge.side == "largest" else "downwards"
        detail = (
            f"{edge.path}={edge.value}, the {edge.side} tried, was chosen for {plural(len(rows), 'variant')} "
            f"({names}): a better one may lie beyond; extend the axis {way}, to {edge.beyond} say"
        )
        yield Flag("warning", EDGE_TITLE, detail)


def edges(tuning: Tuning) -> dict[Edge, list[Tuned]]:
    """Each end of a range where something was chosen, with the variants that it was chosen for."""
    found: dict[Edge, list[Tuned]] = defaultdict(list)
    for row in tuning.rows:
        for edge in row.edges:
            found[edge].append(row)
    return found


def _selector(study: Study, tuning: Tuning) -> Iterator[Flag]:
    others: dict[str, list[str]] = {}
    for place, (at, _) in enumerate(tuning.rows[0].alternatives if tuning.rows else ()):
        names = [study.where(row) for row in tuning.chosen if row.alternatives[place][1] != row.alternatives[0][1]]
        if names:
            others[at] = names
    if others:
        of = len(tuning.chosen)
        parts = [f"{at} for {len(names)} of {of} ({listed(names)})" for at, names in others.items()]
        detail = f"read in another way than {tuning.at}, the same runs would choose another setting: {'; '.join(parts)}"
        yield Flag("note", "The selector decides", detail)


def progress(tuning: Tuning) -> str:
    """How far the tuning is."""
    return (
        f"{tuning.ended} of {plural(tuning.planned, 'tuning run')} ended; a setting is chosen for "
        f"{len(tuning.chosen)} of {plural(len(tuning.rows), 'variant')}"
    )


# --- summary, methods, commands --------------------------------------------------------------------------------


def selection_summary(study: Study) -> list[str]:
    """What belongs on the first screen."""
    found = [_tuning_summary(study.tuning)] if study.tuning is not None else []
    if study.confirmation is not None and study.confirmation.used:
        found.append("The verdicts counted below are those of the screening.")
    return found


def _tuning_summary(tuning: Tuning) -> str:
    if len(tuning.chosen) < len(tuning.rows):
        return f"Tuning: {progress(tuning)}."
    axes = listed([axis.path for axis in tuning.axes])
    seeds = plural(len(tuning.seeds), "seed")
    text = f"Every variant has its own {axes}, tuned on {seeds} that the ranking does not use"
    known = [row.optimism for row in tuning.rows if row.optimism is not None]
    if known and sum(known) > 0:
        worse = sum(one > 0 for one in known)
        text += (
            f"; on fresh seeds the chosen settings score worse by {number(sum(known) / len(known))} on average "
            f"({worse} of {plural(len(known), 'variant')})"
        )
    return text + "."


def selection_methods(study: Study) -> list[str]:
    """How settings and variants were chosen, and which seeds the verdicts rest on."""
    text = []
    tuning, found = study.tuning, study.confirmation
    several = len(study.plan.contexts) > 1
    if tuning is not None and tuning.rows:
        axes = listed([axis.path for axis in tuning.axes])
        settings, seeds = plural(len(tuning.rows[0].candidates), "setting"), plural(len(tuning.seeds), "tuning seed")
        text.append(
            f"{axes} {'was' if len(tuning.axes) == 1 else 'were'} tuned for each variant"
            f"{' and context' if several else ''} by itself: each of {settings} was trained on {seeds}, and the one "
            f"with the best mean {tuning.metric} (read as {tuning.at}) was chosen; one with a score in more seeds goes "
            "before one with a better mean. The chosen setting was then trained on the grid's own seeds. Ranking, "
            "intervals and verdicts use only these seeds, which no choice of a setting has seen; tuning scores "
            "flatter what they chose and are shown for comparison only."
        )
    if found is not None and found.used:
        most = max(len(found.inside(context)) for context in found.used)
        text.append(
            f"The best variants of the ranking ({most}{' per context' if several else ''}) and the baseline were "
            f"trained again on {plural(len(found.seeds), 'seed')} that neither the ranking nor any tuning has seen. "
            "The headline rests on these seeds alone, by the same tests, Holm-adjusted over the confirmed variants; "
            "the screening estimate is printed beside it, and is too good on average for what was chosen by it."
        )
    return text


def selection_suggestions(study: Study) -> list[tuple[str, str]]:
    """(why, command) for tuning and confirmation, beyond what is merely missing."""
    run = f"ablate run {shlex.quote(study.plan.path)}"
    suggested = []
    if study.tuning is not None and (ends := edges(study.tuning)):
        parts = [
            f"{edge.path} {'up' if edge.side == 'largest' else 'down'} to {edge.beyond} or beyond ({edge.value} was "
            f"chosen for {listed([study.where(row) for row in rows])})"
            for edge, rows in ends.items()
        ]
        why = f"Extend tune.axes: {listed(parts, len(parts))}. Only what is new is trained."
        suggested.append((why, f"{run} {' '.join(_extended(study.tuning, ends))}"))
    found = study.confirmation
    if found is not None and found.state == "incomplete":
        left = found.planned - found.ended
        suggested.append((f"Finish the confirmation: {plural(left, 'run')} left.", confirm_command(study)))
    if found is not None and found.state in ("outdated", "rejected"):
        suggested.append(("Confirm the best variants on fresh seeds again.", confirm_command(study)))
    if found is None or found.state == "complete":
        suggested += _screened_only(study)
    return suggested


def _screened_only(study: Study) -> list[tuple[str, str]]:
    """Why and how to confirm, where what is better was only screened: nothing where a confirmed variant is better."""
    found, open_ = study.confirmation, _unjudged(study)
    if len(study.plan.variants) <= 2 or not open_ or any(row.missing or row.failed for row in study.ranking):
        return []
    names = listed([study.where(row) for row in open_])
    if found is None:
        return [(f"Confirm on fresh seeds what is better by the seeds that chose it: {names}.", confirm_command(study))]
    if any(row.fresh.verdict == "better" for row in found.rows):
        return []
    why = f"None of the confirmed variants is better on fresh seeds; the next best are not judged yet: {names}."
    return [(why, confirm_command(study))]


def _extended(tuning: Tuning, ends: Iterable[Edge]) -> list[str]:
    """The axes with a value more at each end where something was chosen, as on the command line."""
    more: dict[str, list[Edge]] = defaultdict(list)
    for edge in ends:
        more[edge.path].append(edge)
    axes = {axis.path: axis for axis in tuning.axes}
    changed = []
    for path, found in more.items():
        levels = [str(int(level)) if level.is_integer() else repr(level) for level in axes[path].levels]
        levels = [edge.beyond for edge in found if edge.side == "smallest"] + levels
        levels += [edge.beyond for edge in found if edge.side == "largest"]
        changed.append(shlex.quote(f"tune.axes.{path}={','.join(levels)}"))
    return changed
