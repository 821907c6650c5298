"""A plan in numbers: what is done, what remains, how long that takes by what was measured before."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ablate.store import Store
from ablate.systems import Flops

from .packs import Pack
from .planner import Plan


@dataclass(frozen=True)
class PackSummary:
    """One pack of a first run of the grid."""

    pack: Pack
    done: int
    """Runs that have ended."""
    steps: tuple[int, int]
    """Smallest and largest budget."""
    remaining_steps: int
    """Updates still to make, over all runs."""
    seconds_per_step: float | None
    """Seconds per update of one run, as last measured for this signature in this store; None if it never ran."""
    flops: Flops | None = None
    """Arithmetic of one of its runs, if it was counted; see `ablate.plan.with_estimates`."""
    assumed_seconds: float | None = None
    """Training time that remains, at an assumed speed; only where nothing was measured."""

    @property
    def seconds(self) -> float | None:
        """Estimated training time that remains; None without a measurement."""
        return None if self.seconds_per_step is None else self.remaining_steps * self.seconds_per_step


@dataclass(frozen=True)
class Summary:
    """All packs of a plan."""

    plan: Plan
    packs: tuple[PackSummary, ...]

    @cached_property
    def remaining_steps(self) -> int:
        """Updates still to make, over all runs."""
        return sum(one.remaining_steps for one in self.packs)

    @cached_property
    def seconds(self) -> float | None:
        """Estimated training time of the packs that were measured before; None if none of those that remain was."""
        known = [one.seconds for one in self.packs if one.remaining_steps and one.seconds is not None]
        return sum(known) if known else None

    @cached_property
    def assumed_seconds(self) -> float | None:
        """Training time of the other packs, at an assumed speed; None if that can be said of none of them."""
        known = [one.assumed_seconds for one in self.packs if one.remaining_steps and one.assumed_seconds is not None]
        return sum(known) if known else None

    @property
    def unmeasured(self) -> int:
        """Packs with work left that were never measured."""
        return sum(one.remaining_steps > 0 and one.seconds is None for one in self.packs)

    def to_plain(self) -> dict[str, Any]:
        """The plan as JSON data, for machines."""
        plan, record = self.plan, self.plan.record
        return {
            "name": record.name,
            "question": record.question,
            "metric": record.metric.model_dump(),
            "seeds": list(record.seeds),
            "contexts": list(record.contexts),
            "runs": len(plan.runs),
            "ended": len(plan.ended),
            "waiting": plan.waiting,
            "tuning": None if record.tuning is None else record.tuning.model_dump(exclude={"runs"}),
            "remaining_steps": self.remaining_steps,
            "estimated_seconds": self.seconds,
            "assumed_seconds": self.assumed_seconds,
            "warnings": [str(problem) for problem in plan.warnings],
            "variants": [
                {"label": one.label, "changes": one.changes, "parameters": one.parameters} for one in record.variants
            ],
            "packs": [
                {
                    "title": one.pack.title,
                    "signature": one.pack.signature.id,
                    "parameters": one.pack.runs[0].parameters,
                    "lanes": one.pack.lanes,
                    "done": one.done,
                    "remaining_steps": one.remaining_steps,
                    "estimated_seconds": one.seconds,
                    "assumed_seconds": one.assumed_seconds,
                    "flops_per_update": one.flops.update if one.flops else None,
                    "flops_per_evaluation": one.flops.evaluation if one.flops else None,
                    "runs": [
                        {
                            "run_id": run.run_id,
                            "variant": run.variant,
                            "context": run.context,
                            "candidate": run.candidate,
                            "seed": run.seed,
                            "steps": run.steps,
                            "trained": plan.trained.get(run.run_id, 0),
                            "ended": run.run_id in plan.ended,
                        }
                        for run in one.pack.runs
                    ],
                }
                for one in self.packs
            ],
        }


def summarize(plan: Plan, store: Store) -> Summary:
    """Count what a plan still needs, with the speeds that the store remembers."""
    speeds = store.step_seconds()
    return Summary(plan, tuple(_summarize(plan, pack, speeds.get(pack.signature.id)) for pack in plan.packs))


def _summarize(plan: Plan, pack: Pack, seconds_per_step: float | None) -> PackSummary:
    budgets = [run.steps for run in pack.runs]
    left = [run.steps - plan.trained.get(run.run_id, 0) for run in pack.runs if run.run_id not in plan.ended]
    return PackSummary(pack, len(pack.runs) - len(left), (min(budgets), max(budgets)), sum(left), seconds_per_step)
