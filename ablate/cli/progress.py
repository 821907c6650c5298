"""Progress of a run: a live panel on a terminal, plain lines elsewhere."""

import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .console import count, duration, err, print_warnings

if TYPE_CHECKING:
    from ablate.engine import LaneReport, PackReport
    from ablate.grid import Variant
    from ablate.plan import Plan

SECONDS_PER_LINE = 10.0
"""Between two plain lines."""
_SHOWN_LOSSES = 6
_RATE_SECONDS = 30.0
"""Window over which the speed is averaged."""


class Progress:
    """Shows reports as they come; use as a context manager around the run."""

    def __init__(self, plan: "Plan", only: "Sequence[Variant] | None" = None) -> None:
        self._wanted = None if only is None else {variant.label for variant in only}
        self._metric = plan.grid.metric.name
        self._warnings = plan.warnings
        self._total = 0
        self._variants: dict[str, str] = {}
        self._ended: set[str] = set()
        self._steps: dict[str, int] = {}
        self._losses: dict[str, dict[str, float]] = {}
        self.plan(plan)
        self._reports: dict[int, PackReport] = {}
        self._line = 0.0
        self._start = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()
        self._rate = 0.0
        """Steps per second."""
        self._live: Live | None = None

    def __enter__(self) -> Self:
        print_warnings(self._warnings)
        if err.is_terminal:
            self._live = Live(self._panel(), console=err, refresh_per_second=4, transient=True)
            self._live.start()
        elif len(self._ended) < len(self._steps):
            err.print(f"{count(len(self._steps) - len(self._ended), 'run')} to train, {len(self._ended)} already ended")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def plan(self, plan: "Plan") -> None:
        """Take in the runs of a plan: at the beginning, and when a stage has made more of them known."""
        runs = [run for run in plan.runs if self._wanted is None or run.variant in self._wanted]
        self._total = sum(run.steps for run in runs)
        self._variants = {run.run_id: run.label for run in runs}
        self._ended |= {run.run_id for run in runs if run.run_id in plan.ended}
        self._steps = {
            run.run_id: run.steps if run.run_id in self._ended else self._steps.get(run.run_id, 0) for run in runs
        }
        self._losses = {}
        self._later = plan.waiting

    def update(self, report: "PackReport") -> None:
        """Take in a report of a pack."""
        was_training = bool(self._training)
        before = self._reports.get(report.index)
        self._reports[report.index] = report
        for lane in report.lanes:
            self._take(lane)
        self._mark(0.0 if was_training else report.waited_seconds)
        if self._live:
            self._live.update(self._panel(), refresh=before is None or before.phase != report.phase)
            return
        ended = report.phase in {"ended", "failed", "stopped", "split"}
        if ended or report.phase == "compiling" or time.monotonic() - self._line > SECONDS_PER_LINE:
            self._line = time.monotonic()
            err.print(self._plain(report), markup=False, soft_wrap=True)

    def _take(self, lane: "LaneReport") -> None:
        self._steps[lane.run_id] = lane.step
        if lane.status is not None:
            self._ended.add(lane.run_id)
            self._steps[lane.run_id] = lane.steps
        if self._metric in lane.metrics:
            self._losses.setdefault(self._variants.get(lane.run_id, lane.label), {})[lane.run_id] = lane.metrics[
                self._metric
            ]

    # --- what is shown -----------------------------------------------------------------------------------------

    def _mark(self, idle: float) -> None:
        """Remember when how many steps were done, and how fast they come: over all packs, lately.

        The `idle` seconds in which a pack waited for its program while no other trained do not count.
        """
        now = time.monotonic()
        if idle and self._marks:
            start, before = self._marks.pop()
            self._marks.append((min(start + idle, now), before))
        self._marks.append((now, sum(self._steps.values())))
        while now - self._marks[0][0] > _RATE_SECONDS:
            self._marks.popleft()
        (start, before), (end, after) = self._marks[0], self._marks[-1]
        if end > start and after > before:
            self._rate = (after - before) / (end - start)
        if not self._training:
            self._marks = deque([self._marks[-1]])  # from which the next pack goes on

    @property
    def _training(self) -> "list[PackReport]":
        return [report for report in self._reports.values() if report.phase == "training"]

    def _eta(self) -> str:
        left = self._total - sum(self._steps.values())
        return duration(left / self._rate) if self._rate else "–"

    def _variants_done(self) -> str:
        open_ = {label for run_id, label in self._variants.items() if run_id not in self._ended}
        every = set(self._variants.values())
        return f"{len(every) - len(open_)}/{len(every)} variants"

    def _then(self) -> str:
        """What follows when the settings are chosen."""
        return f", then {count(self._later, 'run')} with the chosen settings" if self._later else ""

    def _facts(self) -> str:
        alive = sum(report.alive for report in self._training)
        return (
            f"{len(self._ended)}/{len(self._steps)} runs, {self._variants_done()}, {count(alive, 'lane')} alive, "
            f"{self._rate:,.0f} steps/s, ETA {self._eta()}{self._then()}"
        )

    def _newest(self) -> str:
        means = {label: sum(values.values()) / len(values) for label, values in self._losses.items()}
        best = sorted(means, key=lambda label: means[label])[:_SHOWN_LOSSES]
        return "  ".join(f"{label} {means[label]:.4g}" for label in best)

    def _plain(self, report: "PackReport") -> str:
        labels = list(dict.fromkeys(lane.label for lane in report.lanes))
        what = ", ".join(labels[:2]) + (f" and {len(labels) - 2} more" if len(labels) > 2 else "")
        values = [lane.metrics[self._metric] for lane in report.lanes if self._metric in lane.metrics]
        loss = f", mean {self._metric} {sum(values) / len(values):.4g}" if values else ""
        step = f" step {max((lane.step for lane in report.lanes), default=0)}" if report.lanes else ""
        phase = "is trained in halves from" if report.phase == "split" else report.phase
        elapsed = duration(time.monotonic() - self._start)
        return f"[{elapsed}] pack {report.index} {phase}{step}: {what}{loss} | {self._facts()}"

    def _panel(self) -> RenderableType:
        done = sum(self._steps.values())
        bar = Table.grid(padding=(0, 1))
        share = 100 * done // max(self._total, 1)
        bar.add_row(ProgressBar(total=max(self._total, 1), completed=done, width=32), f"{share} %", self._facts())
        rows: list[RenderableType] = [bar]
        for report in self._reports.values():
            if report.phase in {"compiling", "training"}:
                labels = list(dict.fromkeys(lane.label for lane in report.lanes))
                rows.append(
                    Text(f"  {report.phase}: {', '.join(labels)}", style="dim", overflow="ellipsis", no_wrap=True)
                )
        if not self._reports:
            rows.append(Text("  starting workers", style="dim"))
        if self._losses:
            rows.append(Text(f"  {self._metric}: {self._newest()}", overflow="ellipsis", no_wrap=True))
        return Group(*rows)
