"""The official zone: every civil date of a deadline is a date in Asia/Ho_Chi_Minh."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

OFFICIAL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
EARLIEST_DAY, LATEST_DAY = date(1945, 9, 2), date(2199, 12, 31)
"""The days that the records may speak of, both inclusive: before the first there was nobody to direct."""


def is_in_range(day: date) -> bool:
    """Whether the records may speak of `day`.

    >>> is_in_range(date(1, 1, 1)), is_in_range(date(2025, 11, 24))
    (False, True)
    """
    return EARLIEST_DAY <= day <= LATEST_DAY


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
