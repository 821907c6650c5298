"""The time of day, in one place, so that tests can set it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
