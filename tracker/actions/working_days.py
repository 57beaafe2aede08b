"""The working calendar in the hands of people: what a change would move, the change, and what follows by decision."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from tracker.actions.assignments import move_deadline
from tracker.actions.notices import Draft, queue, task_line, without_messages
from tracker.actions.office import office
from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import ladders as ladders_db
from tracker.db import reminders as reminders_db
from tracker.db import working_days as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.outbox import Entry
from tracker.db.reminders import NewReminder
from tracker.db.working_days import WorkingYear
from tracker.domain import lengths
from tracker.domain.access import Verb, require
from tracker.domain.assignments import DeadlineCause, Event, transition
from tracker.domain.calendar_change import MovedReminder, Shift, changed_calendar, moved_reminders, shifts
from tracker.domain.directory import Actor, Duty
from tracker.domain.errors import Conflict, Invalid, NotFound, StaleVersion
from tracker.domain.recipients import Recipient, audience
from tracker.domain.text import clean_text
from tracker.domain.versions import version_of
from tracker.domain.workdays import SATURDAY, DayMark, WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import text
from tracker.mail import contexts
from tracker.shipped import shipped_calendar

MOST_COUNTED = 20_000
MOST_MOVED = 500
"""Deadlines that one change moves; the others wait for the next request."""
SHOWN_REMINDERS = 200
NAME = 200


class YearKnown(Conflict):
    """The year's days are known already; params: year."""

    code = "working_year_known"


def day_version(mark: DayMark | None) -> int:
    """What a change of one day depends on."""
    return version_of(mark)


def days_version(marks: Sequence[DayMark | None]) -> int:
    """What a change of several days depends on; of one it is its `day_version`."""
    return version_of(*marks)


@dataclass(frozen=True)
class Preview:
    """What a change of the calendar moves.

    `rows` are the assignments of the shifts by id. Of the reminders up to SHOWN_REMINDERS kinds are shown;
    `reminders_moved` counts them all, each of each assignment.
    """

    shifts: tuple[Shift, ...]
    rows: Mapping[int, Assignment]
    reminders: tuple[MovedReminder, ...]
    reminders_moved: int


@dataclass(frozen=True)
class DayChanged:
    """A day as it is said to be now, what that moves, and how many of the deadlines were moved with it."""

    day: date
    mark: DayMark | None
    preview: Preview
    applied: int


@dataclass(frozen=True)
class DaysChanged:
    """What the days that were changed move, and how many of the deadlines were moved with them."""

    preview: Preview
    applied: int


# -- looking -----------------------------------------------------------------------------------------------


async def preview(viewer: Actor, changes: Mapping[date, DayMark | None]) -> Preview:
    """What these days would move; without any, what earlier changes have left behind. Writes nothing.

    Raises CalendarUnknown for a day of a year that is not loaded.
    """
    require(viewer, Verb.READ_OPERATIONS)
    calendar = await load_calendar()
    return await _preview(calendar, changed_calendar(calendar, changes))


async def _preview(before: WorkCalendar, after: WorkCalendar) -> Preview:
    found = shifts(await db.list_counted(MOST_COUNTED), before, after)
    rows = {r.id: r for r in await assignments_db.list_by_ids([s.assignment_id for s in found])}
    groups = await db.list_groups()
    ladders = {i: await ladders_db.get_ladder(i) for i in sorted({g.ladder_version_id for g in groups})}
    moved = moved_reminders(groups, ladders, before, after)
    return Preview(
        tuple(found), rows, tuple(moved[:SHOWN_REMINDERS]), sum(m.group.assignments for m in moved)
    )


async def find_day(viewer: Actor, day: date) -> tuple[DayMark | None, bool | None]:
    """What is written about a day, and whether it is worked: None in a year that is not loaded."""
    require(viewer, Verb.READ)
    calendar = await load_calendar()
    off = calendar.is_off(day)
    return calendar.mark(day), None if off is None else not off


async def list_days(
    viewer: Actor, year: int
) -> tuple[WorkingYear | None, list[tuple[date, DayMark]], list[WorkingYear]]:
    """A year, None while it is unknown; its marked days; and every known year."""
    require(viewer, Verb.READ)
    years = await db.list_years()
    return next((y for y in years if y.year == year), None), await db.list_marks(year), years


# -- changing ----------------------------------------------------------------------------------------------


async def add_year(actor: Actor, year: int, document: str, confirmed: bool, now: datetime) -> WorkingYear:
    """Say that the days off of a year are known. Raises YearKnown."""
    require(actor, Verb.MANAGE_CALENDAR)
    document = clean_text(document, "/document", lengths.DOCUMENT)
    async with transaction():
        if not await db.insert_year(year, document, confirmed):
            raise YearKnown(year=year)
        entry = HistoryEntry("add_working_year", detail={"year": year, "document": document})
        await insert_history(actor, [entry], now)
    return WorkingYear(year, document, confirmed)


