"""The official zone: every civil date of a deadline is a date in Asia/Ho_Chi_Minh."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

OFFICIAL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def civil_now(instant: datetime) -> datetime:
    """The wall-clock time in the official zone at `instant`, which must be aware."""
    return instant.astimezone(OFFICIAL_ZONE)


def civil_day(instant: datetime) -> date:
    """The civil date in the official zone at `instant`, which must be aware.

    >>> civil_day(datetime(2025, 11, 23, 17, 0, tzinfo=UTC))
    datetime.date(2025, 11, 24)
    """
    return civil_now(instant).date()


def at_official(day: date, at: time) -> datetime:
    """The UTC instant of a wall-clock time in the official zone.

    >>> at_official(date(2025, 11, 24), time(8)).isoformat()
    '2025-11-24T01:00:00+00:00'
    """
    return datetime.combine(day, at, tzinfo=OFFICIAL_ZONE).astimezone(UTC)
