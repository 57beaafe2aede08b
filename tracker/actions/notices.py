"""What people are told because something happened: composed and queued in the transaction in which it happened.

Reminders, which time brings, are in reminders.py. A message is rendered once, for one recipient; nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from tracker.actions.office import assignment_url, office
from tracker.actions.people import AddressBook, book_for
from tracker.actions.standing import shown_days, status_now
from tracker.db import assignments as assignments_db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db import outbox as outbox_db
from tracker.db import reminders as reminders_db
from tracker.db import unwanted_mail as unwanted_mail_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.engine import as_service
from tracker.db.outbox import Entry, NewMessage
from tracker.db.reminders import NewReminder
from tracker.db.reports import Report
from tracker.domain.assignments import State
from tracker.domain.directory import SYSTEM, Actor, Duty, Official
from tracker.domain.drafts import ExtensionDecision, NewExtension, NewReport
from tracker.domain.ladders import assigned_moment
from tracker.domain.recipients import Recipient, Route, audience
from tracker.domain.reminders import Reason
from tracker.domain.unwanted_mail import OptionalMail
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import Language
from tracker.mail import contexts
from tracker.mail.compose import deadline_invitation, render
from tracker.mail.contexts import Addressing, Context, TaskLine
from tracker.mail.invitation import Invitation
from tracker.mail.layouts import Layouts
from tracker.mail.message import Mailbox, to_bytes
from tracker.words import render_words

SWITCHED_OFF = "switched_off"
"""Why somebody was not told: they do without copies of this kind."""
INVITATIONS_AT_ONCE = 5
"""Up to so many dated tasks each come with an invitation in a message of its own; more come as one list."""


CarriesInvitation = (
    contexts.Assigned
    | contexts.DeadlineMoved
    | contexts.Confirmed
    | contexts.ExtensionDecided
    | contexts.Cancelled
)
"""The kinds of mail that may move or cancel a calendar entry."""

# --- queueing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draft:
    """A message to one person, not yet rendered; `key` makes a repetition harmless.

    `optional` is what the recipient may have switched off; None for duty mail.
    """

    kind: str
    context: Context
    recipient: Official
    key: str
    entries: tuple[Entry, ...]
    duty: Duty | None = None
    urgent: bool = False
    optional: OptionalMail | None = None

    def addressing(self, now: datetime) -> Addressing:
        """The way of this mail, as the composer wants it."""
        to = Mailbox(self.recipient.name, self.recipient.email)
        return Addressing(office(), to, self.key, now, self.duty)


def rendered(draft: Draft, now: datetime, layouts: Layouts | None = None) -> NewMessage:
    """The draft as the bytes that will be sent, however often."""
    message = render(draft.kind, draft.context, draft.recipient.language, draft.addressing(now), layouts)
    return NewMessage(
        kind=draft.kind,
        notify_key=draft.key,
        recipient_id=draft.recipient.id,
        address=draft.recipient.email,
        language=draft.recipient.language,
        message_id=message.message_id,
        subject=message.subject,
        raw=to_bytes(message),
        urgent=draft.urgent,
        entries=draft.entries,
    )


def unrenderable(draft: Draft, error: Exception) -> NewMessage:
    """What stands in the outbox for a draft that cannot become a message: a failure with its reason."""
    return NewMessage(
        kind=draft.kind,
        notify_key=draft.key,
        recipient_id=draft.recipient.id,
        address=draft.recipient.email,
        language=draft.recipient.language,
        message_id=f"<{draft.key}@{office().domain}>",
        subject="",
        raw=b"",
        urgent=draft.urgent,
        entries=draft.entries,
        broken=f"{type(error).__name__}: {error}"[:500],
    )


_is_silent: ContextVar[bool] = ContextVar("is_silent", default=False)


@contextmanager
def without_messages() -> Iterator[None]:
    """What is done inside tells nobody: for a past that is entered afterwards, not lived through."""
    token = _is_silent.set(True)
    try:
        yield
    finally:
        _is_silent.reset(token)


@dataclass
class Gathered:
    """What many actions in one transaction would have told, to be told to each person at once."""

    assigned: dict[int, list[int]] = field(default_factory=dict)
    changes: list[GatheredChange] = field(default_factory=list)

    def order_by(self, assignment_ids: Sequence[int]) -> None:
        """Tell the changes in the order of these assignments."""
        place = {assignment_id: n for n, assignment_id in enumerate(assignment_ids)}
        self.changes.sort(key=lambda change: place[change.assignment_id])


@dataclass(frozen=True)
class GatheredChange:
    """One decision; `copied` says whether the head of office hears of it too, `reporter_id` who else does."""

    assignment_id: int
    what: Literal["confirmed", "returned", "withdrawn", "superseded", "deadline_moved"]
    reason: str
    is_copied: bool
    reporter_id: int | None = None


_gathering: ContextVar[Gathered | None] = ContextVar("gathering", default=None)


@contextmanager
def gathering() -> Iterator[Gathered]:
    """What is done inside is told by `tell_gathered` afterwards, one message a person (bar A9)."""
    token = _gathering.set(gathered := Gathered())
    try:
        yield gathered
    finally:
        _gathering.reset(token)


def _gathered(change: GatheredChange) -> bool:
    """Whether the change was put by, to be told with others."""
    found = _gathering.get()
    if found is not None:
        found.changes.append(change)
    return found is not None


async def tell_gathered(actor: Actor, gathered: Gathered, group: str, now: datetime) -> int:
    """One message for each person; new tasks as always, by directive. How many messages about changes."""
    for ids in gathered.assigned.values():
        await assigned(actor, ids, now)
    if _is_silent.get() or not gathered.changes:
        return 0
    async with as_service():
        return await _tell_changes(actor, gathered.changes, group, now)


async def _tell_changes(actor: Actor, changes: Sequence[GatheredChange], group: str, now: datetime) -> int:
    ids = [c.assignment_id for c in changes]
    rows = {r.id: r for r in await assignments_db.list_by_ids(ids)}
    book = await book_for(rows.values())
    calendar = await load_calendar()
    holders: dict[int, set[int]] = {}
    for invitation in await reminders_db.list_invited(ids):
        holders.setdefault(invitation.assignment_id, set()).add(invitation.official_id)
    reporters = {c.reporter_id for c in changes if c.reporter_id is not None}
    known = await directory_db.get_officials(reporters.union(*holders.values()))
    told: dict[int, tuple[Recipient, list[GatheredChange]]] = {}
    for change in changes:
        row = rows[change.assignment_id]
        copy = (Duty.HEAD_OF_OFFICE,) if change.is_copied else ()
        people = audience((Duty.FOCAL,), copy, book.contacts_of(row), civil_day(now)).recipients
        further = {change.reporter_id, *holders.get(row.id, ())} - {r.official.id for r in people}
        others = [known[i] for i in sorted(i for i in further if i is not None) if i in known]
        people += tuple(_as_recipient(o, people) for o in others if o.is_active and not o.is_mailbox_dead)
        for recipient in people:
            told.setdefault(recipient.official.id, (recipient, []))[1].append(change)
    lines = {row.id: task_line(row, now, calendar) for row in rows.values()}
    drafts = []
    for recipient, own in told.values():
        person = recipient.official
        context = contexts.Changed(
            lines=tuple(contexts.ChangeLine(lines[c.assignment_id], c.what, c.reason) for c in own),
            decided_by=actor.name,
            url=lines[own[0].assignment_id].url if len(own) == 1 else f"{office().url}/viec",
            had_invitations=any(person.id in holders.get(c.assignment_id, ()) for c in own),
        )
        entries = tuple(Entry(c.assignment_id, rows[c.assignment_id].deadline_version, "any") for c in own)
        key = f"changed-{group}-{person.id}"
        urgent = any(rows[c.assignment_id].directive_urgency != "normal" for c in own)
        drafts.append(Draft("changed", context, person, key, entries, recipient.duty, urgent))
    return len(await queue(drafts, now))


async def queue(drafts: Sequence[Draft], now: datetime, *, hold: timedelta = timedelta()) -> dict[str, int]:
    """Render and queue; the outbox id by key of those that are new. Nobody sends them before `hold` has passed."""
    unwanted = await _unwanted(drafts)
    drafts = [d for d in drafts if d.key not in unwanted]
    if not drafts or _is_silent.get():
        return {}
    ids = await outbox_db.reserve_ids(len(drafts))
    layouts = Layouts()
    held = hold.total_seconds()
    messages = [replace(rendered(d, now, layouts), hold_seconds=held) for d in drafts]
    added = set(await outbox_db.insert_messages(list(zip(ids, messages, strict=True)), now))
    return {m.notify_key: i for i, m in zip(ids, messages, strict=True) if i in added}


async def _unwanted(drafts: Sequence[Draft]) -> frozenset[str]:
    """The keys of drafts that their recipients do without; whatever changes a calendar entry goes all the same."""
    optional = [d for d in drafts if d.optional and getattr(d.context, "invitation", None) is None]
    if not optional:
        return frozenset()
    unwanted = await unwanted_mail_db.list_unwanted(d.recipient.id for d in optional)
    return frozenset(d.key for d in optional if (d.recipient.id, d.optional) in unwanted)


def _copy_of(recipient: Recipient) -> OptionalMail | None:
    """A copy may be unwanted, but not by whoever gets it in somebody else's place."""
    return OptionalMail.COPY if recipient.is_copy and recipient.route is Route.HOLDER else None


