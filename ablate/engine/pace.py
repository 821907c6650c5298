"""`Pace`: how long an update takes, as far as the calls of a program have told."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

_MOST = 50


@dataclass
class Pace:
    """Seconds per update, all lanes of a pack together.

    The time of a call is what went by since the one before it was read, so that a call that was read late has some of
    the time of another. Their sums do not suffer from that.
    """

    seconds: float | None = None
    """Per update; None if there was no call yet. Evaluations are in it where no call did without."""
    _calls: deque[tuple[float, int, bool]] = field(default_factory=lambda: deque(maxlen=_MOST))
    """Seconds, updates of the lane with the most, and whether nothing but updates was done."""

    def add(self, seconds: float, steps: int, *, evaluated: bool) -> None:
        """Note a call; one without updates says nothing."""
        if not steps:
            return
        self._calls.append((seconds, steps, not evaluated))
        plain = [call for call in self._calls if call[2]]
        self.seconds = min(_per_update(calls) for calls in (plain, self._calls) if calls)


def _per_update(calls: Collection[tuple[float, int, bool]]) -> float:
    return sum(seconds for seconds, _, _ in calls) / sum(steps for _, steps, _ in calls)
