"""What happens to an assignment after it was given: acknowledged, confirmed, returned, moved, closed.

Every action locks the row, lets the rules decide, changes it by a conditional UPDATE, and writes history and
messages in the same transaction. `version` is the row_version its caller read; None does not check.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time

from tracker.actions import notices
from tracker.actions.orders import Changed, Moved, TakenBack, Write, current_order, write
from tracker.db import assignments as db
from tracker.db import directives as directives_db
from tracker.db import directory as directory_db
from tracker.db import ladders as ladders_db
from tracker.db import reports as reports_db
from tracker.db.assignments import Assignment, NewDeadline
from tracker.db.calendar import load_calendar
from tracker.db.engine import transaction
from tracker.db.history import HistoryEntry, insert_history
from tracker.db.reports import Answer, Report
from tracker.domain import lengths
from tracker.domain.access import Subject, Verb, require
from tracker.domain.assignments import DeadlineCause, DueKind, Event, NotReported, State, transition
from tracker.domain.directory import Actor, Agency, check_exists
from tracker.domain.errors import Conflict, Invalid, NotFound, StaleVersion
from tracker.domain.ladders import Ladder
from tracker.domain.moments import skipped_rank
from tracker.domain.recording import deadline_too_far
from tracker.domain.text import clean_text
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day, civil_now


class AgencyHasPart(Conflict):
    """The agency already has an open part in this task; params: agency."""

    code = "agency_has_part"


async def locked(actor: Actor, assignment_id: int, version: int | None, verb: Verb) -> Assignment:
    """The row, locked, once the actor may do `verb` to it. Raises NotFound, NotPermitted, StaleVersion."""
    order = current_order()
    if order is None:
        row = await db.lock_assignment(actor, assignment_id)
    elif assignment_id in order.rows:
        row = order.rows.pop(assignment_id)
    else:
        raise NotFound(noun="assignment", id=assignment_id)
    require(actor, verb, Subject.of_agency(row.agency_id, id=assignment_id))
    check_version(row, version)
    return row


def check_version(row: Assignment, version: int | None) -> None:
    """Raise StaleVersion when the caller read another version of the row."""
    if version is not None and row.row_version != version:
        raise StaleVersion(current=row.row_version, changed_at=row.changed_at)


async def change(
    row: Assignment, changes: Mapping[str, object], now: datetime, *, in_calendar: bool = True
) -> None:
    """Write `changes`; somebody who was first makes it a StaleVersion."""
    order = current_order()
    if order is not None and order.puts_by:
        order.writes.append(Changed(row, changes, in_calendar))
        return
    if not await db.update_assignment(row, changes, now, shows_in_calendar=in_calendar):
        raise StaleVersion(current=row.row_version + 1, changed_at=now)


@asynccontextmanager
async def _unit() -> AsyncIterator[None]:
    """One transaction an action; within an order that writes for all of them, nothing is written here."""
    order = current_order()
    if order is not None and order.puts_by:
        yield
        return
    async with transaction():
        yield


async def remember(
    actor: Actor, row: Assignment, verb: str, now: datetime, reason: str = "", **detail: object
) -> None:
    """Write what was done to `row` into the history."""
    order = current_order()
    if order is not None:
        detail["group"] = order.group
    entry = HistoryEntry(verb, row.directive_id, row.task_id, row.id, reason, detail)
    if order is not None:
        order.entries.append(entry)
        return
    await insert_history(actor, [entry], now)


async def acknowledge(actor: Actor, assignment_id: int, version: int | None, now: datetime) -> None:
    """The agency says that it has the task."""
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.ACKNOWLEDGE)
        state = transition(row.state, Event.ACKNOWLEDGE)
        await change(row, {"state": state.value, "acknowledged_at": now}, now, in_calendar=False)
        await remember(actor, row, "acknowledge", now)


async def confirm(actor: Actor, assignment_id: int, version: int | None, note: str, now: datetime) -> None:
    """Accept the waiting report: done as of the day it was made. Reminders and invitations stop."""
    note = _optional(note, "/note", lengths.NOTE)
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.CONFIRM)
        state = transition(row.state, Event.CONFIRM)
        report = await _pending_report(row)
        if report is None or actor.official_id is None:
            raise NotReported(state=row.state.value, event=Event.CONFIRM.value)
        subject = Subject.of_agency(row.agency_id, id=row.id, reporter_id=report.submitted_by)
        require(actor, Verb.CONFIRM, subject)
        await _write(actor, now, Answer(report.id, "approved", actor.official_id, note))
        reported = civil_now(report.submitted_at)
        await change(
            row,
            {
                "state": state.value,
                "confirmed_report_id": report.id,
                "confirmed_at": now,
                "closed_at": now,
                "completed_on": reported.date(),
                "completed_time": reported.time().replace(tzinfo=None, microsecond=0),
            },
            now,
        )
        await _write(actor, now, TakenBack(row.id, "confirmed"))
        await remember(actor, row, "confirm", now, note, receipt=report.receipt, completed_on=reported.date())
        await notices.confirmed(actor, row, report, note, now)


async def return_for_rework(
    actor: Actor, assignment_id: int, version: int | None, reason: str, now: datetime
) -> None:
    """Send the waiting report back with a reason: the agency's clock runs again from where it stood."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.RETURN)
        state = transition(row.state, Event.RETURN)
        report = await _pending_report(row)
        if report is None or actor.official_id is None:
            raise NotReported(state=row.state.value, event=Event.RETURN.value)
        require(
            actor, Verb.RETURN, Subject.of_agency(row.agency_id, id=row.id, reporter_id=report.submitted_by)
        )
        await _write(actor, now, Answer(report.id, "returned", actor.official_id, reason))
        # A new version: whatever was said of the old one, to the secretariat too, is said anew when it is due.
        changes = {"state": state.value, "reported_at": None, "review_rank": 0}
        await change(row, changes | {"deadline_version": row.deadline_version + 1}, now)
        await _write(actor, now, TakenBack(row.id, "returned"))
        await remember(actor, row, "return", now, reason, receipt=report.receipt)
        await notices.returned(actor, row, report, reason, now)