# --- an assignment as a mail shows it ------------------------------------------------------------------------


def task_line(row: Assignment, now: datetime, calendar: WorkCalendar, *, wording: str = "") -> TaskLine:
    """The assignment as it stands at `now`."""
    status = status_now(row, now, calendar)
    return TaskLine(
        assignment_id=row.id,
        task_uid=row.task_uid,
        url=assignment_url(row.task_id, row.agency_code),
        directive_number=row.directive_number,
        short_name=row.short_name,
        agency_name=row.agency_name,
        due_on=row.due_on,
        fine=status.fine,
        days=shown_days(row, status, now, calendar),
        due_time=row.due_time,
        original_due_on=row.original_due_on if row.original_due_on != row.due_on else None,
        part=row.part,
        urgency=_urgency(row.directive_urgency),
        wording=wording,
        extension_pending=row.extension_pending,
        committed_on=row.committed_on,
        restricted=row.restricted,
    )


def _urgency(stored: str) -> contexts.Urgency:
    match stored:
        case "urgent" | "very_urgent" | "express":
            return stored
        case _:
            return "normal"


def invitation_for(
    line: TaskLine,
    draft: Draft,
    now: datetime,
    method: Literal["REQUEST", "CANCEL"],
    uid: UUID,
    sequence: int,
) -> Invitation | None:
    """The deadline of `line` in the recipient's own calendar."""
    return deadline_invitation(
        line,
        draft.addressing(now),
        draft.recipient.language,
        method=method,
        assignment_uid=uid,
        sequence=sequence,
        stamped_at=now,
    )


