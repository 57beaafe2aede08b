"""What a change of the working calendar moves: deadlines counted in working days, and reminders.

Deadlines follow only by decision; reminders follow by themselves, because they are reckoned anew each time.
Source: docs/decisions/0001-counting-days.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from tracker.domain.deadlines import resolve
from tracker.domain.ladders import Ladder
from tracker.domain.moments import DEFAULT_HOURS, Hours, moment_of
from tracker.domain.rules import After, Between, DeadlineRule, Unit
from tracker.domain.workdays import CalendarUnknown, DayMark, WorkCalendar


def changed_calendar(calendar: WorkCalendar, changes: Mapping[date, DayMark | None]) -> WorkCalendar:
    """The calendar with these days marked, or (None) left to their weekday.

    Raises CalendarUnknown for a day of a year that is not loaded.
    """
    for day in changes:
        if day.year not in calendar.years:
            raise CalendarUnknown(day.year)
    days = {**calendar.days, **changes}
    return WorkCalendar({day: mark for day, mark in days.items() if mark is not None}, calendar.years)


def counts_working_days(rule: DeadlineRule) -> bool:
    """Whether the rule's day hangs on which days are worked.

    >>> counts_working_days(DeadlineRule(After(10, Unit.WORKDAY)))
    True
    """
    term = rule.term.last if isinstance(rule.term, Between) else rule.term
    return isinstance(term, After) and term.unit is Unit.WORKDAY


@dataclass(frozen=True, slots=True)
class Counted:
    """An open assignment whose deadline was counted in working days and never moved by hand.

    `is_original` says that the deadline is the one it was given with; else an earlier calendar made it.
    """

    assignment_id: int
    rule: DeadlineRule
    issued_on: date
    received_on: date | None
    due_on: date
    due_time: time | None
    is_original: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """A deadline that the changed calendar would place on another day.

    `is_pending` says that an earlier change of the calendar left it behind already.
    """

    assignment_id: int
    before: date
    after: date
    due_time: time | None
    is_pending: bool = False


def shifts(counted: Iterable[Counted], before: WorkCalendar, after: WorkCalendar) -> list[Shift]:
    """The deadlines that move, in the order given.

    A deadline that the calendar before does not explain was set by somebody, and stays; only an original one
    that an earlier change of the calendar passed by is brought along.
    """
    found = []
    for row in counted:
        old, new = _day(row, before), _day(row, after)
        if new is None or new == row.due_on:
            continue
        if old == row.due_on or (row.is_original and old is not None):
            found.append(Shift(row.assignment_id, row.due_on, new, row.due_time, old != row.due_on))
    return found


def _day(row: Counted, calendar: WorkCalendar) -> date | None:
    try:
        return resolve(row.rule, row.issued_on, calendar, received_on=row.received_on).due_on
    except CalendarUnknown:
        return None


@dataclass(frozen=True, slots=True)
class Group:
    """Running assignments that share a deadline, a ladder version and how far they were reminded."""

    ladder_version_id: int
    due_on: date
    due_time: time | None
    settled_rank: int
    assignments: int
    an_assignment_id: int


@dataclass(frozen=True, slots=True)
class MovedReminder:
    """A reminder still to come that comes at another instant; None where no loaded year tells it."""

    group: Group
    step_code: str
    occurrence: int
    before: datetime | None
    after: datetime | None


def moved_reminders(
    groups: Sequence[Group],
    ladders: Mapping[int, Ladder],
    before: WorkCalendar,
    after: WorkCalendar,
    hours: Hours = DEFAULT_HOURS,
) -> list[MovedReminder]:
    """The reminders that the change moves, deadlines as they stand."""
    instants: dict[tuple[int, date, time | None], list[MovedReminder]] = {}
    found = []
    for group in groups:
        key = (group.ladder_version_id, group.due_on, group.due_time)
        if key not in instants:
            instants[key] = _moved(group, ladders[group.ladder_version_id], before, after, hours)
        found += [
            MovedReminder(group, m.step_code, m.occurrence, m.before, m.after)
            for rank, m in _by_rank(instants[key], ladders[group.ladder_version_id])
            if rank > group.settled_rank
        ]
    return found


def _moved(
    group: Group, ladder: Ladder, before: WorkCalendar, after: WorkCalendar, hours: Hours
) -> list[MovedReminder]:
    moved = []
    for moment in ladder.moments:
        old = moment_of(moment, group.due_on, group.due_time, before, hours.digest)
        new = moment_of(moment, group.due_on, group.due_time, after, hours.digest)
        if old != new:
            moved.append(MovedReminder(group, *moment.key, old, new))
    return moved


def _by_rank(moved: Sequence[MovedReminder], ladder: Ladder) -> list[tuple[int, MovedReminder]]:
    ranks = {moment.key: moment.rank for moment in ladder.moments}
    return [(ranks[m.step_code, m.occurrence], m) for m in moved]
