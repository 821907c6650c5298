"""The inline engine: the same pack loop in this process, without Ray. For debuggers, profilers and tests."""

from collections.abc import Callable

from ablate.core import StoreError

from .job import PackReport
from .pack import train
from .queue import JobQueue


def run_inline(queue: JobQueue, on_report: Callable[[PackReport], None]) -> None:
    """Train packs one after the other. A pack that hangs is not noticed."""
    while job := queue.take():
        try:
            for report in train(job):
                on_report(report)
        except StoreError as error:
            on_report(PackReport(index=job.index, phase="failed", lanes=(), message=str(error)))
        queue.ended()
