"""Reminding agencies of the explanations that inspection sessions asked for: as part of the sweep.

1. Ask which sessions are owed any: planned, not over, with a day for it.
2. Lock one; two sweeps at once take turns, and the second finds in the ledger what the first has done.
3. For each assignment that owes and is being worked on, the rule says which step is due and which it makes needless.
4. One letter to each contact and step; the letter and the ledger are one transaction.

A crash in between is made good by the next sweep: nothing is remembered but what was written.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Literal, cast
from uuid import UUID

from tracker.actions.notices import Draft, queue, rendered, task_line, unrenderable
from tracker.actions.office import office
from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import explaining as db
from tracker.db import inspections as inspections_db
from tracker.db import outbox as outbox_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import Failure, as_service, classify_failure, transaction
from tracker.db.explaining import NewRow
from tracker.db.inspections import Inspection
from tracker.db.outbox import Entry
from tracker.domain.assignments import WORKING_STATES
from tracker.domain.directory import Duty, Official
from tracker.domain.explaining import Reminding, remind_now
from tracker.domain.inspections import State
from tracker.domain.moments import DEFAULT_HOURS, Hours
from tracker.domain.recipients import audience
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.mail import contexts

log = logging.getLogger(__name__)

LATE_AFTER = timedelta(hours=12)
"""A reminder this long after its moment says that it comes late."""

Step = Literal["before", "on", "after", "moved"]


async def remind(now: datetime, hours: Hours = DEFAULT_HOURS) -> int:
    """Give every reminder that is due; running it twice, late, or in many processes changes nothing. How many letters.

    A session that cannot be reminded of is passed over and tried again with the next sweep.
    """
    calendar = await load_calendar()
    letters = 0
    for inspection_id in await db.list_waiting_sessions(civil_day(now)):
        try:
            letters += await _remind_of(inspection_id, now, calendar, hours)
        except Exception as error:
            if classify_failure(error) is not Failure.REFUSED:
                raise
            log.exception("explanations not reminded of", extra={"inspection": inspection_id})
    return letters


async def _remind_of(inspection_id: int, now: datetime, calendar: WorkCalendar, hours: Hours) -> int:
    async with transaction():
        found = await inspections_db.lock_inspection(inspection_id)
        if found.state is not State.PLANNED or found.explain_by is None or found.held_on < civil_day(now):
            return 0
        day = await db.get_day(inspection_id)
        settled = await db.list_settled(inspection_id, day.version)
        due: dict[int, Reminding] = {}
        for owing in await db.list_owing(inspection_id):
            asked_at = max(owing.asked_at, day.set_at or owing.asked_at)
            steps = settled.get(owing.assignment_id, frozenset())
            step = remind_now(found.explain_by, asked_at, steps, now, calendar, hours)
            if step is not None:
                due[owing.assignment_id] = step
        return await _tell(found, day.version, due, None, now, calendar)


async def _tell(
    found: Inspection,
    version: int,
    due: dict[int, Reminding],
    previous_on: date | None,
    now: datetime,
    calendar: WorkCalendar,
) -> int:
    """One letter to each contact and step, and what the ledger says of it. Nobody is told of what is being judged."""
    rows = [r for r in await assignments_db.list_by_ids(list(due)) if r.state in WORKING_STATES]
    if not rows:
        return 0
    book = await book_for(rows)
    groups: dict[tuple[int, int, str], tuple[Official, Duty, list[Assignment]]] = {}
    for row in rows:
        people = audience((Duty.FOCAL,), (), book.contacts_of(row), civil_day(now)).recipients
        for person in people[:1]:
            key = (person.official.id, row.agency_id, due[row.id].step)
            groups.setdefault(key, (person.official, person.duty, []))[2].append(row)
    drafts = [
        (_draft(found, version, person, duty, own, due, previous_on, now, calendar), own)
        for person, duty, own in groups.values()
    ]
    queued = await _queue_apart([draft for draft, _ in drafts], now)
    ledger = []
    for draft, own in drafts:
        if draft.key in queued:
            for row in own:
                ledger += _rows(row.id, due[row.id], draft.recipient.id, queued[draft.key])
    await db.insert_rows(found.id, version, ledger, now)
    return len(queued)


async def _queue_apart(drafts: Sequence[Draft], now: datetime) -> dict[str, int]:
    """As `queue`; a letter that cannot be made fails alone, where people see it, and takes no other with it."""
    good, broken = [], []
    for draft in drafts:
        try:
            rendered(draft, now)
        except Exception as error:
            broken.append(unrenderable(draft, error))
        else:
            good.append(draft)
    queued = await queue(good, now)
    if broken:
        ids = await outbox_db.reserve_ids(len(broken))
        added = await outbox_db.insert_messages(list(zip(ids, broken, strict=True)), now)
        queued |= {m.notify_key: i for i, m in zip(ids, broken, strict=True) if i in added}
    return queued


def _rows(assignment_id: int, due: Reminding, recipient_id: int, outbox_id: int) -> list[NewRow]:
    passed_over = [NewRow(assignment_id, step, at) for step, at in due.superseded]
    return [NewRow(assignment_id, due.step, due.came_at, recipient_id, outbox_id), *passed_over]


def _draft(
    found: Inspection,
    version: int,
    person: Official,
    duty: Duty,
    own: Sequence[Assignment],
    due: dict[int, Reminding],
    previous_on: date | None,
    now: datetime,
    calendar: WorkCalendar,
) -> Draft:
    first = due[own[0].id]
    late_since = civil_day(first.came_at) if now - first.came_at > LATE_AFTER else None
    step = cast(Step, first.step)
    marks = f"{version}-{step}-{own[0].agency_id}-{_digest(row.id for row in own)}"
    return Draft(
        kind="explanation_due",
        context=_context(found, step, own, late_since, previous_on, now, calendar),
        recipient=person,
        key=f"explain-{found.id}-{marks}-{person.id}",
        # Whoever answered is told no more: see `answered`. What else happens to the task changes nothing.
        entries=tuple(Entry(row.id, row.deadline_version, "any") for row in own),
        duty=duty,
    )


def _context(
    found: Inspection,
    step: Step,
    own: Sequence[Assignment],
    late_since: date | None,
    previous_on: date | None,
    now: datetime,
    calendar: WorkCalendar,
) -> contexts.ExplanationDue:
    lines = (task_line(row, now, calendar) for row in own)
    return contexts.ExplanationDue(
        lines=tuple(replace(line, late_since=late_since) for line in lines),
        agency_name=own[0].agency_name,
        session=found.title,
        held_on=found.held_on,
        answer_by=found.explain_by or found.held_on,
        # Nothing is said of a day that was not told before.
        step="before" if step == "moved" and previous_on is None else step,
        url=f"{office().url}/kiem-tra/{found.id}",
        previous_on=previous_on,
    )


def _digest(ids: Iterable[int]) -> str:
    return hashlib.sha256(repr(sorted(ids)).encode()).hexdigest()[:16]


# --- what follows from other actions, in their transaction ---------------------------------------------------


async def asked(inspection_id: int, urging_id: UUID) -> None:
    """A session asked its agencies to explain by this urging: from now on they are reminded."""
    await db.insert_asking(inspection_id, urging_id)


async def moved(inspection_id: int, before: date | None, explain_by: date | None, now: datetime) -> int:
    """The day for explanations is another one: whoever still owes one is told at once. How many letters."""
    if explain_by is None or explain_by == before:
        return 0
    async with as_service():
        await db.move_day(inspection_id, explain_by, now)
        found = await inspections_db.get_inspection(inspection_id)
        day = await db.get_day(inspection_id)
        due = {o.assignment_id: Reminding("moved", now) for o in await db.list_owing(inspection_id)}
        return await _tell(found, day.version, due, before, now, await load_calendar())


async def stopped(inspection_id: int) -> None:
    """The session takes no explanations any more: what waits to be sent is not."""
    await db.supersede_of_session(inspection_id)


async def answered(assignment_id: int) -> None:
    """An explanation came: a letter that reminds of nothing else is not sent."""
    await db.supersede_answered(assignment_id)


async def still_owed(outbox_id: int, rows: Sequence[Assignment], now: datetime) -> list[Assignment]:
    """Of the rows that a reminder speaks of, those that it would still speak of now."""
    reminded = await db.find_reminded(outbox_id)
    if reminded is None:
        return []
    found = await inspections_db.get_inspection(reminded[0])
    if found.state is not State.PLANNED or found.explain_by is None or found.held_on < civil_day(now):
        return []
    owing = {o.assignment_id for o in await db.list_owing(found.id)}
    return [row for row in rows if row.id in owing and row.state in WORKING_STATES]


async def again(
    outbox_id: int, recipient: Official, rows: Sequence[Assignment], key: str, now: datetime
) -> Draft:
    """The same reminder of these rows, for somebody who is told instead or a second time."""
    reminded = await db.find_reminded(outbox_id)
    assert reminded is not None
    inspection_id, step = reminded
    found = await inspections_db.get_inspection(inspection_id)
    context = _context(found, cast(Step, step), rows, None, None, now, await load_calendar())
    entries = tuple(Entry(row.id, row.deadline_version, "any") for row in rows)
    duty = next(iter(sorted(recipient.duties)), None)
    return Draft("explanation_due", context, recipient, key, entries, duty)
