"""Assignments: one task at one agency, with its deadline, its life, and where it stands today."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tracker.actions import assignments as actions
from tracker.actions.standing import status_now
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import ClockTime, Id, NoBody, NoQuery, Words, id_of, time_of
from tracker.api.v1.officials import agency_id_of
from tracker.api.v1.shapes import (
    AgencyCode,
    AgencyRef,
    Day,
    Deadline,
    DirectiveRef,
    PageQuery,
    PartName,
    StateName,
    StatusNow,
)
from tracker.db import assignments as db
from tracker.db.calendar import load_calendar
from tracker.db.history import list_history
from tracker.db.reads_api import AssignmentFilter, count_assignments, list_assignments_page
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.errors import Invalid, Problem
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day
from tracker.i18n import Language
from tracker.words import render_words

StatusFilter = Literal[
    "open",
    "done",
    "open_in_term",
    "open_overdue",
    "done_on_time",
    "done_late",
    "awaiting_confirmation",
    "standing",
    "outside",
]


class Commitment(Struct):
    """A late agency's own promised date; the deadline stays what it is."""

    committed_on: date
    document: str
    cause: str


class Assignment(Struct):
    """One task at one agency. `due_words` tell how the deadline was found; `uid` is its name in calendars."""

    id: Id
    uid: str
    task_id: Id
    directive: DirectiveRef
    agency: AgencyRef
    part: PartName
    via_class: str
    occurrence: int
    short_name: str
    full_text: str
    product: str
    report_to: str
    restricted: bool
    state: StateName
    status: StatusNow
    due_kind: Literal["dated", "event", "standing", "none"]
    deadline: Deadline
    original_deadline: Deadline
    deadline_phrase: str
    deadline_version: int
    deadline_document: str
    starts_on: date | None
    recurrence: str | None
    event: str
    due_words: str
    early_due_confirmed: bool
    extension_count: int
    extension_pending: bool
    commitment: Commitment | None
    assigned_on: date
    acknowledged_at: datetime | None
    reported_at: datetime | None
    confirmed_at: datetime | None
    completed_on: date | None
    closed_at: datetime | None
    close_reason: str
    transferred_to: Id | None
    last_report_at: datetime | None
    last_report_summary: str
    version: int
    changed_at: datetime


class AssignmentPage(Struct):
    """Assignments by deadline, those without a date last; `count` only where it was asked for."""

    items: list[Assignment]
    next: str | None
    count: Annotated[
        str | None,
        Meta(description="How many fit, on this page or not; `10000+` for more.", examples=["137"]),
    ] = None


class AssignmentQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which assignments; `due_from` and `due_to` are inclusive, `status` is as of now."""

    status: StatusFilter | None = None
    state: StateName | None = None
    agency: AgencyCode | None = None
    directive_id: Id | None = None
    task_id: Id | None = None
    due_from: Day | None = None
    due_to: Day | None = None
    q: Words | None = None
    count: Annotated[
        Literal["true", "false"] | None, Meta(description="Whether to count everything that fits.")
    ] = None


class NoteIn(Struct, forbid_unknown_fields=True):
    """A note, if there is something to say."""

    note: Annotated[str, Meta(max_length=lengths.NOTE)] = ""


class ReasonIn(Struct, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]


class WithdrawalIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Why a task is taken back, and the document that says so."""

    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""


class TransferIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """To whom a task goes on, why, and the document that says so."""

    to_agency: AgencyCode
    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""


class CommitmentIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """The date an agency promises, why it is late, and its letter."""

    committed_on: Day
    cause: Annotated[str, Meta(min_length=1, max_length=lengths.CAUSE)]
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""


class DeadlineIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A corrected deadline, or the date an event has come to have."""

    due_on: Day
    due_time: ClockTime | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=lengths.REASON)]
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""
    early_due_confirmed: bool = False


class HistoryItem(Struct):
    """One change: who, when, what, why; `detail` keeps the values before and after."""

    id: Id
    at: datetime
    actor: str
    actor_id: Id | None
    verb: str
    reason: str
    detail: dict[str, Any]


class HistoryList(Struct):
    """The story of an assignment, its task and its directive, oldest first."""

    items: list[HistoryItem]


def shown(row: db.Assignment, now: datetime, calendar: WorkCalendar, language: Language) -> Assignment:
    """An assignment as the API gives it."""
    status = status_now(row, now, calendar)
    commitment = None
    if row.committed_on is not None:
        commitment = Commitment(row.committed_on, row.committed_document, row.cause)
    return Assignment(
        id=str(row.id),
        uid=str(row.uid),
        task_id=str(row.task_id),
        directive=DirectiveRef(str(row.directive_id), row.directive_number, row.directive_issued_on),
        agency=AgencyRef(str(row.agency_id), row.agency_code, row.agency_name),
        part=row.part.value,
        via_class=row.via_class,
        occurrence=row.occurrence,
        short_name=row.short_name,
        full_text=row.full_text,
        product=row.product,
        report_to=row.report_to,
        restricted=row.restricted,
        state=row.state.value,
        status=StatusNow(
            as_of=civil_day(now),
            bucket=status.bucket.value,
            fine=status.fine.value,
            is_late=status.is_late,
            days_late=status.days_late,
            days_late_original=status.days_late_original,
            days_left=status.days_left,
        ),
        due_kind=row.due_kind,  # type: ignore[arg-type]
        deadline=_deadline(row.due_on, row.due_time),
        original_deadline=_deadline(row.original_due_on, row.original_due_time),
        deadline_phrase=row.deadline_phrase,
        deadline_version=row.deadline_version,
        deadline_document=row.due_document,
        starts_on=row.starts_on,
        recurrence=row.recurrence,
        event=row.due_event,
        due_words=render_words(row.due_words, language),
        early_due_confirmed=row.early_due_confirmed,
        extension_count=row.extension_count,
        extension_pending=row.extension_pending,
        commitment=commitment,
        assigned_on=row.assigned_on,
        acknowledged_at=row.acknowledged_at,
        reported_at=row.reported_at,
        confirmed_at=row.confirmed_at,
        completed_on=row.completed_on,
        closed_at=row.closed_at,
        close_reason=row.close_reason,
        transferred_to=None if row.transferred_to is None else str(row.transferred_to),
        last_report_at=row.last_report_at,
        last_report_summary=row.last_report_summary,
        version=row.row_version,
        changed_at=row.changed_at,
    )


def _deadline(due_on: date | None, due_time: time | None) -> Deadline:
    return Deadline(due_on, None if due_time is None else f"{due_time:%H:%M}")


async def reply_with(call: Call[Any, Any], assignment_id: int, **more: Any) -> Reply:
    """The assignment as it stands now, with the tag for the next change."""
    row = await db.get_assignment(call.actor, assignment_id)
    value = shown(row, call.now, await load_calendar(), call.language)
    return Reply(value, row_version=row.row_version, **more)


@endpoint(
    "GET",
    "/assignments",
    id="listAssignments",
    summary="List assignments",
    tag="Assignments",
    verb=Verb.LIST,
    query=AssignmentQuery,
    answer=AssignmentPage,
    is_paged=True,
    links={
        "first": {
            "operationId": "getAssignment",
            "parameters": {"assignment_id": "$response.body#/items/0/id"},
        }
    },
)
async def list_assignments(call: Call[AssignmentQuery, NoBody]) -> Reply:
    """The assignments you may know of that fit every filter, by deadline."""
    query = call.query
    if query.due_from is not None and query.due_to is not None and query.due_from > query.due_to:
        span = {"from": query.due_from, "to": query.due_to}
        raise Invalid(
            [
                Problem("/due_from", "span_reversed", query.due_from, span),
                Problem("/due_to", "span_reversed", query.due_to, span),
            ]
        )
    position = call.position()
    wanted = AssignmentFilter(
        status=query.status,
        state=query.state,
        agency_id=await agency_id_of(query.agency),
        directive_id=None if query.directive_id is None else id_of(query.directive_id),
        task_id=None if query.task_id is None else id_of(query.task_id),
        due_from=query.due_from,
        due_to=query.due_to,
        words=query.q or "",
    )
    after = (date.fromisoformat(position[0]) if position[0] else None, int(position[1])) if position else None
    rows = await list_assignments_page(call.actor, wanted, call.now, limit=call.limit + 1, after=after)
    page, more = rows[: call.limit], len(rows) > call.limit
    at = (page[-1].due_on.isoformat() if page[-1].due_on else "", str(page[-1].id)) if more else None
    calendar = await load_calendar()
    items = [shown(row, call.now, calendar, call.language) for row in page]
    counted = await count_assignments(call.actor, wanted, call.now) if query.count == "true" else None
    return Reply(AssignmentPage(items, call.next_cursor(at), counted), next_position=at)


_CHANGES: dict[str, dict[str, object]] = {
    name: {
        "operationId": operation,
        "parameters": {"assignment_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
    }
    for name, operation in (
        ("acknowledge", "acknowledgeAssignment"),
        ("report", "submitReport"),
        ("confirm", "confirmAssignment"),
        ("withdraw", "withdrawAssignment"),
        ("extend", "requestExtension"),
    )
}


@endpoint(
    "GET",
    "/assignments/{assignment_id}",
    id="getAssignment",
    summary="Read an assignment",
    tag="Assignments",
    verb=Verb.READ,
    answer=Assignment,
    refusals=("not_found",),
    links={
        **_CHANGES,
        "history": {"operationId": "getHistory", "parameters": {"assignment_id": "$response.body#/id"}},
    },
)
async def get_assignment(call: Call[NoQuery, NoBody]) -> Reply:
    """One assignment, with where it stands today."""
    return await reply_with(call, call.ids["assignment_id"])


@endpoint(
    "GET",
    "/assignments/{assignment_id}/history",
    id="getHistory",
    summary="Read the history of an assignment",
    tag="Assignments",
    verb=Verb.READ_HISTORY,
    answer=HistoryList,
    refusals=("not_found",),
)
async def get_history(call: Call[NoQuery, NoBody]) -> Reply:
    """Every change, oldest first."""
    row = await db.get_assignment(call.actor, call.ids["assignment_id"])
    story = await list_history(call.actor, row.id)
    return Reply(
        HistoryList(
            [
                HistoryItem(
                    id=str(entry.id),
                    at=entry.at,
                    actor=entry.actor_name,
                    actor_id=None if entry.actor_id is None else str(entry.actor_id),
                    verb=entry.verb,
                    reason=entry.reason,
                    detail=entry.detail,
                )
                for entry in story
            ]
        )
    )


@endpoint(
    "POST",
    "/assignments/{assignment_id}/acknowledge",
    id="acknowledgeAssignment",
    summary="Acknowledge",
    tag="Assignments",
    verb=Verb.ACKNOWLEDGE,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "already_acknowledged", "already_confirmed", "assignment_closed"),
)
async def acknowledge(call: Call[NoQuery, NoBody]) -> Reply:
    """The agency says that it has the task."""
    assignment_id = call.ids["assignment_id"]
    await actions.acknowledge(call.actor, assignment_id, call.version, call.now)
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/confirm",
    id="confirmAssignment",
    summary="Confirm the result",
    tag="Assignments",
    verb=Verb.CONFIRM,
    body=NoteIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "not_reported", "already_confirmed", "assignment_closed", "own_report"),
    example={"note": "Đã kiểm tra văn bản."},
)
async def confirm(call: Call[NoQuery, NoteIn]) -> Reply:
    """Accept the waiting report: done as of the day it was made. Reminders and invitations stop."""
    assignment_id = call.ids["assignment_id"]
    await actions.confirm(call.actor, assignment_id, call.version, call.body.note, call.now)
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/return",
    id="returnAssignment",
    summary="Return for rework",
    tag="Assignments",
    verb=Verb.RETURN,
    body=ReasonIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "not_reported", "already_confirmed", "assignment_closed", "own_report"),
    example={"reason": "Chưa có văn bản kèm theo."},
)
async def return_for_rework(call: Call[NoQuery, ReasonIn]) -> Reply:
    """Send the waiting report back with a reason; the agency's clock runs again."""
    assignment_id = call.ids["assignment_id"]
    await actions.return_for_rework(call.actor, assignment_id, call.version, call.body.reason, call.now)
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/withdraw",
    id="withdrawAssignment",
    summary="Withdraw",
    tag="Assignments",
    verb=Verb.WITHDRAW,
    body=WithdrawalIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "already_confirmed", "assignment_closed"),
    example={"reason": "Nhiệm vụ đã được thay thế.", "document": "45/TB-VPCP"},
)
async def withdraw(call: Call[NoQuery, WithdrawalIn]) -> Reply:
    """Take the task back: it stays in the total, outside the official four buckets."""
    assignment_id = call.ids["assignment_id"]
    body = call.body
    await actions.withdraw(call.actor, assignment_id, call.version, body.reason, body.document, call.now)
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/supersede",
    id="supersedeAssignment",
    summary="Mark as superseded",
    tag="Assignments",
    verb=Verb.WITHDRAW,
    body=WithdrawalIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "already_confirmed", "assignment_closed"),
    example={"reason": "Quyết định mới thay thế.", "document": "48/QĐ-TTg"},
)
async def supersede(call: Call[NoQuery, WithdrawalIn]) -> Reply:
    """Another task or directive takes its place: it stays in the total, outside the official four buckets."""
    assignment_id = call.ids["assignment_id"]
    body = call.body
    await actions.supersede(call.actor, assignment_id, call.version, body.reason, body.document, call.now)
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/transfer",
    id="transferAssignment",
    summary="Transfer to another agency",
    tag="Assignments",
    verb=Verb.TRANSFER,
    body=TransferIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "agency_has_part", "already_confirmed", "assignment_closed"),
    example={"to_agency": "G20", "reason": "Đúng chức năng hơn.", "document": "46/TB-VPCP"},
)
async def transfer(call: Call[NoQuery, TransferIn]) -> Reply:
    """Give the task to another agency; the old assignment closes, `Location` leads to the new one."""
    assignment_id = call.ids["assignment_id"]
    body = call.body
    heir = await actions.transfer(
        call.actor, assignment_id, call.version, body.to_agency, body.reason, body.document, call.now
    )
    return await reply_with(call, assignment_id, location=f"/api/v1/assignments/{heir}")


