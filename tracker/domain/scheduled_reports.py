"""Reports that are sent by themselves: what they hold, and on which working days they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from tracker.domain.workdays import CalendarUnknown, WorkCalendar, next_working
from tracker.domain.zone import at_official, civil_now

EARLIEST, LATEST = time(7), time(17)
"""A report is sent in working hours, so that somebody is there to read it."""
_LONGEST_REST = timedelta(days=31)
"""No run of days off is longer, Tết with its swapped days least of all."""


class What(StrEnum):
    """Which table a report holds."""

    OVERDUE = "overdue"
    RATES = "rates"
    BLOCK_RATES = "block_rates"
    AGEING = "ageing"
    DUE = "due"


LISTS = frozenset({What.OVERDUE, What.AGEING, What.DUE})
"""What stands in them row by row, each with its field; people of an agency see their own rows of these."""


class Rhythm(StrEnum):
    """How often a report goes."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


class FileFormat(StrEnum):
    """As which file a report goes."""

    DOCX = "docx"
    PDF = "pdf"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a report goes: the weekday (1 is Monday) or the day of the month, and the hour in the official zone.

    A month without the day has its last one instead. A day off moves to the next working day; two that fall
    together are one.
    """

    rhythm: Rhythm
    day: int
    at: time

    def planned(self, first: date) -> Iterator[date]:
        """The days that are meant, from `first` on, before days off are looked at."""
        if self.rhythm is Rhythm.WEEKLY:
            day = first + timedelta(days=(self.day - first.isoweekday()) % 7)
            while True:
                yield day
                day += timedelta(weeks=1)
        year, month = first.year, first.month
        while True:
            day = min(date(year, month, 1) + timedelta(days=self.day - 1), _last_of(year, month))
            if day >= first:
                yield day
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)

    def days(self, first: date, calendar: WorkCalendar) -> Iterator[date]:
        """The days on which it goes, from `first` on. Raises CalendarUnknown on reaching a year not loaded."""
        before = None
        for planned in self.planned(first - _LONGEST_REST):
            if planned.year not in calendar.years and planned < first:
                continue
            day = next_working(planned, calendar)
            if day >= first and day != before:
                before = day
                yield day

    def moment(self, day: date) -> datetime:
        """The instant at which it goes on one of its days."""
        return at_official(day, self.at)


def _last_of(year: int, month: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return following - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The next days of a report; `unknown_year` is the year without a working calendar that ends them early."""

    days: tuple[date, ...]
    unknown_year: int | None = None


def foresee(timing: Timing, now: datetime, calendar: WorkCalendar, count: int = 3) -> Foreseen:
    """The next `count` days on which a report goes after `now`."""
    days: list[date] = []
    try:
        for day in timing.days(civil_now(now).date(), calendar):
            if timing.moment(day) > now:
                days.append(day)
            if len(days) == count:
                break
    except CalendarUnknown as unknown:
        return Foreseen(tuple(days), unknown.year)
    return Foreseen(tuple(days))


@dataclass(frozen=True, slots=True)
class Owed:
    """The day whose report is owed, and the earlier ones for which none will be sent any more."""

    day: date
    missed: tuple[date, ...] = ()

    def is_late(self, now: datetime) -> bool:
        """Whether it goes on a later day than it should have."""
        return civil_now(now).date() > self.day


def owed(
    timing: Timing, since: datetime, now: datetime, calendar: WorkCalendar, hours: tuple[time, time]
) -> Owed | None:
    """What is to be sent at `now` of what fell due after `since`: only the last day, however many were missed.

    Nothing on a day off, before the hour, or outside `hours` (from, until) for what is late.
    Raises CalendarUnknown where the calendar of this year is not loaded.
    """
    local = civil_now(now)
    today = local.date()
    opens, closes = hours
    if not calendar.is_working(today) or local.time() >= closes:
        return None
    start = max(civil_now(since).date(), today - timedelta(days=366))
    passed: list[date] = []
    for day in timing.days(start, calendar):
        if timing.moment(day) > now:
            break
        if timing.moment(day) > since:
            passed.append(day)
    if not passed or (passed[-1] < today and local.time() < opens):
        return None
    return Owed(passed[-1], tuple(passed[:-1]))


AGES: tuple[tuple[int, int | None], ...] = ((0, 7), (8, 30), (31, 90), (91, None))
"""How long something is overdue, in days, both inclusive."""


def age_of(days_late: int) -> int:
    """The position in AGES of so many days.

    >>> [age_of(days) for days in (0, 7, 8, 90, 91)]
    [0, 0, 1, 2, 3]
    """
    return next(at for at, (_, most) in enumerate(AGES) if most is None or days_late <= most)
