"""Recurrent tasks: each occurrence is an assignment of its own, made when the one before has fallen due."""

from __future__ import annotations

from datetime import date, datetime

from tracker.actions import notices
from tracker.db import assignments as db
from tracker.db import ladders as ladders_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.domain.directory import SYSTEM
from tracker.domain.moments import skipped_rank
from tracker.domain.recurrences import next_occurrence
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day

AT_ONCE = 500


async def roll(now: datetime) -> int:
    """Make the next occurrence of every recurrent assignment whose day has come. How many were made.

    One that has been missed for several periods is made for the current period only: what nobody was asked for
    in time is not charged afterwards. The one before stays open until it is reported.
    """
    calendar = await load_calendar()
    today = civil_day(now)
    made = 0
    for row in await db.list_recurrent_due(today, AT_ONCE):
        async with transaction():
            made += await make_next(row, today, calendar, now)
    return made


async def make_next(row: Assignment, today: date, calendar: WorkCalendar, now: datetime) -> int:
    """Inside a transaction: make the occurrence that follows `row`, at `row`'s agency; whether one was made."""
    assert row.recurrence is not None
    assert row.due_on is not None
    rules = row.recurrence.split("\n")
    due_on = next_occurrence(rules, max(row.due_on, date.fromordinal(today.toordinal() - 1)), calendar)
    if due_on is None or not await db.take_recurrence(row.id, row.row_version):
        return 0
    ladder = await ladders_db.current_ladder(now)
    following = db.AssignmentRow(
        task_id=row.task_id,
        agency_id=row.agency_id,
        part=row.part.value,
        via_class=row.via_class,
        occurrence=row.occurrence + 1,
        due_kind="dated",
        due_on=due_on,
        due_time=row.due_time,
        starts_on=None,
        recurrence=row.recurrence,
        due_words=row.due_words,
        due_event="",
        early_due_confirmed=False,
        ladder_version_id=ladder.id,
        settled_rank=skipped_rank(ladder, due_on, row.due_time, now, calendar),
    )
    ids = await db.insert_assignments(row.directive_id, [following], today, now, None)
    entry = HistoryEntry(
        "recur",
        row.directive_id,
        row.task_id,
        ids[0],
        detail={"after": row.id, "due": due_on, "occurrence": row.occurrence + 1},
    )
    await insert_history(SYSTEM, [entry], now)
    await notices.assigned(SYSTEM, ids, now)
    return 1
