"""``ablate confirm``: the best variants once more, on seeds that no selection has seen."""

from collections.abc import Mapping, Sequence
from itertools import count, islice

from ablate.core import run_id
from ablate.grid import CONFIRMATION
from ablate.store import ConfirmationRecord, RunRecord, now

from .planner import Plan


def make_confirmation(plan: Plan, chosen: Mapping[str, Sequence[str]], seeds: int) -> ConfirmationRecord:
    """What a confirmation trains.

    Args:
        plan: the grid, whose runs the choice was made from.
        chosen: context -> labels of the variants to confirm, best first. The baseline always comes along.
        seeds: how many fresh seeds. A later call with a larger number only adds to them.
    """
    base = next(variant.label for variant in plan.expansion.variants if variant.is_base)
    used = {*plan.grid.seeds, *(plan.grid.tuning.seeds if plan.grid.tuning else ())}
    fresh = tuple(islice((seed for seed in count(CONFIRMATION) if seed not in used), seeds))
    cells = [(context, variant) for context, labels in chosen.items() for variant in dict.fromkeys((base, *labels))]
    screened = [run.run_id for run in plan.record.runs if (run.context, run.variant) in cells]
    return ConfirmationRecord(
        created=now(),
        metric=plan.record.metric,
        screened=tuple(screened),
        chosen={context: tuple(label for label in labels if label != base) for context, labels in chosen.items()},
        seeds=fresh,
        runs=tuple(
            RunRecord(
                run_id=run_id(one.identity, seed),
                variant=variant,
                context=context,
                seed=seed,
                steps=one.config.train.steps,
            )
            for context, variant in cells
            for one in [plan.settled[context, variant]]
            for seed in fresh
        ),
    )
