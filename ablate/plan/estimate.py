"""How long training would take where nothing was measured yet: counted arithmetic at an assumed speed."""

from collections.abc import Iterable
from dataclasses import replace

import jax

from ablate.systems import Flops, Signature, count_flops

from .packs import Pack, PlannedRun
from .planner import Plan
from .summary import Summary

ASSUMED_FLOPS = 20e9
"""Floating-point operations per second that each core is assumed to do. A round number and no measurement: what small
networks in float32 reach on a core of a current server is within a factor of about three of it."""

MOST_COUNTED = 20
"""Programs whose arithmetic `ablate plan` counts unasked, since each has to be traced; about 0.1 s each."""


def with_estimates(summary: Summary, *, cores: int, every: bool = False) -> Summary:
    """The summary, with the arithmetic of programs that were never measured, and the time that it would take.

    There is a time only on a CPU; no speed can be assumed of an accelerator that nobody knows.

    Args:
        summary: the summary.
        cores: of this machine; each trains lanes of its own.
        every: count every program, measured ones and finished packs included.
    """
    wanted = [one.pack for one in summary.packs if every or (one.remaining_steps and one.seconds_per_step is None)]
    counted = _count(wanted, most=None if every else MOST_COUNTED)
    rate = ASSUMED_FLOPS if jax.default_backend() == "cpu" else None
    packs = []
    for one in summary.packs:
        flops = counted.get(one.pack.signature)
        seconds = None
        if flops and rate and one.seconds_per_step is None:
            work = _remaining(summary.plan, one.pack, flops)
            seconds = None if work is None else work / (rate * min(cores, one.pack.lanes))
        packs.append(replace(one, flops=flops, assumed_seconds=seconds))
    return replace(summary, packs=tuple(packs))


def _count(packs: Iterable[Pack], most: int | None) -> dict[Signature, Flops]:
    signatures = list(dict.fromkeys(pack.signature for pack in packs))[:most]
    return {shared: _flops(shared) for shared in signatures}


def _flops(shared: Signature) -> Flops:
    try:
        return count_flops(shared)
    except Exception:  # whatever a component raises; training will report it
        return Flops(None, None)


def _remaining(plan: Plan, pack: Pack, flops: Flops) -> float | None:
    """Operations that the runs of a pack still need, evaluations included."""
    if flops.update is None or flops.evaluation is None:
        return None
    left = [(run, plan.trained.get(run.run_id, 0)) for run in pack.runs if run.run_id not in plan.ended]
    return sum(
        (run.steps - step) * flops.update + evaluations(run, after=step) * flops.evaluation for run, step in left
    )


def evaluations(run: PlannedRun, *, after: int) -> int:
    """How often a run with `after` finished updates will still be evaluated; also before its first, and at its end."""
    every = run.config.train.eval_every
    return run.steps // every - after // every + (run.steps % every > 0) + (after == 0)
