"""Inside an agency: who works on a task, until when, and notes among colleagues.

None of it is in the history, which the assigning side reads: these rows are never overwritten and tell themselves
who did what when. The letters about it name no task, since the outbox is read by whoever runs the service.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from tracker.actions.notices import Draft, queue
from tracker.actions.office import office
from tracker.db import assignments as assignments_db
from tracker.db import inside as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directory import get_officials
from tracker.db.engine import as_service, transaction
from tracker.db.inside import Colleague, InternalAssignment, InternalNote
from tracker.domain.access import Subject, Verb, may, require
from tracker.domain.assignments import Event, transition
from tracker.domain.directory import Actor
from tracker.domain.errors import Invalid, NotFound, NotPermitted, Problem, StaleVersion
from tracker.domain.inside import NOTE, judge_internal_date, reminder_day
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.text import clean_text
from tracker.domain.zone import civil_day, civil_now
from tracker.mail.contexts import Inside as InsideLetter


@dataclass(frozen=True)
class Inside:
    """What is arranged inside about one assignment, for its own agency's people."""

    live: InternalAssignment | None
    story: tuple[InternalAssignment, ...]
    notes: tuple[InternalNote, ...]
    colleagues: tuple[Colleague, ...]


@dataclass(frozen=True)
class PassOn:
    """To whom, until when, with which note; `seen` is the handing over that was in force (0: none;
    None: whichever it is).
    """

    official_id: int | None
    due_on: date | None
    note: str
    seen: int | None


def is_inside(actor: Actor, row: Assignment) -> bool:
    """Whether the actor belongs to those who may know what is arranged inside."""
    return may(actor, Verb.REPORT, Subject.of_agency(row.agency_id, id=row.id))


async def look(actor: Actor, row: Assignment, now: datetime) -> Inside:
    """What is arranged inside. Raises NotFound, NotPermitted."""
    _require(actor, row)
    return Inside(
        live=await db.find_live(row.id),
        story=tuple(await db.list_story(row.id)),
        notes=tuple(await db.list_notes(row.id, shared_only=False)),
        colleagues=tuple(await db.list_colleagues(row.agency_id, civil_day(now))),
    )


async def list_shared(viewer: Actor, row: Assignment) -> list[InternalNote]:
    """The notes that the agency lets the assigning side read."""
    require(viewer, Verb.READ, Subject.of_agency(row.agency_id, id=row.id))
    return await db.list_notes(row.id, shared_only=True)


async def pass_on(actor: Actor, assignment_id: int, new: PassOn, now: datetime) -> InternalAssignment:
    """Somebody in the agency works on it from now on. Raises NotFound, NotPermitted, Invalid, StaleVersion."""
    async with transaction():
        row = await assignments_db.lock_assignment(actor, assignment_id)
        giver = _require(actor, row)
        transition(row.state, Event.REPORT_PROGRESS)
        today = civil_day(now)
        colleagues = {c.id: c for c in await db.list_colleagues(row.agency_id, today)}
        problems: list[Problem] = []
        if new.official_id not in colleagues:
            problems.append(Problem("/official_id", "colleague_unknown", ""))
        if new.due_on is not None and (found := judge_internal_date(new.due_on, row.due_on, today)):
            problems.append(found)
        body = ""
        try:
            body = clean_text(new.note, "/note", NOTE, allow_newlines=True) if new.note.strip() else ""
        except Invalid as invalid:
            problems.extend(invalid.problems)
        if problems or new.official_id is None:
            raise Invalid(problems)
        live = await db.find_live(row.id)
        if new.seen is not None and (live.id if live else 0) != new.seen:
            raise StaleVersion(current=live.id if live else 0)
        await db.end_live(row.id, now)
        remind_on = None if new.due_on is None else reminder_day(new.due_on, await load_calendar())
        made = await db.insert_live(row.id, new.official_id, new.due_on, remind_on, giver, now)
        if body:
            await db.insert_note(row.id, giver, body, now)
        is_new_to_them = live is None or live.official_id != new.official_id
        if is_new_to_them and new.official_id != giver:
            await _write(new.official_id, "passed", [made], now)
        passed = await db.find_passed_on(made)
        assert passed is not None
        return passed