def _invites(
    draft: Draft, row: Assignment, line: TaskLine, now: datetime, method: Literal["REQUEST", "CANCEL"]
) -> Draft:
    """The draft with the row's deadline as an invitation; a row without a date, or closed to calendars, has none."""
    made = invitation_for(line, draft, now, method, row.uid, row.sequence)
    if made is None:
        return draft
    assert isinstance(draft.context, CarriesInvitation)
    return replace(draft, context=replace(draft.context, invitation=made))


async def _remember_invitations(
    pairs: Iterable[tuple[Draft, Assignment]], queued: dict[str, int], state: str
) -> None:
    rows = [
        (row.id, draft.recipient.id, row.sequence, state, queued[draft.key])
        for draft, row in pairs
        if draft.key in queued and getattr(draft.context, "invitation", None) is not None
    ]
    if rows:
        await reminders_db.put_invitations(rows)


# --- step 0: new tasks ---------------------------------------------------------------------------------------


async def assigned(actor: Actor, assignment_ids: Sequence[int], now: datetime) -> None:
    """Tell each agency of its new tasks: the focal officer with invitations, the head of office in copy."""
    if _is_silent.get():
        return
    if (gathered := _gathering.get()) is not None:
        for row in await assignments_db.list_by_ids(assignment_ids):
            gathered.assigned.setdefault(row.directive_id, []).append(row.id)
        return
    rows = await assignments_db.list_by_ids(assignment_ids)
    if not rows:
        return
    book = await book_for(rows)
    calendar = await load_calendar()
    directive = await directives_db.get_directive(SYSTEM, rows[0].directive_id)
    ladder = await ladders_db.get_ladder(rows[0].ladder_version_id)
    moment = assigned_moment(ladder)
    if moment is None:
        return
    drafts: list[tuple[Draft, tuple[Assignment, ...]]] = []
    ledger: list[tuple[str | None, NewReminder]] = []
    for agency_rows in _by_agency(rows):
        people = audience(moment.step.to, moment.step.copy, book.contacts_of(agency_rows[0]), civil_day(now))
        if not people.recipients:
            ledger += [(None, step_zero(r, None, now, Reason.NO_RECIPIENT.value)) for r in agency_rows]
        for recipient in people.recipients:
            for group in _grouped(agency_rows, recipient):
                draft = assigned_draft(directive, group, recipient, now, calendar)
                drafts.append((draft, group))
                ledger += [(draft.key, step_zero(r, recipient, now, recipient.route.value)) for r in group]
    queued = await queue([d for d, _ in drafts], now)
    await _remember_invitations(((d, g[0]) for d, g in drafts if len(g) == 1), queued, "requested")
    unwanted = await _unwanted([d for d, _ in drafts])
    await reminders_db.insert_reminders(
        [
            replace(r, outbox_id=queued[key])
            if key in queued
            else replace(r, verdict="suppressed", reason=SWITCHED_OFF if key else r.reason)
            for key, r in ledger
            if key is None or key in queued or key in unwanted
        ],
        now,
    )