async def confirm_year(actor: Actor, year: int, document: str, now: datetime) -> None:
    """Say that the projected days of a year were announced as they stand. Raises NotFound, YearKnown if they were."""
    require(actor, Verb.MANAGE_CALENDAR)
    document = clean_text(document, "/document", lengths.DOCUMENT)
    async with transaction():
        await db.lock_calendar()
        stands = next((y for y in await db.list_years() if y.year == year), None)
        if stands is None:
            raise NotFound(noun="working_year", id=year)
        if stands.confirmed:
            raise YearKnown(year=year)
        await db.confirm_year(year, document)
        entry = HistoryEntry("confirm_working_year", detail={"year": year, "document": document})
        await insert_history(actor, [entry], now)


async def mark_day(
    actor: Actor,
    day: date,
    mark: DayMark,
    version: int | None,
    now: datetime,
    *,
    apply_shifts: bool = False,
) -> DayChanged:
    """Say what a day is, with the document that says so; deadlines follow only where `apply_shifts` decides it.

    Raises StaleVersion, CalendarUnknown, Invalid without a document.
    """
    mark = replace(
        mark,
        name=clean_text(mark.name, "/name", NAME),
        source=clean_text(mark.source, "/document", lengths.DOCUMENT),
    )
    done = await _change(actor, {day: mark}, mark.source, version, now, apply_shifts=apply_shifts)
    return DayChanged(day, mark, done.preview, done.applied)


async def unmark_day(
    actor: Actor, day: date, document: str, version: int | None, now: datetime, *, apply_shifts: bool = False
) -> DayChanged:
    """Leave a day to its weekday again, with the document that says so. As `mark_day`."""
    document = clean_text(document, "/document", lengths.DOCUMENT)
    mark = _usual(day, document)
    done = await _change(actor, {day: mark}, document, version, now, apply_shifts=apply_shifts)
    return DayChanged(day, mark, done.preview, done.applied)


async def mark_days(
    actor: Actor,
    days: Sequence[date],
    mark: DayMark,
    version: int | None,
    now: datetime,
    *,
    apply_shifts: bool = False,
) -> DaysChanged:
    """Say of several days what one document says of them all, with one preview and one message to everybody.

    `version` is that of `days_version`. As `mark_day`.
    """
    mark = replace(
        mark,
        name=clean_text(mark.name, "/name", NAME),
        source=clean_text(mark.source, "/document", lengths.DOCUMENT),
    )
    changes = dict.fromkeys(days, mark)
    return await _change(actor, changes, mark.source, version, now, apply_shifts=apply_shifts)


async def unmark_days(
    actor: Actor,
    days: Sequence[date],
    document: str,
    version: int | None,
    now: datetime,
    *,
    apply_shifts: bool = False,
) -> DaysChanged:
    """Leave several days to their weekday again. As `mark_days`."""
    document = clean_text(document, "/document", lengths.DOCUMENT)
    changes = {day: _usual(day, document) for day in days}
    return await _change(actor, changes, document, version, now, apply_shifts=apply_shifts)


def _usual(day: date, document: str) -> DayMark | None:
    # A day of the calendar we ship would come back with the next release: it is said to be usual instead.
    usual = DayMark("work" if day.weekday() < SATURDAY else "off", "", document)
    return usual if shipped_calendar().mark(day) is not None else None


async def _change(
    actor: Actor,
    changes: Mapping[date, DayMark | None],
    document: str,
    version: int | None,
    now: datetime,
    *,
    apply_shifts: bool,
) -> DaysChanged:
    require(actor, Verb.MANAGE_CALENDAR)
    async with transaction():
        await db.lock_calendar()
        before = await load_calendar()
        stands = {day: before.mark(day) for day in changes}
        if version is not None and version != days_version(list(stands.values())):
            raise StaleVersion(current=days_version(list(stands.values())))
        after = changed_calendar(before, changes)
        for day, mark in changes.items():
            await db.put_mark(day, mark)
        seen = await _preview(before, after)
        entries = []
        for day, mark in changes.items():
            stood = stands[day]
            detail = {
                "day": day,
                "before": None if stood is None else stood.kind,
                "after": None if mark is None else mark.kind,
                "document": document,
                "shifts": len(seen.shifts),
            }
            entries.append(HistoryEntry("mark_working_day", reason=document, detail=detail))
        await insert_history(actor, entries, now)
        applied = 0
        if apply_shifts and seen.shifts:
            applied = await _apply(actor, seen.shifts[:MOST_MOVED], document, _span(list(changes)), now)
    return DaysChanged(seen, applied)


