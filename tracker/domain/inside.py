"""What an agency arranges among its own people: the date by which somebody inside is to be done."""

from __future__ import annotations

from datetime import date, timedelta

from tracker.domain.errors import Problem
from tracker.domain.workdays import CalendarUnknown, WorkCalendar, previous_working

NOTE = 2000
"""Characters of an internal note."""


def latest_internal(official: date | None, today: date) -> date | None:
    """The last day an internal date may have; None where nothing bounds it.

    Earlier than the official deadline, so that what is done inside can still be looked at; on the day itself
    there is only the day; a deadline that has passed bounds nothing any more.

    >>> latest_internal(date(2025, 11, 28), date(2025, 11, 24)), latest_internal(None, date(2025, 11, 24))
    (datetime.date(2025, 11, 27), None)
    >>> latest_internal(date(2025, 11, 24), date(2025, 11, 24))
    datetime.date(2025, 11, 24)
    """
    if official is None or official < today:
        return None
    return max(today, official - timedelta(days=1))


def judge_internal_date(wanted: date, official: date | None, today: date) -> Problem | None:
    """What is wrong with an internal date: in the past, or not before the official deadline."""
    if wanted < today:
        return Problem("/due_on", "internal_date_past", wanted, {"today": today})
    latest = latest_internal(official, today)
    if latest is not None and wanted > latest:
        return Problem("/due_on", "internal_date_late", wanted, {"official": official, "latest": latest})
    return None


def reminder_day(due_on: date, calendar: WorkCalendar) -> date:
    """The working day on which somebody is reminded of an internal date: the day itself, or the last one before.

    A year whose calendar is not known is taken as it stands: this is a courtesy, no official deadline.
    """
    try:
        return previous_working(due_on, calendar)
    except CalendarUnknown:
        return due_on