def _by_agency(rows: Sequence[Assignment]) -> list[tuple[Assignment, ...]]:
    found: dict[int, list[Assignment]] = {}
    for row in rows:
        found.setdefault(row.agency_id, []).append(row)
    return [tuple(group) for group in found.values()]


def _grouped(rows: tuple[Assignment, ...], recipient: Recipient) -> list[tuple[Assignment, ...]]:
    """One message a task while there are few, so that each can carry its invitation; otherwise one list."""
    if recipient.is_copy or len(rows) > INVITATIONS_AT_ONCE:
        return [rows]
    return [(row,) for row in rows]


def assigned_draft(
    directive: directives_db.Directive,
    group: tuple[Assignment, ...],
    recipient: Recipient,
    now: datetime,
    calendar: WorkCalendar,
) -> Draft:
    """The mail of step 0 to one person: one task with its invitation, or the list of several."""
    person = recipient.official
    tasks = tuple(_new_task(row, person.language, now, calendar) for row in group)
    first = group[0]
    context = contexts.Assigned(
        agency_name=first.agency_name,
        directive_number=directive.number,
        directive_abstract=directive.abstract,
        issued_on=directive.issued_on,
        issuer=directive.issuer,
        signer=directive.signer,
        url=tasks[0].line.url if len(tasks) == 1 else f"{office().url}/van-ban/{directive.id}",
        tasks=tasks,
    )
    draft = Draft(
        kind="assigned",
        context=context,
        recipient=person,
        key=f"assigned-{first.id}-{first.deadline_version}-{len(group)}-{person.id}",
        entries=tuple(Entry(r.id, r.deadline_version) for r in group),
        duty=recipient.duty,
        urgent=directive.urgency != "normal",
        optional=_copy_of(recipient),
    )
    if len(group) == 1 and not recipient.is_copy:
        draft = _invites(draft, first, tasks[0].line, now, "REQUEST")
    return draft


def _new_task(row: Assignment, language: Language, now: datetime, calendar: WorkCalendar) -> contexts.NewTask:
    return contexts.NewTask(
        line=task_line(row, now, calendar),
        full_text=row.full_text,
        product=row.product,
        report_to=row.report_to,
        deadline_words=_deadline_words(row, language),
    )


async def assigned_again(recipient: Official, rows: Sequence[Assignment], key: str, now: datetime) -> Draft:
    """The new tasks as they stand now, for somebody who is told instead of another, or a second time."""
    directive = await directives_db.get_directive(SYSTEM, rows[0].directive_id)
    duty = next(iter(recipient.duties), Duty.FOCAL)
    person = Recipient(recipient, duty, is_copy=True, route=Route.HOLDER)
    return replace(assigned_draft(directive, tuple(rows), person, now, await load_calendar()), key=key)


def _deadline_words(row: Assignment, language: Language) -> str:
    quoted = f"“{row.deadline_phrase}”" if row.deadline_phrase else ""
    words = render_words(row.due_words, language) if row.due_words else ""
    return ": ".join(part for part in (quoted, words) if part)


def step_zero(
    row: Assignment,
    recipient: Recipient | None,
    now: datetime,
    reason: str,
    outbox_id: int | None = None,
) -> NewReminder:
    """The line of the ledger about an assignment's first message; without a recipient nobody could be told."""
    return NewReminder(
        assignment_id=row.id,
        step_code="assigned",
        occurrence=1,
        deadline_version=row.deadline_version,
        recipient_id=recipient.official.id if recipient else None,
        is_copy=recipient.is_copy if recipient else False,
        verdict="sent" if recipient else "suppressed",
        reason=reason,
        moment=now,
        outbox_id=outbox_id,
    )