async def withdraw(
    actor: Actor, assignment_id: int, version: int | None, reason: str, document: str, now: datetime
) -> None:
    """Take the task back from the agency (cancelled): it stays in the total, outside the four buckets."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    document = _optional(document, "/document", lengths.DOCUMENT)
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.WITHDRAW)
        await _close(actor, row, transition(row.state, Event.WITHDRAW), reason, document, now)


async def supersede(
    actor: Actor, assignment_id: int, version: int | None, reason: str, document: str, now: datetime
) -> None:
    """Another task or directive takes this one's place: it stays in the total, outside the four buckets."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    document = _optional(document, "/document", lengths.DOCUMENT)
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.WITHDRAW)
        await _close(actor, row, transition(row.state, Event.SUPERSEDE), reason, document, now)


async def transfer(
    actor: Actor,
    assignment_id: int,
    version: int | None,
    to_agency: str,
    reason: str,
    document: str,
    now: datetime,
) -> int:
    """Give the task to another agency with the same deadline; the old row is closed and points at the new one."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    document = _optional(document, "/document", lengths.DOCUMENT)
    agencies = await _agencies()
    heir = next((a for a in agencies if a.code == to_agency), None)
    if heir is None:
        raise Invalid.one("/to_agency", "agency_unknown", to_agency)
    problem = check_exists(heir, agencies, civil_day(now), "/to_agency")
    if problem is not None:
        raise Invalid([problem])
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.TRANSFER)
        state = transition(row.state, Event.TRANSFER)
        if any(
            other.agency_id == heir.id and db.is_open(other.state)
            for other in await db.list_for_task(actor, row.task_id)
        ):
            raise AgencyHasPart(agency=heir.name)
        ladder, calendar = await _counted_by(row)
        new_row = db.AssignmentRow(
            task_id=row.task_id,
            agency_id=heir.id,
            part=row.part.value,
            via_class=row.via_class,
            occurrence=row.occurrence,
            due_kind=row.due_kind,
            due_on=row.due_on,
            due_time=row.due_time,
            starts_on=row.starts_on,
            recurrence=row.recurrence,
            due_words=row.due_words,
            due_event=row.due_event,
            early_due_confirmed=row.early_due_confirmed,
            ladder_version_id=row.ladder_version_id,
            settled_rank=skipped_rank(ladder, row.due_on, row.due_time, now, calendar) if row.due_on else 0,
            original_due_on=row.original_due_on,
            original_due_time=row.original_due_time,
        )
        ids = await db.insert_assignments(row.directive_id, [new_row], civil_day(now), now, actor.official_id)
        await _close(actor, row, state, reason, document, now, transferred_to=ids[0])
        fresh = await db.list_by_ids(ids)
        await remember(actor, fresh[0], "assign", now, reason, transferred_from=row.id, document=document)
        await notices.assigned(actor, ids, now)
    return ids[0]


async def _close(
    actor: Actor,
    row: Assignment,
    state: State,
    reason: str,
    document: str,
    now: datetime,
    *,
    transferred_to: int | None = None,
) -> None:
    await change(
        row,
        {"state": state.value, "closed_at": now, "close_reason": reason, "transferred_to": transferred_to},
        now,
    )
    await _write(actor, now, TakenBack(row.id, state.value))
    await remember(actor, row, state.value, now, reason, document=document, transferred_to=transferred_to)
    await notices.cancelled(actor, row, state, reason, now)


async def commit_to(
    actor: Actor,
    assignment_id: int,
    version: int | None,
    committed_on: date,
    document: str,
    cause: str,
    now: datetime,
) -> None:
    """A late agency's own promised date and why it is late; the deadline stays what it is."""
    document = _optional(document, "/document", lengths.DOCUMENT)
    cause = clean_text(cause, "/cause", lengths.CAUSE, allow_newlines=True)
    if committed_on < civil_day(now):
        raise Invalid.one("/committed_on", "commitment_in_past", committed_on, today=civil_day(now))
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.COMMIT)
        transition(row.state, Event.COMMIT)
        await change(
            row,
            {"committed_on": committed_on, "committed_document": document, "cause": cause},
            now,
            in_calendar=False,
        )
        await remember(actor, row, "commit", now, cause, committed_on=committed_on, document=document)


