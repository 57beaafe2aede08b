"""What people are told of a succession: step 0 at the successors once, and calendars put right.

Whoever is addressed for few tasks gets each with its invitation, for many one list. Whoever held an invitation and is
no longer addressed gets its cancellation; whoever still is keeps the entry that stands in the calendar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from tracker import i18n
from tracker.actions.notices import (
    INVITATIONS_AT_ONCE,
    Draft,
    assigned_draft,
    invitation_for,
    queue,
    step_zero,
    task_line,
)
from tracker.actions.office import office
from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db import reminders as reminders_db
from tracker.db import succession as db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.outbox import Entry
from tracker.db.reminders import Invited, NewReminder
from tracker.domain.assignments import State
from tracker.domain.directory import SYSTEM, Actor, Duty, Official
from tracker.domain.ladders import assigned_moment
from tracker.domain.recipients import Recipient, audience
from tracker.domain.reminders import Reason
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.mail import contexts


@dataclass
class _News:
    """What one person is told: the assignments that come to the agency, each with that it came from."""

    recipient: Recipient
    rows: list[Assignment] = field(default_factory=list)


@dataclass(frozen=True)
class _Scene:
    """The rows that go on, the rows they come from, and whom they go to."""

    rows: Mapping[int, Assignment]
    before: Mapping[int, Assignment]
    heirs: Mapping[int, int]
    origins: Mapping[int, int]
    document: str
    succession_id: int
    actor: Actor
    calendar: WorkCalendar
    now: datetime
    lines: dict[int, contexts.TaskLine] = field(default_factory=dict)

    def line(self, row: Assignment) -> contexts.TaskLine:
        """The assignment as mails show it, worked out once for all who are told."""
        if row.id not in self.lines:
            self.lines[row.id] = task_line(row, self.now, self.calendar)
        return self.lines[row.id]

    def origin(self, row: Assignment) -> Assignment:
        """The closed row that `row` continues."""
        return self.before[self.origins[row.id]]


async def tell(
    actor: Actor,
    heirs: Mapping[int, int],
    before: Mapping[int, Assignment],
    succession_id: int,
    document: str,
    now: datetime,
) -> None:
    """Inside a transaction: queue the news of a succession.

    `heirs` is the new assignment by the old one, `before` the rows that were closed.
    """
    closed_ids = list(before)
    rows = {r.id: r for r in await assignments_db.list_by_ids(sorted(heirs.values()))}
    origins = {new: old for old, new in heirs.items()}
    calendar = await load_calendar()
    scene = _Scene(rows, before, heirs, origins, document, succession_id, actor, calendar, now)
    news, ledger = await _addressed(scene)
    invited = await reminders_db.list_invited(closed_ids)
    told = {(official, row.id) for official, of in news.items() for row in of.rows}
    keeping = [
        (i.assignment_id, heirs[i.assignment_id], i.official_id)
        for i in invited
        if (i.official_id, heirs.get(i.assignment_id)) in told
    ]
    await db.move_invitations(keeping)
    kept = {(old, official) for old, _, official in keeping}
    await _cancel(scene, [i for i in invited if (i.assignment_id, i.official_id) not in kept])
    await _tell_each(scene, news, ledger)


async def _addressed(scene: _Scene) -> tuple[dict[int, _News], list[NewReminder]]:
    """Who is told of what by step 0, and what nobody can be told of."""
    book = await book_for(scene.rows.values())
    ladders = {
        i: await ladders_db.get_ladder(i) for i in sorted({r.ladder_version_id for r in scene.rows.values()})
    }
    news: dict[int, _News] = {}
    unreached: list[NewReminder] = []
    for row in scene.rows.values():
        moment = assigned_moment(ladders[row.ladder_version_id])
        if moment is None:
            continue
        people = audience(moment.step.to, moment.step.copy, book.contacts_of(row), civil_day(scene.now))
        for recipient in people.recipients:
            news.setdefault(recipient.official.id, _News(recipient)).rows.append(row)
        if not people.recipients:
            unreached.append(step_zero(row, None, scene.now, Reason.NO_RECIPIENT.value))
    return news, unreached


async def _tell_each(scene: _Scene, news: Mapping[int, _News], ledger: list[NewReminder]) -> None:
    """One list for each person, or a message for each task while there are few of them."""
    drafts: list[tuple[Draft, _News, tuple[Assignment, ...]]] = []
    for told in news.values():
        few = not told.recipient.is_copy and len(told.rows) <= INVITATIONS_AT_ONCE
        apart = [row for row in told.rows if few and row.state is not State.REPORTED]
        listed = [row for row in told.rows if not few or row.state is State.REPORTED]
        for row in apart:
            directive = await directives_db.get_directive(SYSTEM, row.directive_id)
            draft = assigned_draft(directive, (row,), told.recipient, scene.now, scene.calendar)
            drafts.append((draft, told, (row,)))
        if listed:
            drafts.append((_list_of(scene, told.recipient, listed), told, tuple(listed)))
    queued = await queue([draft for draft, _, _ in drafts], scene.now)
    ledger += [
        step_zero(row, told.recipient, scene.now, told.recipient.route.value, queued[draft.key])
        for draft, told, rows in drafts
        if draft.key in queued
        for row in rows
    ]
    invitations = [
        (rows[0].id, draft.recipient.id, rows[0].sequence, "requested", queued[draft.key])
        for draft, _, rows in drafts
        if draft.key in queued and getattr(draft.context, "invitation", None) is not None
    ]
    if invitations:
        await reminders_db.put_invitations(invitations)
    await reminders_db.insert_reminders(ledger, scene.now)


def _list_of(scene: _Scene, recipient: Recipient, rows: Sequence[Assignment]) -> Draft:
    """All that comes to one person, each line saying from which agency and by which document."""
    person = recipient.official
    lines = []
    for row in rows:
        wording = i18n.text(
            person.language,
            "succession.taken_over",
            agency=scene.origin(row).agency_name,
            document=scene.document,
        )
        lines.append(replace(scene.line(row), wording=wording))
    codes = {row.agency_code for row in rows}
    url = (
        f"{office().url}/viec?co-quan={rows[0].agency_code}"
        if len(codes) == 1
        else f"{office().url}/can-xu-ly"
    )
    return Draft(
        kind="digest",
        context=contexts.Digest(tuple(lines), rows[0].agency_name if len(codes) == 1 else "", url),
        recipient=person,
        key=f"succession-{scene.succession_id}-{person.id}",
        entries=tuple(
            Entry(r.id, r.deadline_version, "reported" if r.state is State.REPORTED else "open") for r in rows
        ),
        duty=recipient.duty,
    )


async def _cancel(scene: _Scene, invited: Sequence[Invited]) -> None:
    """Take the entry out of the calendars of those who are no longer asked; one message each, as calendars want it."""
    officials = await directory_db.get_officials({i.official_id for i in invited})
    drafts: list[tuple[Draft, Assignment, int]] = []
    for held in invited:
        person = officials[held.official_id]
        if person.is_active and not person.is_mailbox_dead:
            drafts.append(_cancellation(scene, scene.before[held.assignment_id], person))
    queued = await queue([draft for draft, _, _ in drafts], scene.now)
    rows = [
        (row.id, draft.recipient.id, sequence, "cancelled", queued[draft.key])
        for draft, row, sequence in drafts
        if draft.key in queued
    ]
    if rows:
        await reminders_db.put_invitations(rows)


def _cancellation(scene: _Scene, row: Assignment, person: Official) -> tuple[Draft, Assignment, int]:
    """The row that was closed, its cancellation, and the SEQUENCE of that."""
    line = task_line(row, scene.now, scene.calendar)
    heir = scene.rows.get(scene.heirs.get(row.id, 0))
    context = contexts.Cancelled(
        line=line,
        decided_by=scene.actor.name,
        document=scene.document,
        successor=heir.agency_name if heir else "",
    )
    # The outbox drops what concerns another agency than the recipient's own, and people have moved already: the
    # message stands with the row that goes on where they are, or with none, so that their calendar is put right.
    is_there = heir is not None and heir.agency_id == person.agency_id
    told_of = heir if is_there and heir is not None else row if row.agency_id == person.agency_id else None
    draft = Draft(
        kind="cancelled",
        context=context,
        recipient=person,
        key=f"cancelled-{row.id}-{row.row_version}-{person.id}",
        entries=() if told_of is None else (Entry(told_of.id, told_of.deadline_version, "any"),),
        duty=next(iter(person.duties), Duty.FOCAL),
    )
    # The calendar knows the deadline by the identity that went on to the successor's assignment.
    uid, sequence = (heir.uid, heir.sequence) if heir else (row.uid, row.sequence)
    made = invitation_for(line, draft, scene.now, "CANCEL", uid, sequence)
    return (
        (draft if made is None else replace(draft, context=replace(context, invitation=made))),
        row,
        sequence,
    )
