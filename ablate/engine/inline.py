"""The inline engine: the same pack loop in this process, without Ray. For debuggers, profilers and tests."""

from collections.abc import Callable, Sequence

from .job import PackJob, PackReport
from .pack import train


def run_inline(jobs: Sequence[PackJob], on_report: Callable[[PackReport], None]) -> None:
    """Train packs one after the other.

    Raises:
        StoreError: the results cannot be written.
    """
    for job in jobs:
        for report in train(job):
            on_report(report)