async def take_back(actor: Actor, assignment_id: int, seen: int | None, now: datetime) -> None:
    """Nobody in particular works on it any more. Raises NotFound, NotPermitted, StaleVersion."""
    async with transaction():
        row = await assignments_db.lock_assignment(actor, assignment_id)
        _require(actor, row)
        live = await db.find_live(row.id)
        if seen is not None and (live.id if live else 0) != seen:
            raise StaleVersion(current=live.id if live else 0)
        await db.end_live(row.id, now)


async def add_note(actor: Actor, assignment_id: int, body: str, now: datetime) -> int:
    """Leave a note for colleagues. Raises NotFound, NotPermitted, Invalid."""
    async with transaction():
        row = await assignments_db.get_assignment(actor, assignment_id)
        author = _require(actor, row)
        cleaned = clean_text(body, "/note", NOTE, allow_newlines=True)
        return await db.insert_note(row.id, author, cleaned, now)


async def share_note(actor: Actor, assignment_id: int, note_id: int, now: datetime) -> None:
    """Let the assigning side read a note; there is no way back, for it may have been read. Raises NotFound."""
    async with transaction():
        row = await assignments_db.get_assignment(actor, assignment_id)
        sharer = _require(actor, row)
        note = await db.find_note(note_id)
        if note is None or note.assignment_id != row.id:
            raise NotFound(noun="note", id=note_id)
        await db.mark_shared(note_id, sharer, now)


async def assignment_of(actor: Actor, internal_id: int) -> Assignment:
    """The assignment that a letter about the inside leads to. Raises NotFound, as for what does not exist."""
    passed = await db.find_passed_on(internal_id)
    if passed is None:
        raise NotFound(noun="assignment", id=internal_id)
    row = await assignments_db.get_assignment(actor, passed.assignment_id)
    if not is_inside(actor, row):
        raise NotFound(noun="assignment", id=internal_id)
    return row


async def remind(now: datetime, hours: Hours = DEFAULT_HOURS) -> int:
    """Remind people of internal dates that have come, each once, one letter a person. How many letters."""
    local = civil_now(now)
    if not hours.digest <= local.time() < hours.quiet_from:
        return 0
    async with transaction():
        by_person: dict[int, list[int]] = {}
        for reminded in await db.claim_due(local.date(), now):
            by_person.setdefault(reminded.official_id, []).append(reminded.id)
        return sum([await _write(who, "due", ids, now) for who, ids in by_person.items()])


def _require(actor: Actor, row: Assignment) -> int:
    """The actor's own id, once the actor acts for the agency."""
    require(actor, Verb.REPORT, Subject.of_agency(row.agency_id, id=row.id))
    if actor.official_id is None:
        # Colleagues talk to each other: a job or the operator has no voice among them.
        raise NotPermitted(verb=Verb.REPORT.value, role=actor.role.value, allowed=("agency_officer",))
    return actor.official_id


async def _write(official_id: int, what: str, ids: Iterable[int], now: datetime) -> int:
    """A letter that says only that there is something, and leads to it; 0 for whom none can reach."""
    listed = sorted(ids)
    async with as_service():
        person = (await get_officials([official_id])).get(official_id)
        if person is None or not person.is_active or person.is_mailbox_dead:
            return 0
        url = f"{office().url}/noi-bo/{listed[0]}" if len(listed) == 1 else f"{office().url}/viec?cua=toi"
        letter = InsideLetter(what="passed" if what == "passed" else "due", count=len(listed), url=url)
        digest = hashlib.sha256(repr(listed).encode()).hexdigest()[:24]
        draft = Draft("inside", letter, person, f"inside-{what}-{official_id}-{digest}", ())
        return len(await queue([draft], now))
