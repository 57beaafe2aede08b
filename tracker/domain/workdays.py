"""The working calendar: days off, swapped working days, and counting in working days.

A year that is not loaded is an error, never a guess (docs/decisions/0001-counting-days.md).
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from tracker.domain.errors import Invalid, Problem

SATURDAY = 5


class CalendarUnknown(Invalid):
    """The answer needs a year whose working calendar is not loaded; params: year."""

    code = "calendar_unknown"

    def __init__(self, year: int) -> None:
        super().__init__([Problem("", self.code, year, {"year": year})], year=year)
        self.year = year

    def __str__(self) -> str:
        return f"{self.code}(year={self.year})"


@dataclass(frozen=True)
class DayMark:
    """One day that is not what its weekday says, with the document that says so.

    `projected` days follow from a rule or a plan and still wait for their announcement.
    """

    kind: Literal["off", "work"]
    name: str
    source: str
    projected: bool = False


@dataclass(frozen=True)
class _Stretch:
    """Consecutive loaded years, with the ordinals of their working days in order."""

    first: int
    last: int
    working: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class WorkCalendar:
    """The marked days of the loaded years; every other day follows its weekday."""

    days: Mapping[date, DayMark]
    years: frozenset[int]
    _stretches: tuple[_Stretch, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_stretches", _stretches(self.days, self.years))

    def is_working(self, day: date) -> bool:
        """Whether `day` is a working day. Raises CalendarUnknown for a year not loaded."""
        if day.year not in self.years:
            raise CalendarUnknown(day.year)
        return _works(day, self.days)

    def is_off(self, day: date) -> bool | None:
        """Whether `day` is a day off; None for a year not loaded: a hint, not a rule."""
        return None if day.year not in self.years else not _works(day, self.days)

    def mark(self, day: date) -> DayMark | None:
        """What is written about `day`, if anything is."""
        return self.days.get(day)

    def _stretch(self, ordinal: int) -> _Stretch:
        for stretch in self._stretches:
            if stretch.first <= ordinal <= stretch.last:
                return stretch
        raise CalendarUnknown(date.fromordinal(ordinal).year)


def _works(day: date, days: Mapping[date, DayMark]) -> bool:
    mark = days.get(day)
    return mark.kind == "work" if mark else day.weekday() < SATURDAY


def _stretches(days: Mapping[date, DayMark], years: frozenset[int]) -> tuple[_Stretch, ...]:
    spans: list[tuple[int, int]] = []
    for year in sorted(years):
        if spans and spans[-1][1] == year - 1:
            spans[-1] = (spans[-1][0], year)
        else:
            spans.append((year, year))
    built = []
    for first_year, last_year in spans:
        first, last = date(first_year, 1, 1).toordinal(), date(last_year, 12, 31).toordinal()
        working = tuple(n for n in range(first, last + 1) if _works(date.fromordinal(n), days))
        built.append(_Stretch(first, last, working))
    return tuple(built)


def parse_calendar(lines: Iterable[str]) -> WorkCalendar:
    """The calendar written as csv lines with the columns date, kind, name, source, projected.

    A year is loaded when at least one of its days is marked: 1 January always is.

    >>> calendar = parse_calendar(["date,kind,name,source,projected", "2025-01-01,off,New Year,Art. 112,0"])
    >>> calendar.is_working(date(2025, 1, 1)), calendar.is_working(date(2025, 1, 2))
    (False, True)
    """
    days: dict[date, DayMark] = {}
    for row in csv.DictReader(lines):
        day = date.fromisoformat(row["date"])
        kind: Literal["off", "work"] = "work" if row["kind"] == "work" else "off"
        days[day] = DayMark(kind, row["name"], row["source"], row["projected"] == "1")
    return WorkCalendar(days, frozenset(day.year for day in days))


def add_workdays(start: date, days: int, calendar: WorkCalendar) -> date:
    """The `days`-th working day after `start`; `start` itself is not counted.

    Civil dates in the official zone; days >= 1.
    Raises CalendarUnknown when the count enters a year the calendar does not hold.
    Source: docs/decisions/0001-counting-days.md.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, not {days}")
    ordinal = start.toordinal()
    stretch = calendar._stretch(ordinal + 1)
    place = bisect_right(stretch.working, ordinal) + days - 1
    if place >= len(stretch.working):
        raise CalendarUnknown(date.fromordinal(stretch.last).year + 1)
    return date.fromordinal(stretch.working[place])


def subtract_workdays(start: date, days: int, calendar: WorkCalendar) -> date:
    """The `days`-th working day before `start`; `start` itself is not counted.

    Civil dates in the official zone; days >= 1.
    Raises CalendarUnknown when the count enters a year the calendar does not hold.
    """
    if days < 1:
        raise ValueError(f"days must be at least 1, not {days}")
    ordinal = start.toordinal()
    stretch = calendar._stretch(ordinal - 1)
    place = bisect_left(stretch.working, ordinal) - days
    if place < 0:
        raise CalendarUnknown(date.fromordinal(stretch.first).year - 1)
    return date.fromordinal(stretch.working[place])


def count_workdays(start: date, end: date, calendar: WorkCalendar) -> int:
    """Working days after `start` up to and with `end`; negative when `end` comes first.

    Inverse of add_workdays: counting from `start` to the n-th working day after it gives n.
    Raises CalendarUnknown when a day in between falls in a year the calendar does not hold.
    """
    if end < start:
        return -count_workdays(end, start, calendar)
    if end == start:
        return 0
    stretch = calendar._stretch(start.toordinal() + 1)
    if end.toordinal() > stretch.last:
        raise CalendarUnknown(date.fromordinal(stretch.last).year + 1)
    working = stretch.working
    return bisect_right(working, end.toordinal()) - bisect_right(working, start.toordinal())


def next_working(day: date, calendar: WorkCalendar) -> date:
    """`day` itself when it is a working day, else the first one after it."""
    return add_workdays(day - timedelta(days=1), 1, calendar)


def previous_working(day: date, calendar: WorkCalendar) -> date:
    """`day` itself when it is a working day, else the last one before it."""
    return subtract_workdays(day + timedelta(days=1), 1, calendar)
