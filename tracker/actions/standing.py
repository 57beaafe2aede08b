"""How an assignment stands now, told from its row alone; past days are told from its history (overdue.py)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tracker.db.assignments import Assignment
from tracker.db.reads_web import AsOf
from tracker.domain.assignments import (
    OUTSIDE_STATES,
    Acceptance,
    Completion,
    DeadlineCause,
    DeadlineVersion,
    DueKind,
    Facts,
    Fine,
    State,
    Status,
    classify,
)
from tracker.domain.workdays import CalendarUnknown, WorkCalendar, add_workdays, count_workdays
from tracker.domain.zone import civil_day, civil_now


def list_moment(now: datetime, calendar: WorkCalendar, due_soon_days: int) -> AsOf:
    """The moment a list is true for; soon ends before the first working day beyond the setting."""
    local = civil_now(now)
    try:
        soon_until = add_workdays(local.date(), due_soon_days + 1, calendar) - timedelta(days=1)
    except CalendarUnknown:
        soon_until = local.date() + timedelta(days=due_soon_days)
    return AsOf(local.date(), local.time().replace(tzinfo=None), soon_until)


def facts_now(row: Assignment) -> Facts:
    """What classification needs, as far as the row itself holds it: enough for the present, not for the past."""
    return Facts(
        assigned_at=row.assigned_on,
        due_kind=DueKind(row.due_kind),
        deadlines=_deadlines(row),
        acknowledged_at=row.acknowledged_at,
        progress_at=(row.last_report_at,) if row.state is State.IN_PROGRESS and row.last_report_at else (),
        completions=_completions(row),
        closed_as=row.state if row.state in OUTSIDE_STATES else None,
        closed_at=row.closed_at if row.state in OUTSIDE_STATES else None,
    )


def _deadlines(row: Assignment) -> tuple[DeadlineVersion, ...]:
    if row.extension_count == 0:
        return (DeadlineVersion(row.deadline_version, row.assigned_on, row.due_on, row.due_time),)
    original = DeadlineVersion(0, row.assigned_on, row.original_due_on, row.original_due_time)
    extended = tuple(
        DeadlineVersion(version, row.deadline_set_at, row.due_on, row.due_time, DeadlineCause.EXTENSION)
        for version in range(row.deadline_version + 1 - row.extension_count, row.deadline_version + 1)
    )
    return (original, *extended)


def _completions(row: Assignment) -> tuple[Completion, ...]:
    reported_at = row.reported_at or row.last_report_at or row.changed_at
    if row.state is State.CONFIRMED:
        return (Completion(reported_at, Acceptance.APPROVED, row.confirmed_at),)
    if row.state is State.REPORTED:
        return (Completion(reported_at),)
    if row.state is State.RETURNED:
        return (Completion(reported_at, Acceptance.RETURNED, reported_at + timedelta(microseconds=1)),)
    return ()


def status_now(row: Assignment, now: datetime, calendar: WorkCalendar) -> Status:
    """Where the assignment stands at `now`."""
    return classify(facts_now(row), now, calendar)


def shown_days(row: Assignment, status: Status, now: datetime, calendar: WorkCalendar) -> int:
    """The number that belongs to the status: civil days late, working days left, or days a report has waited."""
    today = civil_day(now)
    if status.fine in (Fine.OVERDUE, Fine.DONE_LATE):
        return status.days_late
    if status.fine is Fine.AWAITING_CONFIRMATION and row.reported_at is not None:
        return workdays_between(civil_day(row.reported_at), today, calendar)
    if status.due_on is not None and status.is_open and status.due_on >= today:
        return workdays_between(today, status.due_on, calendar)
    return 0


def workdays_between(start: date, end: date, calendar: WorkCalendar) -> int:
    """Working days after `start` up to and with `end`; civil days where the calendar does not reach."""
    try:
        return count_workdays(start, end, calendar)
    except CalendarUnknown:
        return (end - start).days