# --- changes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scene:
    """A row after its change, with the people and the calendar it is told with."""

    row: Assignment
    book: AddressBook
    calendar: WorkCalendar
    now: datetime

    def people(self, *to: Duty, copy: tuple[Duty, ...] = ()) -> tuple[Recipient, ...]:
        """Who holds these duties for the row."""
        return audience(to, copy, self.book.contacts_of(self.row), civil_day(self.now)).recipients

    @property
    def line(self) -> TaskLine:
        """The row as a mail shows it."""
        return task_line(self.row, self.now, self.calendar)


async def _scene(before: Assignment, now: datetime) -> _Scene:
    (row,) = await assignments_db.list_by_ids([before.id])
    return _Scene(row, await book_for([row]), await load_calendar(), now)


_OPTIONAL = {"reported": OptionalMail.RECEIPT, "confirmed": OptionalMail.CONFIRMATION}


def _draft(
    scene: _Scene, kind: str, context: Context, recipient: Recipient, wants: str = "any", mark: str = ""
) -> Draft:
    return Draft(
        kind=kind,
        context=context,
        recipient=recipient.official,
        key=f"{kind}-{scene.row.id}-{mark or scene.row.row_version}-{recipient.official.id}",
        entries=(Entry(scene.row.id, scene.row.deadline_version, wants),),
        duty=recipient.duty,
        urgent=scene.row.directive_urgency != "normal",
        optional=_OPTIONAL.get(kind) or _copy_of(recipient),
    )


async def deadline_moved(
    actor: Actor, before: Assignment, now: datetime, reason: str = "", document: str = ""
) -> None:
    """Step 0 again: the new date, and the invitation that moves the old one."""
    if _is_silent.get() or _gathered(GatheredChange(before.id, "deadline_moved", reason, is_copied=True)):
        return
    scene = await _scene(before, now)
    pairs = []
    for recipient in scene.people(Duty.FOCAL, copy=(Duty.HEAD_OF_OFFICE,)):
        context = contexts.DeadlineMoved(
            line=scene.line,
            previous_on=before.due_on,
            previous_time=before.due_time,
            document=document,
            reason=reason,
            decided_by=actor.name,
        )
        draft = _draft(scene, "deadline_moved", context, recipient, wants="open")
        invited = {i.official_id for i in await reminders_db.list_invited([before.id])}
        if not recipient.is_copy or recipient.official.id in invited:
            draft = _invites(draft, scene.row, scene.line, now, "REQUEST")
        pairs.append((draft, scene.row))
    queued = await queue([d for d, _ in pairs], now)
    await _remember_invitations(pairs, queued, "requested")
    ledger = [
        replace(step_zero(scene.row, None, now, "deadline_moved"), recipient_id=d.recipient.id, verdict="sent",
                outbox_id=queued[d.key])
        for d, _ in pairs
        if d.key in queued
    ]  # fmt: skip
    await reminders_db.insert_reminders(ledger, now)


async def reported(actor: Actor, before: Assignment, new: NewReport, receipt: str, now: datetime) -> None:
    """The receipt to the agency; the secretariat is told by its review steps, not at once."""
    if _is_silent.get():
        return
    scene = await _scene(before, now)
    evidence = " ".join(part for part in (new.evidence_number, _shown_date(new)) if part)
    drafts = []
    for recipient in await _with_official(scene, actor.official_id, scene.people(Duty.FOCAL)):
        context = contexts.Reported(
            line=scene.line,
            kind="completion",
            receipt=receipt,
            reported_by=actor.name,
            reported_at=now,
            summary=new.summary,
            evidence=evidence,
        )
        drafts.append(_draft(scene, "reported", context, recipient, mark=receipt))
    await queue(drafts, now)


def _shown_date(new: NewReport) -> str:
    return f"({new.evidence_on:%d/%m/%Y})" if new.evidence_on else ""


async def returned(actor: Actor, before: Assignment, report: Report, reason: str, now: datetime) -> None:
    """The report came back: whoever made it, and the head of office."""
    change = GatheredChange(before.id, "returned", reason, True, report.submitted_by)
    if _is_silent.get() or _gathered(change):
        return
    scene = await _scene(before, now)
    context = contexts.Returned(
        line=scene.line,
        receipt=report.receipt,
        reported_on=civil_day(report.submitted_at),
        returned_by=actor.name,
        reason=reason,
    )
    people = await _with_official(
        scene, report.submitted_by, scene.people(Duty.FOCAL, copy=(Duty.HEAD_OF_OFFICE,))
    )
    drafts = [_draft(scene, "returned", context, r, wants="open", mark=report.receipt) for r in people]
    # Whoever reported must know, though they come in like a copy.
    by = report.submitted_by
    await queue([replace(d, optional=None) if d.recipient.id == by else d for d in drafts], now)


