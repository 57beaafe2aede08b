"""Mending the outbox: digests of which a part no longer holds, and messages that cannot be delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tracker.actions import explaining, indicator_letters, inspection_mail
from tracker.actions.notices import Draft, assigned_again, queue, task_line
from tracker.actions.office import office
from tracker.actions.people import book_for
from tracker.db import assignments as assignments_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db import outbox as outbox_db
from tracker.db import reminders as reminders_db
from tracker.db import urges as urges_db
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.outbox import Claimed, Entry
from tracker.db.reminders import NewReminder
from tracker.domain.assignments import OPEN_STATES
from tracker.domain.directory import Duty, Official
from tracker.domain.recipients import Recipient, Route, audience
from tracker.domain.zone import civil_day
from tracker.mail import contexts


async def drop(message: Claimed, reason: str) -> None:
    """Nothing that the message says holds any more."""
    await outbox_db.mark_superseded(message.id, message.lease_token, reason)
    await reminders_db.drop_carried(message.id, reason)


async def render_anew(message: Claimed, holding: Sequence[int], now: datetime) -> None:
    """Send the part of a digest that still holds as a new message; the old one is superseded."""
    rows = await assignments_db.list_by_ids(holding)
    officials = await directory_db.get_officials([message.recipient_id] if message.recipient_id else [])
    recipient = next(iter(officials.values()), None)
    if recipient is not None and rows:
        draft = await _again(message, recipient, rows, await _wordings(message.id, rows), now)
        queued = await queue([draft], now)
        if draft.key in queued:
            await reminders_db.move_carried(message.id, queued[draft.key], holding)
    await drop(message, "partly_changed")


async def _wordings(outbox_id: int, rows: Sequence[Assignment]) -> dict[int, str]:
    """The wording of the step that the message carries for each assignment."""
    ladders = {r.id: await ladders_db.get_ladder(r.ladder_version_id) for r in rows}
    carried = {c.assignment_id: c.step_code for c in await reminders_db.list_carried(outbox_id)}
    return {
        r.id: next((s.wording for s in ladders[r.id].steps if s.code == carried.get(r.id)), "") for r in rows
    }


async def _again(
    message: Claimed,
    recipient: Official,
    rows: Sequence[Assignment],
    wordings: dict[int, str],
    now: datetime,
) -> Draft:
    """The same news for `recipient`, as the rows stand now."""
    key = f"again-{message.id}-{recipient.id}"
    if message.kind == "assigned":
        return await assigned_again(recipient, rows, key, now)
    if message.kind == "explanation_due":
        return await explaining.again(message.id, recipient, rows, key, now)
    if message.kind == "targets_due":
        return await indicator_letters.again(recipient, rows, key, now)
    calendar = await load_calendar()
    lines = tuple(task_line(r, now, calendar, wording=wordings.get(r.id, "")) for r in rows)
    agencies = {r.agency_name for r in rows}
    urged = None
    if message.kind == "urge":
        urged = await urges_db.find_last_urge(rows[0].id, message.recipient_id or 0)
    if urged is not None:
        return Draft(
            kind="urge",
            context=contexts.Urge(
                lines=lines,
                agency_name=rows[0].agency_name,
                urged_by=urged.urged_by,
                url=f"{office().url}/viec?co-quan={rows[0].agency_code}",
                reason=urged.sentence,
                answer_by=urged.answer_by,
            ),
            recipient=recipient,
            key=key,
            entries=tuple(Entry(r.id, r.deadline_version) for r in rows),
            duty=next(iter(recipient.duties), None),
        )
    wants = "open"
    context: contexts.Context
    if message.kind == "review":
        wants = "reported"
        reported = {r.id: civil_day(r.reported_at) if r.reported_at else civil_day(now) for r in rows}
        context = contexts.Review(
            tuple(
                contexts.ReviewLine(line, reported[r.id], r.last_report_summary)
                for r, line in zip(rows, lines, strict=True)
            ),
            f"{office().url}/viec?tinh-trang=cho-xac-nhan",
        )
    else:
        one = len(agencies) == 1
        url = f"{office().url}/viec?co-quan={rows[0].agency_code}" if one else f"{office().url}/can-xu-ly"
        context = contexts.Digest(lines, rows[0].agency_name if one else "", url)
    return Draft(
        kind="review" if message.kind == "review" else "digest",
        context=context,
        recipient=recipient,
        key=key,
        entries=tuple(Entry(r.id, r.deadline_version, wants) for r in rows),
        duty=next(iter(recipient.duties), None),
    )


async def after_failure(message: Claimed, reason: str, reply: str, now: datetime) -> None:
    """A message will not arrive: somebody else at the agency is told, and the secretariat learns of it.

    A mailbox that refused the recipient is marked dead; one that was merely out of reach for 72 hours is not.
    """
    if message.recipient_id is None:
        return
    failed = (await directory_db.get_officials([message.recipient_id])).get(message.recipient_id)
    if failed is None:
        return
    if reason == "recipient":
        await directory_db.mark_mailbox_dead(failed.id, reply)
    entries = await outbox_db.entries_of(message.id)
    rows = [
        r
        for r in await assignments_db.list_by_ids([e.assignment_id for e in entries])
        if r.state in OPEN_STATES
    ]
    if message.kind == "explanation_due":
        rows = await explaining.still_owed(message.id, rows, now)
    if message.kind == "targets_due":
        rows = await indicator_letters.still_due(rows, now)
    invited: tuple[str, ...] = ()
    if message.kind == "session_invited" and reason == "recipient":
        invited = await inspection_mail.reroute(message.id, now)
    stand_ins = await _stand_ins(rows, failed, now) if rows and message.kind != "undeliverable" else {}
    await _tell_stand_ins(message, rows, stand_ins, now)
    if message.kind != "undeliverable":
        told = {*invited, *(r.official.name for r in stand_ins.values())}
        await _tell_secretariat(message, rows, failed, sorted(told), reply, now)


async def _stand_ins(rows: Sequence[Assignment], failed: Official, now: datetime) -> dict[int, Recipient]:
    """For each assignment who is told instead of `failed`: the next contact for the same duty."""
    book = await book_for(rows)
    found: dict[int, Recipient] = {}
    for row in rows:
        contacts = book.contacts_of(row)
        without = replace(
            contacts,
            agency=tuple(
                replace(o, is_mailbox_dead=o.is_mailbox_dead or o.id == failed.id) for o in contacts.agency
            ),
            assigning=tuple(
                replace(o, is_mailbox_dead=o.is_mailbox_dead or o.id == failed.id) for o in contacts.assigning
            ),
        )
        people = audience(sorted(failed.duties) or (Duty.FOCAL,), (), without, civil_day(now)).recipients
        if people and people[0].official.id != failed.id:
            found[row.id] = people[0]
    return found


async def _tell_stand_ins(
    message: Claimed, rows: Sequence[Assignment], stand_ins: dict[int, Recipient], now: datetime
) -> None:
    groups: dict[int, list[Assignment]] = {}
    people = {r.official.id: r.official for r in stand_ins.values()}
    for row in rows:
        if row.id in stand_ins:
            groups.setdefault(stand_ins[row.id].official.id, []).append(row)
    if not groups:
        return
    wordings = await _wordings(message.id, rows)
    drafts = [await _again(message, people[i], group, wordings, now) for i, group in groups.items()]
    queued = await queue(drafts, now)
    carried = {c.assignment_id: c for c in await reminders_db.list_carried(message.id)}
    ledger = [
        NewReminder(
            assignment_id=row.id,
            step_code=carried[row.id].step_code,
            occurrence=carried[row.id].occurrence,
            deadline_version=row.deadline_version,
            recipient_id=draft.recipient.id,
            is_copy=False,
            verdict="sent",
            reason=Route.MAILBOX_DEAD_REROUTED.value,
            moment=carried[row.id].moment,
            outbox_id=queued[draft.key],
        )
        for draft, group in zip(drafts, groups.values(), strict=True)
        if draft.key in queued
        for row in group
        if row.id in carried
    ]
    await reminders_db.insert_reminders(ledger, now)


async def _tell_secretariat(
    message: Claimed,
    rows: Sequence[Assignment],
    failed: Official,
    told: Sequence[str],
    reply: str,
    now: datetime,
) -> None:
    book = await book_for(rows)
    day = civil_day(now)
    officer_id = rows[0].secretariat_officer_id if rows else None
    contacts = book.contacts(failed.agency_id or 0, officer_id)
    agency_name = rows[0].agency_name if rows else ""
    context = contexts.Undeliverable(
        agency_name=agency_name,
        person=failed.name,
        address=failed.email,
        subject=await outbox_db.subject_of(message.id),
        reply=reply,
        failed_at=now,
        url=f"{office().url}/can-xu-ly",
        rerouted_to=", ".join(told),
    )
    people = audience((Duty.SECRETARIAT_OFFICER,), (), contacts, day).recipients
    drafts = [
        Draft("undeliverable", context, r.official, f"undeliverable-{message.id}-{r.official.id}", (), r.duty)
        for r in people
        if r.official.id != failed.id
    ]
    await queue(drafts, now)