async def set_deadline(
    actor: Actor,
    assignment_id: int,
    version: int | None,
    due_on: date,
    due_time: time | None,
    reason: str,
    document: str,
    now: datetime,
    *,
    early_confirmed: bool = False,
) -> None:
    """Correct a deadline, or give one whose event has come its date. A date before the directive is confirmed aloud."""
    reason = clean_text(reason, "/reason", lengths.REASON, allow_newlines=True)
    document = _optional(document, "/document", lengths.DOCUMENT)
    async with _unit():
        row = await locked(actor, assignment_id, version, Verb.EDIT_DEADLINE)
        transition(row.state, Event.MOVE_DEADLINE)
        if due_on < row.directive_issued_on and not early_confirmed:
            raise Invalid.one("/due_on", "deadline_before_issue", due_on, issued_on=row.directive_issued_on)
        too_far = deadline_too_far("/due_on", due_on, row.directive_issued_on)
        if too_far is not None:
            raise Invalid([too_far])
        if (due_on, due_time) == (row.due_on, row.due_time):
            raise Invalid.one("/due_on", "deadline_unchanged", due_on)
        cause = DeadlineCause.EVENT if row.due_kind == DueKind.EVENT else DeadlineCause.CORRECTION
        await move_deadline(actor, row, due_on, due_time, cause, reason, document, now)


async def _counted_by(row: Assignment) -> tuple[Ladder, WorkCalendar]:
    """What the moments of the row are counted by."""
    order = current_order()
    if order is None:
        return await ladders_db.get_ladder(row.ladder_version_id), await load_calendar()
    return await order.ladder(row.ladder_version_id), await order.calendar()


async def _write(actor: Actor, now: datetime, *writes: Write) -> None:
    """Write at once, or with the rest of the order."""
    order = current_order()
    if order is not None and order.puts_by:
        order.writes += writes
        return
    await write(actor, writes, now)


async def _agencies() -> Sequence[Agency]:
    order = current_order()
    return await (directory_db.list_agencies() if order is None else order.agencies())


async def _pending_report(row: Assignment) -> Report | None:
    """The completion that waits for an answer, locked until the transaction ends."""
    order = current_order()
    if order is None:
        return await reports_db.find_pending_report(row.id)
    return await order.pending_report(row.id)


async def move_deadline(
    actor: Actor,
    row: Assignment,
    due_on: date,
    due_time: time | None,
    cause: DeadlineCause,
    reason: str,
    document: str,
    now: datetime,
    *,
    extensions: int = 0,
) -> None:
    """Inside a transaction: a new version of the deadline; what was planned for the old one is taken back."""
    ladder, calendar = await _counted_by(row)
    deadline_version = row.deadline_version + 1
    changes: dict[str, object] = {
        "due_kind": DueKind.DATED.value,
        "due_on": due_on,
        "due_time": due_time,
        "due_document": document,
        "deadline_version": deadline_version,
        "deadline_set_at": now,
        "settled_rank": skipped_rank(ladder, due_on, due_time, now, calendar),
        "extension_count": row.extension_count + extensions,
    }
    if cause is not DeadlineCause.EXTENSION:
        changes |= {"original_due_on": due_on, "original_due_time": due_time}
        changes["early_due_confirmed"] = due_on < row.directive_issued_on
    await change(row, changes, now)
    dated = NewDeadline(
        row.id, deadline_version, due_on, due_time, cause.value, document, reason, actor.official_id
    )
    await remember(
        actor,
        row,
        "move_deadline",
        now,
        reason,
        cause=cause.value,
        before=directives_db.due_pair(row.due_on, row.due_time),
        after=directives_db.due_pair(due_on, due_time),
        document=document,
    )
    await _write(actor, now, dated, TakenBack(row.id, "deadline_moved"), Moved(row, reason, document))


def _optional(value: str, field: str, length: int) -> str:
    return clean_text(value, field, length, allow_newlines=True) if value else ""