async def confirmed(actor: Actor, before: Assignment, report: Report, note: str, now: datetime) -> None:
    """The result was accepted; invitations that were mailed are cancelled, for exactly those who hold one."""
    change = GatheredChange(before.id, "confirmed", note, False, report.submitted_by)
    if _is_silent.get() or _gathered(change):
        return
    scene = await _scene(before, now)
    context = contexts.Confirmed(
        line=scene.line,
        receipt=report.receipt,
        completed_on=civil_day(report.submitted_at),
        confirmed_by=actor.name,
    )
    people = await _with_official(scene, report.submitted_by, scene.people(Duty.FOCAL))
    await _cancelling(scene, "confirmed", context, people, now)


async def cancelled(actor: Actor, before: Assignment, state: State, reason: str, now: datetime) -> None:
    """The task is no longer this agency's; its invitations are cancelled."""
    what: Literal["withdrawn", "superseded"] = "superseded" if state is State.SUPERSEDED else "withdrawn"
    if _is_silent.get() or _gathered(GatheredChange(before.id, what, reason, is_copied=True)):
        return
    scene = await _scene(before, now)
    context = contexts.Cancelled(line=scene.line, decided_by=actor.name, reason=reason)
    people = scene.people(Duty.FOCAL, copy=(Duty.HEAD_OF_OFFICE,))
    await _cancelling(scene, "cancelled", context, people, now)


async def _cancelling(
    scene: _Scene,
    kind: str,
    context: contexts.Confirmed | contexts.Cancelled,
    people: tuple[Recipient, ...],
    now: datetime,
) -> None:
    """Queue `context` to `people` and to every holder of an invitation, each holder with its cancellation."""
    invited = {i.official_id for i in await reminders_db.list_invited([scene.row.id])}
    told = {r.official.id for r in people}
    officials = await directory_db.get_officials(invited - told)
    further = tuple(
        _as_recipient(o, people) for o in officials.values() if o.is_active and not o.is_mailbox_dead
    )
    pairs = []
    for recipient in (*people, *further):
        draft = _draft(scene, kind, context, recipient)
        if recipient.official.id in invited:
            draft = _invites(draft, scene.row, scene.line, now, "CANCEL")
        pairs.append((draft, scene.row))
    queued = await queue([d for d, _ in pairs], now)
    await _remember_invitations(pairs, queued, "cancelled")


async def _with_official(
    scene: _Scene, official_id: int | None, people: tuple[Recipient, ...]
) -> tuple[Recipient, ...]:
    """These people, and whoever reported if mail reaches them."""
    if official_id is None or any(r.official.id == official_id for r in people):
        return people
    reporter = (await directory_db.get_officials([official_id])).get(official_id)
    if reporter is None or not reporter.is_active or reporter.is_mailbox_dead:
        return people
    return (*people, _as_recipient(reporter, people))


def _as_recipient(official: Official, people: tuple[Recipient, ...]) -> Recipient:
    duty = next(iter(official.duties), Duty.FOCAL)
    return Recipient(official, duty, bool(people), Route.HOLDER)


async def extension_requested(
    actor: Actor, before: Assignment, new: NewExtension, asked_late: bool, now: datetime
) -> None:
    """An agency asks for more time: to the officer who follows the task."""
    if _is_silent.get():
        return
    scene = await _scene(before, now)
    context = contexts.ExtensionRequested(
        line=scene.line,
        proposed_on=new.proposed_on,
        requested_by=actor.name,
        requested_at=now,
        reason=new.reason,
        asked_late=asked_late,
        granted_before=before.extension_count,
    )
    people = scene.people(Duty.SECRETARIAT_OFFICER)
    await queue([_draft(scene, "extension_requested", context, r) for r in people], now)


async def extension_refused(
    actor: Actor, before: Assignment, decision: ExtensionDecision, proposed_on: date, now: datetime
) -> None:
    """The date stands. (A grant is told by `deadline_moved`, which carries the new invitation.)"""
    scene = await _scene(before, now)
    context = contexts.ExtensionDecided(
        line=scene.line,
        granted=False,
        proposed_on=proposed_on,
        decided_by=actor.name,
        document=decision.document,
        reason=decision.reason,
    )
    people = scene.people(Duty.FOCAL, copy=(Duty.HEAD_OF_OFFICE,))
    await queue([_draft(scene, "extension_decided", context, r) for r in people], now)
