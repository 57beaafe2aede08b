"""Urging by a person: one message to each focal officer, a line of history for each assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from tracker.actions.notices import Draft, queue, rendered, task_line
from tracker.actions.office import office
from tracker.actions.people import AddressBook, book_for
from tracker.db import assignments as assignments_db
from tracker.db import urges as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import as_service, transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.outbox import Entry
from tracker.domain.access import Subject, Verb, may, require, sees
from tracker.domain.directory import Actor, Duty, Role
from tracker.domain.errors import Conflict, Invalid, NotFound
from tracker.domain.recipients import Recipient, audience
from tracker.domain.second_thoughts import UNDO_FOR
from tracker.domain.text import clean_text
from tracker.domain.urges import REPEAT_AFTER, Skipped, UrgeKind, judge
from tracker.domain.zone import civil_day
from tracker.mail import contexts
from tracker.mail.stored import read_message

MOST_AT_ONCE = 500
LONGEST_SENTENCE = 1000
HOLD = UNDO_FOR
"""For so long a letter that a page sends off can be taken back."""


class UrgeGone(Conflict):
    """A letter has left, or is leaving: what the agency has read cannot be taken back."""

    code = "urge_gone"


class UrgeChanged(Conflict):
    """What would go out is no longer what was looked at: somebody reported, or was urged meanwhile."""

    code = "urge_changed"


@dataclass(frozen=True)
class NewUrge:
    """What is asked; `answer_by` belongs to a request for explanation, and to it alone.

    Nothing leaves before `hold` has passed. With `whole` one assignment that the actor may not know of stops it all.
    `seen` is the mark of the preview that was agreed to; where it differs, nothing is sent.
    `right` is what the actor does it by: an inspection session asks for explanations in its own right, and for as
    many as its agenda has. `again` asks whoever was asked within a day as well: what a session concluded is asked.
    """

    assignment_ids: Sequence[int]
    kind: UrgeKind = UrgeKind.URGE
    sentence: str = ""
    answer_by: date | None = None
    hold: timedelta = timedelta()
    whole: bool = False
    seen: str = ""
    right: Verb = Verb.URGE
    again: bool = False


@dataclass(frozen=True)
class UrgeMessage:
    """One message: the person, and the assignments it urges for. `outbox_id` is None in a preview."""

    recipient: Recipient
    rows: tuple[Assignment, ...]
    outbox_id: int | None = None


@dataclass(frozen=True)
class NotUrged:
    """An assignment that nobody is urged for, why, and from when on it is possible where only time is needed.

    `has_dead_mailboxes`: there are contacts, and no mail reaches any. `row` is the assignment where it may be known.
    """

    assignment_id: int
    why: Skipped
    possible_at: datetime | None = None
    has_dead_mailboxes: bool = False
    row: Assignment | None = None


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
    Raises Invalid for too many, for one named twice, and for a wrong day to answer by; NotFound and UrgeChanged
    as NewUrge says.
    """
    sentence = _checked(actor, new, now)
    group = uuid4()
    async with transaction():
        messages, skipped = await _choose(actor, new, now, lock=not dry_run)
        if new.seen and new.seen != _mark(messages):
            raise UrgeChanged()
        if messages and not dry_run:
            messages = await _send(actor, new, sentence, messages, group, now)
    return UrgeDone(group, tuple(messages), tuple(skipped), dry_run)


@dataclass(frozen=True)
class Letter:
    """A message as its reader will see it."""

    message: UrgeMessage
    subject: str
    text: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Preview:
    """What exactly would go to whom, and what not and why; `mark` stands for who gets a letter about what."""

    letters: tuple[Letter, ...]
    skipped: tuple[NotUrged, ...]
    mark: str


async def preview(actor: Actor, new: NewUrge, now: datetime) -> Preview:
    """The letters that `urge` would send, composed, and what it would pass over. Raises as `urge`."""
    sentence = _checked(actor, new, now)
    messages, skipped = await _choose(actor, new, now, lock=False)
    drafts = await _drafts(actor, new, sentence, messages, "preview", now)
    letters = []
    for message, draft in zip(messages, drafts, strict=True):
        read = read_message(rendered(draft, now).raw)
        letters.append(Letter(message, dict(read.headers)["Subject"], read.text, read.headers))
    return Preview(tuple(letters), tuple(skipped), _mark(messages))


def _mark(messages: Sequence[UrgeMessage]) -> str:
    said = sorted(
        (m.recipient.official.id, m.recipient.official.email, *(r.id for r in m.rows)) for m in messages
    )
    return sha256(repr(said).encode()).hexdigest()[:24]


def _checked(actor: Actor, new: NewUrge, now: datetime) -> str:
    """The sentence, cleaned, of an urge that may be asked for."""
    require(actor, new.right)
    _check(new, civil_day(now))
    if not new.sentence:
        return ""
    return clean_text(new.sentence, "/sentence", LONGEST_SENTENCE, allow_newlines=True)


