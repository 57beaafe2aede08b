"""What another deadline would change for whom: letters that would not go, letters that would, calendars that move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import ladders as ladders_db
from tracker.db import reminders as reminders_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.switches import is_sending_paused
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import OPEN_STATES, DueKind, State
from tracker.domain.deadlines import Resolution, resolve
from tracker.domain.directory import Actor, Duty
from tracker.domain.errors import Invalid
from tracker.domain.moments import DEFAULT_HOURS, Hours, skipped_rank
from tracker.domain.phrases import parse
from tracker.domain.recipients import Recipient, audience
from tracker.domain.reminders import Decision, ReminderFacts, Verdict, decide
from tracker.domain.workdays import CalendarUnknown, WorkCalendar
from tracker.domain.zone import civil_day


@dataclass(frozen=True)
class Preview:
    """The reminders still to come under the old deadline and under the new one, and who hears of the change.

    `told` get a letter at once; `invited` counts the calendars in which an entry moves.
    """

    before: tuple[Decision, ...]
    after: tuple[Decision, ...]
    told: tuple[Recipient, ...]
    invited: int
    is_paused: bool


async def preview_deadline(
    viewer: Actor,
    assignment_id: int,
    due_on: date | None,
    due_time: time | None,
    now: datetime,
    hours: Hours = DEFAULT_HOURS,
) -> Preview:
    """What moving the deadline to that day would change; None asks for closing: nothing comes after. Writes nothing."""
    row = await assignments_db.get_assignment(viewer, assignment_id)
    require(viewer, Verb.READ_HISTORY, Subject.of_agency(row.agency_id, id=assignment_id))
    return (await preview_deadlines(viewer, [(row, due_on, due_time)], now, hours))[0]


async def preview_deadlines(
    viewer: Actor,
    wanted: Sequence[tuple[Assignment, date | None, time | None]],
    now: datetime,
    hours: Hours = DEFAULT_HOURS,
) -> list[Preview]:
    """As `preview_deadline` for rows that the viewer was shown, with what they share read once."""
    rows = [row for row, _, _ in wanted]
    calendar = await load_calendar()
    book = await book_for(rows)
    is_paused = await is_sending_paused()
    invited = [i.assignment_id for i in await reminders_db.list_invited([row.id for row in rows])]
    ladders = {v: await ladders_db.get_ladder(v) for v in {row.ladder_version_id for row in rows}}
    found = []
    for row, due_on, due_time in wanted:
        contacts, ladder = book.contacts_of(row), ladders[row.ladder_version_id]
        facts = ReminderFacts(
            # A waiting report stops the clock, whatever the date: what a date brings is told as if it ran.
            state=row.state if row.state is not State.REPORTED else State.IN_PROGRESS,
            due_kind=DueKind(row.due_kind),
            due_on=row.due_on,
            due_time=row.due_time,
            settled_rank=row.settled_rank,
            review_rank=row.review_rank,
            reported_on=None,
            is_extension_pending=row.extension_pending,
            is_paused=False,
        )
        before = decide(facts, ladder, now, calendar, {}, contacts, hours) if row.state in OPEN_STATES else ()
        after: tuple[Decision, ...] = ()
        if due_on is not None:
            settled = skipped_rank(ladder, due_on, due_time, now, calendar)
            moved = replace(
                facts, due_kind=DueKind.DATED, due_on=due_on, due_time=due_time, settled_rank=settled
            )
            after = decide(moved, ladder, now, calendar, {}, contacts, hours)
        told = audience((Duty.FOCAL,), (Duty.HEAD_OF_OFFICE,), contacts, civil_day(now)).recipients
        found.append(
            Preview(_coming(before, now), _coming(after, now), told, invited.count(row.id), is_paused)
        )
    return found


def _coming(decisions: Sequence[Decision], now: datetime) -> tuple[Decision, ...]:
    """Those whose moment is still to come."""
    return tuple(d for d in decisions if d.verdict is Verdict.WAIT and d.at is not None and d.at > now)


def resolve_words(words: str, counted_from: date, calendar: WorkCalendar) -> Resolution:
    """The day that words such as "15 ngày làm việc" come to, counted from a day.

    Raises Invalid for a year whose calendar is not loaded.
    """
    try:
        return resolve(parse(words, counted_from), counted_from, calendar, received_on=counted_from)
    except CalendarUnknown as error:
        raise Invalid.one("/due_on", "calendar_unknown", words, year=error.year) from None