def _span(days: Sequence[date]) -> str:
    first, last = min(days), max(days)
    return f"{first:%d/%m/%Y}" if first == last else f"{first:%d/%m/%Y}–{last:%d/%m/%Y}"


async def follow(actor: Actor, document: str, now: datetime) -> int:
    """Move the deadlines that earlier changes of the calendar left behind; how many, MOST_MOVED at most."""
    require(actor, Verb.MANAGE_CALENDAR)
    document = clean_text(document, "/document", lengths.DOCUMENT)
    async with transaction():
        await db.lock_calendar()
        calendar = await load_calendar()
        seen = await _preview(calendar, calendar)
        if not seen.shifts:
            return 0
        return await _apply(actor, seen.shifts[:MOST_MOVED], document, f"{civil_day(now):%d/%m/%Y}", now)


async def _apply(actor: Actor, found: Sequence[Shift], document: str, span: str, now: datetime) -> int:
    """Move these deadlines. Whoever holds an invitation gets its update; everybody else one message of all."""
    require(actor, Verb.EDIT_DEADLINE)
    ids = [s.assignment_id for s in found]
    rows = {r.id: r for r in await assignments_db.list_by_ids(ids, lock=True)}
    loud = {i.assignment_id for i in await reminders_db.list_invited(ids)} | await db.list_untold(ids)
    reason = text("vi", "working_day_reason", day=span, document=document)
    quiet: list[tuple[int, date]] = []
    for shift in found:
        row = rows[shift.assignment_id]
        transition(row.state, Event.MOVE_DEADLINE)
        moving = (
            actor,
            row,
            shift.after,
            shift.due_time,
            DeadlineCause.CORRECTION,
            reason,
            document,
            now,
        )
        if row.id in loud:
            await move_deadline(*moving)
        else:
            with without_messages():
                await move_deadline(*moving)
            quiet.append((row.id, shift.before))
    await _tell(quiet, document, now)
    return len(found)


async def _tell(moved: Sequence[tuple[int, date]], document: str, now: datetime) -> None:
    """One message for each person: every deadline of theirs that has moved, from which day to which."""
    if not moved:
        return
    before = dict(moved)
    rows = await assignments_db.list_by_ids(list(before))
    book, calendar = await book_for(rows), await load_calendar()
    groups: dict[int, list[tuple[Assignment, Recipient]]] = {}
    for row in rows:
        people = audience((Duty.FOCAL,), (Duty.HEAD_OF_OFFICE,), book.contacts_of(row), civil_day(now))
        for recipient in people.recipients:
            groups.setdefault(recipient.official.id, []).append((row, recipient))
    drafts = []
    for group in groups.values():
        person = group[0][1].official
        lines = [
            task_line(
                row,
                now,
                calendar,
                wording=text(
                    person.language,
                    "working_day_moved",
                    before=f"{before[row.id]:%d/%m/%Y}",
                    document=document,
                ),
            )
            for row, _ in group
        ]
        names = {row.agency_name for row, _ in group}
        told = hashlib.sha256(repr([(r.id, r.deadline_version) for r, _ in group]).encode()).hexdigest()
        drafts.append(
            Draft(
                kind="digest",
                context=contexts.Digest(tuple(lines), names.pop() if len(names) == 1 else "", office().url),
                recipient=person,
                key=f"moved-{person.id}-{told[:24]}",
                entries=tuple(Entry(r.id, r.deadline_version) for r, _ in group),
                duty=group[0][1].duty,
            )
        )
    queued = await queue(drafts, now)
    await reminders_db.insert_reminders(
        [
            NewReminder(
                assignment_id=row.id,
                step_code="assigned",
                occurrence=1,
                deadline_version=row.deadline_version,
                recipient_id=recipient.official.id,
                is_copy=recipient.is_copy,
                verdict="sent",
                reason="deadline_moved",
                moment=now,
                outbox_id=queued[draft.key],
            )
            for draft, group in zip(drafts, groups.values(), strict=True)
            if draft.key in queued
            for row, recipient in group
        ],
        now,
    )


def check_changes(changes: Sequence[tuple[date, DayMark | None]]) -> dict[date, DayMark | None]:
    """The changes by day. Raises Invalid for a day that is named twice."""
    found: dict[date, DayMark | None] = {}
    for index, (day, mark) in enumerate(changes):
        if day in found:
            raise Invalid.one(f"/changes/{index}/day", "day_twice", day)
        found[day] = mark
    return found