@endpoint(
    "POST",
    "/assignments/{assignment_id}/commitment",
    id="commitToDate",
    summary="Commit to a date",
    tag="Assignments",
    verb=Verb.COMMIT,
    body=CommitmentIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "already_confirmed", "assignment_closed"),
    example={"committed_on": "2027-01-15", "cause": "Chờ ý kiến của bộ liên quan.", "document": ""},
)
async def commit_to(call: Call[NoQuery, CommitmentIn]) -> Reply:
    """A late agency promises a date and says why it is late; the deadline stays what it is."""
    assignment_id = call.ids["assignment_id"]
    body = call.body
    await actions.commit_to(
        call.actor, assignment_id, call.version, body.committed_on, body.document, body.cause, call.now
    )
    return await reply_with(call, assignment_id)


@endpoint(
    "POST",
    "/assignments/{assignment_id}/deadline",
    id="setDeadline",
    summary="Correct the deadline",
    tag="Assignments",
    verb=Verb.EDIT_DEADLINE,
    body=DeadlineIn,
    answer=Assignment,
    is_change=True,
    refusals=("not_found", "already_confirmed", "assignment_closed"),
    example={"due_on": "2027-01-31", "reason": "Ghi nhầm ngày.", "document": "47/TB-VPCP"},
)
async def set_deadline(call: Call[NoQuery, DeadlineIn]) -> Reply:
    """Correct a deadline, or give a date to one that waited for its event. Reminders follow the new date."""
    assignment_id = call.ids["assignment_id"]
    body = call.body
    await actions.set_deadline(
        call.actor,
        assignment_id,
        call.version,
        body.due_on,
        time_of(body.due_time),
        body.reason,
        body.document,
        call.now,
        early_confirmed=body.early_due_confirmed,
    )
    return await reply_with(call, assignment_id)


handlers = [
    list_assignments,
    get_assignment,
    get_history,
    acknowledge,
    confirm,
    return_for_rework,
    withdraw,
    supersede,
    transfer,
    commit_to,
    set_deadline,
]
