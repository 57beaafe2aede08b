"""Urging by a person: one message to each focal officer, a line of history for each assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID, uuid4

from tracker.actions.notices import Draft, queue, task_line
from tracker.actions.office import office
from tracker.actions.people import AddressBook, book_for
from tracker.db import assignments as assignments_db
from tracker.db import urges as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.outbox import Entry
from tracker.domain.access import Subject, Verb, may, require, sees
from tracker.domain.directory import Actor, Duty
from tracker.domain.errors import Invalid
from tracker.domain.recipients import Recipient, audience
from tracker.domain.text import clean_text
from tracker.domain.urges import REPEAT_AFTER, Skipped, UrgeKind, judge
from tracker.domain.zone import civil_day
from tracker.mail import contexts

MOST_AT_ONCE = 500
LONGEST_SENTENCE = 1000


@dataclass(frozen=True)
class NewUrge:
    """What is asked; `answer_by` belongs to a request for explanation, and to it alone."""

    assignment_ids: Sequence[int]
    kind: UrgeKind = UrgeKind.URGE
    sentence: str = ""
    answer_by: date | None = None


@dataclass(frozen=True)
class UrgeMessage:
    """One message: the person, and the assignments it urges for. `outbox_id` is None in a preview."""

    recipient: Recipient
    rows: tuple[Assignment, ...]
    outbox_id: int | None = None


@dataclass(frozen=True)
class NotUrged:
    """An assignment that nobody is urged for, why, and from when on it is possible where only time is needed."""

    assignment_id: int
    why: Skipped
    possible_at: datetime | None = None


@dataclass(frozen=True)
class UrgeDone:
    """What an urge did, or would do."""

    group: UUID
    messages: tuple[UrgeMessage, ...]
    skipped: tuple[NotUrged, ...]
    is_rehearsal: bool


async def urge(actor: Actor, new: NewUrge, now: datetime, *, dry_run: bool = False) -> UrgeDone:
    """Urge the focal officers of these assignments, each in one message; with `dry_run` only say who and who not.

    Nobody is urged for what is done or waits for confirmation, nor twice within REPEAT_AFTER.
    Raises Invalid for too many, for one named twice, and for a wrong day to answer by.
    """
    require(actor, Verb.URGE)
    _check(new, civil_day(now))
    sentence = (
        clean_text(new.sentence, "/sentence", LONGEST_SENTENCE, allow_newlines=True) if new.sentence else ""
    )
    group = uuid4()
    async with transaction():
        # The lock keeps two who urge at once from both being the first within a day.
        rows = {r.id: r for r in await assignments_db.list_by_ids(new.assignment_ids, lock=not dry_run)}
        urged = await db.list_urged(new.assignment_ids, now - REPEAT_AFTER)
        book = await book_for(rows.values())
        skipped: list[NotUrged] = []
        lists: dict[tuple[int, int], list[tuple[Assignment, Recipient]]] = {}
        for assignment_id in new.assignment_ids:
            row = rows.get(assignment_id)
            closed = _closed_to(actor, row)
            if row is None or closed is not None:
                skipped.append(NotUrged(assignment_id, closed or Skipped.NOT_FOUND))
                continue
            recipient = _focal(book, row, now)
            recipient_id = None if recipient is None else recipient.official.id
            verdict = judge(row.state, recipient_id, urged.get(row.id, {}), now)
            if verdict.skipped is not None or recipient is None:
                skipped.append(NotUrged(row.id, verdict.skipped or Skipped.NO_RECIPIENT, verdict.possible_at))
                continue
            lists.setdefault((recipient.official.id, row.agency_id), []).append((row, recipient))
        messages = [UrgeMessage(group[0][1], tuple(row for row, _ in group)) for group in lists.values()]
        if messages and not dry_run:
            messages = await _send(actor, new, sentence, messages, group, now)
    return UrgeDone(group, tuple(messages), tuple(skipped), dry_run)


def _check(new: NewUrge, today: date) -> None:
    ids = new.assignment_ids
    if not 1 <= len(ids) <= MOST_AT_ONCE:
        raise Invalid.one("/assignment_ids", "out_of_range", len(ids), least=1, most=MOST_AT_ONCE)
    for index, assignment_id in enumerate(ids):
        if assignment_id in ids[:index]:
            raise Invalid.one(f"/assignment_ids/{index}", "assignment_twice", assignment_id)
    if new.kind is UrgeKind.EXPLANATION and new.answer_by is None:
        raise Invalid.one("/answer_by", "answer_by_missing", None)
    if new.kind is UrgeKind.URGE and new.answer_by is not None:
        raise Invalid.one("/answer_by", "answer_by_not_here", new.answer_by)
    if new.answer_by is not None and new.answer_by < today:
        raise Invalid.one("/answer_by", "answer_by_past", new.answer_by, today=today)


def _closed_to(actor: Actor, row: Assignment | None) -> Skipped | None:
    if row is None:
        return Skipped.NOT_FOUND
    subject = Subject.of_agency(row.agency_id, id=row.id)
    if not sees(actor, subject):
        return Skipped.NOT_FOUND
    return None if may(actor, Verb.URGE, subject) else Skipped.NOT_PERMITTED


def _focal(book: AddressBook, row: Assignment, now: datetime) -> Recipient | None:
    found = audience((Duty.FOCAL,), (), book.contacts_of(row), civil_day(now)).recipients
    return found[0] if found else None


async def _send(
    actor: Actor,
    new: NewUrge,
    sentence: str,
    messages: Sequence[UrgeMessage],
    group: UUID,
    now: datetime,
) -> list[UrgeMessage]:
    calendar = await load_calendar()
    drafts = []
    for message in messages:
        first, person = message.rows[0], message.recipient.official
        context = contexts.Urge(
            lines=tuple(task_line(row, now, calendar) for row in message.rows),
            agency_name=first.agency_name,
            urged_by=actor.name,
            url=f"{office().url}/viec?co-quan={first.agency_code}",
            reason=sentence,
            answer_by=new.answer_by,
        )
        drafts.append(
            Draft(
                kind="urge",
                context=context,
                recipient=person,
                key=f"urge-{group}-{person.id}-{first.agency_id}",
                entries=tuple(Entry(row.id, row.deadline_version) for row in message.rows),
                duty=message.recipient.duty,
            )
        )
    queued = await queue(drafts, now)
    await insert_history(
        actor,
        [
            HistoryEntry(
                "urge",
                row.directive_id,
                row.task_id,
                row.id,
                sentence,
                {
                    "group": str(group),
                    "kind": new.kind.value,
                    "to": [str(message.recipient.official.id)],
                    "answer_by": new.answer_by,
                },
            )
            for message in messages
            for row in message.rows
        ],
        now,
    )
    return [
        UrgeMessage(m.recipient, m.rows, queued.get(d.key)) for m, d in zip(messages, drafts, strict=True)
    ]