async def _choose(
    actor: Actor, new: NewUrge, now: datetime, *, lock: bool
) -> tuple[list[UrgeMessage], list[NotUrged]]:
    """Who is urged for what, and who is not."""
    # The lock keeps two who urge at once from both being the first within a day. Who may know of a row is asked
    # below: an agency's leader urges those under it, whose rows only the service locks.
    async with as_service():
        rows = {r.id: r for r in await assignments_db.list_by_ids(new.assignment_ids, lock=lock)}
    # A session's request to explain is no repetition of an urge that somebody sent the same day.
    same = new.kind.value if new.right is Verb.INSPECT else None
    urged = {} if new.again else await db.list_urged(new.assignment_ids, now - REPEAT_AFTER, same)
    book = await book_for(rows.values())
    skipped: list[NotUrged] = []
    lists: dict[tuple[int, int], list[tuple[Assignment, Recipient]]] = {}
    for assignment_id in new.assignment_ids:
        row = rows.get(assignment_id)
        closed = _closed_to(actor, row, new.right)
        if closed is Skipped.NOT_FOUND and new.whole:
            raise NotFound(noun="assignment", id=assignment_id)
        if row is None or closed is not None:
            skipped.append(NotUrged(assignment_id, closed or Skipped.NOT_FOUND))
            continue
        recipient = _focal(book, row, now)
        recipient_id = None if recipient is None else recipient.official.id
        verdict = judge(
            row.state,
            recipient_id,
            urged.get(row.id, {}),
            now,
            asks_reported=new.kind is UrgeKind.EXPLANATION and new.right is Verb.INSPECT,
        )
        if verdict.skipped is not None or recipient is None:
            why = verdict.skipped or Skipped.NO_RECIPIENT
            is_dead = bool(book.contacts_of(row).agency)
            skipped.append(NotUrged(row.id, why, verdict.possible_at, is_dead, row))
            continue
        lists.setdefault((recipient.official.id, row.agency_id), []).append((row, recipient))
    messages = [UrgeMessage(found[0][1], tuple(row for row, _ in found)) for found in lists.values()]
    return messages, skipped


def _check(new: NewUrge, today: date) -> None:
    ids = new.assignment_ids
    if not ids or (len(ids) > MOST_AT_ONCE and new.right is Verb.URGE):
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


def _closed_to(actor: Actor, row: Assignment | None, right: Verb) -> Skipped | None:
    if row is None:
        return Skipped.NOT_FOUND
    subject = Subject.of_agency(row.agency_id, id=row.id)
    if not sees(actor, subject):
        return Skipped.NOT_FOUND
    return None if may(actor, right, subject) else Skipped.NOT_PERMITTED


def _focal(book: AddressBook, row: Assignment, now: datetime) -> Recipient | None:
    found = audience((Duty.FOCAL,), (), book.contacts_of(row), civil_day(now)).recipients
    return found[0] if found else None


async def _drafts(
    actor: Actor, new: NewUrge, sentence: str, messages: Sequence[UrgeMessage], group: object, now: datetime
) -> list[Draft]:
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
    return drafts


async def _send(
    actor: Actor,
    new: NewUrge,
    sentence: str,
    messages: Sequence[UrgeMessage],
    group: UUID,
    now: datetime,
) -> list[UrgeMessage]:
    drafts = await _drafts(actor, new, sentence, messages, group, now)
    queued = await queue(drafts, now, hold=new.hold)
    sent = [
        UrgeMessage(m.recipient, m.rows, queued.get(d.key)) for m, d in zip(messages, drafts, strict=True)
    ]
    pairs = [(row.id, message.outbox_id) for message in sent for row in message.rows]
    await db.insert_urging(actor, db.NewUrging(group, new.kind.value, sentence, new.answer_by), pairs, now)
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
    return sent


# -- taking back -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Undone:
    """What was taken back: how many letters, for which assignments."""

    letters: int
    assignment_ids: tuple[int, ...]


def may_undo(actor: Actor, urged_by: int | None) -> bool:
    """Whether an urging is the actor's to take back: their own, or the desk's to mend."""
    return actor.is_system or actor.role is Role.SECRETARIAT or actor.official_id == urged_by


async def undo(actor: Actor, urging_id: UUID, now: datetime) -> Undone:
    """Take back every letter of an urging, while none has left: then nothing was sent, and nobody counts as urged.

    Doing it twice is doing it once. Raises NotFound for somebody else's, UrgeGone once a worker has begun.
    """
    require(actor, Verb.URGE)
    async with transaction():
        async with as_service():
            urging = await db.lock_urging(urging_id)
            rows = await db.list_urged_rows(urging_id)
        if not may_undo(actor, urging.urged_by):
            raise NotFound(noun="urging", id=urging_id)
        for row in rows:
            require(actor, Verb.URGE, Subject.of_agency(row.agency_id, id=row.assignment_id))
        if urging.undone_at is not None:
            return Undone(0, tuple(row.assignment_id for row in rows))
        letters = await db.take_back(urging_id, now)
        if letters is None:
            raise UrgeGone()
        detail = {"group": str(urging_id), "kind": urging.kind}
        await insert_history(
            actor,
            [
                HistoryEntry(
                    "undo_urge", row.directive_id, row.task_id, row.assignment_id, urging.sentence, detail
                )
                for row in rows
            ],
            now,
        )
    return Undone(letters, tuple(row.assignment_id for row in rows))
