"""The only reader of the clock."""

from datetime import UTC, datetime, timedelta

_offset = timedelta()


def utc_now() -> datetime:
    """The present instant in UTC, moved by the demonstration's offset where one is set."""
    return datetime.now(UTC) + _offset


def set_offset(offset: timedelta) -> None:
    """Move this process's clock: only the demonstration does so, and says so in a banner."""
    global _offset
    _offset = offset


def offset() -> timedelta:
    """How far this process's clock is moved from the machine's."""
    return _offset
