"""Directives: recorded with their tasks, listed newest first, corrected by merge patch."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import directives as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, ClockTime, Id, NoBody, NoQuery, Words, texts_of, time_of
from tracker.api.v1.shapes import (
    AgencyCode,
    DirectiveKind,
    Milestone,
    PageQuery,
    Urgency,
    check_version,
)
from tracker.db import directives as db
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.drafts import NewDirective, NewTask
from tracker.domain.search import word_key

ONE_TASK = {
    "short_name": "Nộp kế hoạch chuyển đổi số",
    "full_text": "Xây dựng và gửi kế hoạch chuyển đổi số năm 2026 của cơ quan mình.",
    "leads": ["G10"],
    "deadline": "trước ngày 31/12/2025",
}
ONE_DIRECTIVE = {
    "number": "12/CT-TTg",
    "kind": "directive",
    "issued_on": "2025-11-20",
    "issuer": "Thủ tướng Chính phủ",
    "abstract": "Về việc đẩy mạnh chuyển đổi số",
    "tasks": [ONE_TASK],
}


class TaskIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A task to be recorded. Agencies are named by code; a phrase that names a class of them goes in `…_classes`.

    `deadline` is the official phrase; `due_on` and `due_time` overrule what it comes to.
    """

    short_name: Annotated[str, Meta(min_length=1, max_length=lengths.SHORT_NAME)]
    full_text: Annotated[str, Meta(min_length=1, max_length=lengths.FULL_TEXT)]
    leads: Annotated[list[AgencyCode], Meta(max_length=200)] = []
    cooperating: Annotated[list[AgencyCode], Meta(max_length=200)] = []
    lead_classes: Annotated[list[Annotated[str, Meta(max_length=300)]], Meta(max_length=20)] = []
    cooperating_classes: Annotated[list[Annotated[str, Meta(max_length=300)]], Meta(max_length=20)] = []
    deadline: Annotated[str, Meta(max_length=lengths.DEADLINE)] = ""
    due_on: date | None = None
    due_time: ClockTime | None = None
    product: Annotated[str, Meta(max_length=lengths.PRODUCT)] = ""
    place: Annotated[str, Meta(max_length=lengths.PLACE)] = ""
    report_to: Annotated[str, Meta(max_length=lengths.REPORT_TO)] = ""
    field: Annotated[str, Meta(max_length=lengths.FIELD)] = ""
    completes_on: Milestone = "issued"
    officer_email: Annotated[str, Meta(max_length=lengths.EMAIL)] = ""
    restricted: bool = False
    early_due_confirmed: bool = False


class DirectiveIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A signed directive with its tasks; `submission_id` makes a double click one directive."""

    number: Annotated[str, Meta(min_length=1, max_length=lengths.NUMBER)]
    kind: DirectiveKind
    issued_on: date
    issuer: Annotated[str, Meta(min_length=1, max_length=lengths.ISSUER)]
    abstract: Annotated[str, Meta(min_length=1, max_length=lengths.ABSTRACT)]
    tasks: Annotated[list[TaskIn], Meta(max_length=500)] = []
    signer: Annotated[str, Meta(max_length=lengths.SIGNER)] = ""
    urgency: Urgency = "normal"
    received_on: date | None = None
    submission_id: (
        Annotated[
            str, Meta(min_length=8, max_length=100, pattern=r"^[!-~]+$", extra={FORM: "form.submission"})
        ]
        | None
    ) = None


class TasksIn(Struct, forbid_unknown_fields=True):
    """More tasks of a directive that stands."""

    tasks: Annotated[list[TaskIn], Meta(min_length=1, max_length=500)]


class DirectivePatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be corrected; null empties a text that may be empty."""

    issuer: Annotated[str, Meta(max_length=lengths.ISSUER)] | UnsetType | None = UNSET
    signer: Annotated[str, Meta(max_length=lengths.SIGNER)] | UnsetType | None = UNSET
    abstract: Annotated[str, Meta(max_length=lengths.ABSTRACT)] | UnsetType | None = UNSET


class Directive(Struct):
    """A recorded directive."""

    id: Id
    number: str
    kind: DirectiveKind
    issued_on: date
    received_on: date | None
    issuer: str
    signer: str
    abstract: str
    urgency: Urgency
    task_count: int
    created_at: datetime
    changed_at: datetime


class DirectivePage(Struct):
    """Directives, newest first."""

    items: list[Directive]
    next: str | None


class DirectiveQuery(PageQuery, forbid_unknown_fields=True, kw_only=True):
    """Which directives."""

    q: Words | None = None


class Recorded(Struct):
    """What recording came to."""

    directive_id: Id
    task_ids: list[Id]
    assignment_ids: list[Id]
    replayed: bool


def shown(row: db.Directive) -> Directive:
    """A directive as the API gives it."""
    return Directive(
        id=str(row.id),
        number=row.number,
        kind=row.kind,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        issued_on=row.issued_on,
        received_on=row.received_on,
        issuer=row.issuer,
        signer=row.signer,
        abstract=row.abstract,
        urgency=row.urgency,  # type: ignore[arg-type]
        task_count=row.task_count,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def new_task(task: TaskIn) -> NewTask:
    """The task as an action takes it."""
    return NewTask(
        short_name=task.short_name,
        full_text=task.full_text,
        leads=tuple(task.leads),
        cooperating=tuple(task.cooperating),
        lead_classes=tuple(task.lead_classes),
        cooperating_classes=tuple(task.cooperating_classes),
        deadline=task.deadline,
        due_on=task.due_on,
        due_time=time_of(task.due_time),
        product=task.product,
        place=task.place,
        report_to=task.report_to,
        field=task.field,
        completes_on=task.completes_on,
        officer_email=task.officer_email,
        restricted=task.restricted,
        early_due_confirmed=task.early_due_confirmed,
    )


def _recorded(made: actions.Recorded) -> Recorded:
    return Recorded(
        directive_id=str(made.directive_id),
        task_ids=[str(i) for i in made.task_ids],
        assignment_ids=[str(i) for i in made.assignment_ids],
        replayed=made.replayed,
    )


@endpoint(
    "GET",
    "/directives",
    id="listDirectives",
    summary="List directives",
    tag="Directives",
    verb=Verb.LIST,
    query=DirectiveQuery,
    answer=DirectivePage,
    is_paged=True,
    links={
        "first": {"operationId": "getDirective", "parameters": {"directive_id": "$response.body#/items/0/id"}}
    },
)
async def list_directives(call: Call[DirectiveQuery, NoBody]) -> Reply:
    """The directives you have a part in, newest first."""
    position = call.position()
    words = call.query.q or ""
    if words and not word_key(words):
        # Nothing but signs: no text holds them as a word, so none is found.
        return Reply(DirectivePage([], None))
    rows = await db.list_directives(
        call.actor,
        words=words,
        limit=call.limit + 1,
        after=(date.fromisoformat(position[0]), int(position[1])) if position else None,
    )
    page, more = rows[: call.limit], len(rows) > call.limit
    at = (page[-1].issued_on.isoformat(), str(page[-1].id)) if more else None
    return Reply(DirectivePage([shown(row) for row in page], call.next_cursor(at)), next_position=at)


@endpoint(
    "POST",
    "/directives",
    id="recordDirective",
    summary="Record a directive with its tasks",
    description="All or nothing: every fault of every task is named, and nothing is written while one stands.",
    tag="Directives",
    verb=Verb.RECORD_DIRECTIVE,
    body=DirectiveIn,
    answer=Recorded,
    status=201,
    has_tag=False,
    refusals=("invalid", "directive_recorded"),
    example=ONE_DIRECTIVE,
    links={
        "directive": {
            "operationId": "getDirective",
            "parameters": {"directive_id": "$response.body#/directive_id"},
        },
        "assignment": {
            "operationId": "getAssignment",
            "parameters": {"assignment_id": "$response.body#/assignment_ids/0"},
        },
    },
)
async def record_directive(call: Call[NoQuery, DirectiveIn]) -> Reply:
    """Record a directive, resolve its deadlines, assign its tasks and queue what the agencies are told."""
    body = call.body
    new = NewDirective(
        number=body.number,
        kind=body.kind,
        issued_on=body.issued_on,
        issuer=body.issuer,
        abstract=body.abstract,
        tasks=tuple(new_task(task) for task in body.tasks),
        signer=body.signer,
        urgency=body.urgency,
        received_on=body.received_on,
        submission_id=body.submission_id,
    )
    made = await actions.record(call.actor, new, call.now)
    return Reply(
        _recorded(made),
        status=200 if made.replayed else 201,
        location=f"/api/v1/directives/{made.directive_id}",
    )


@endpoint(
    "GET",
    "/directives/{directive_id}",
    id="getDirective",
    summary="Read a directive",
    tag="Directives",
    verb=Verb.READ,
    answer=Directive,
    refusals=("not_found",),
    links={
        "tasks": {"operationId": "listDirectiveTasks", "parameters": {"directive_id": "$response.body#/id"}},
        "patch": {
            "operationId": "editDirective",
            "parameters": {"directive_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        },
    },
)
async def get_directive(call: Call[NoQuery, NoBody]) -> Reply:
    """One directive."""
    row = await db.get_directive(call.actor, call.ids["directive_id"])
    return Reply(shown(row), row_version=row.row_version)


@endpoint(
    "PATCH",
    "/directives/{directive_id}",
    id="editDirective",
    summary="Correct a directive",
    tag="Directives",
    verb=Verb.RECORD_DIRECTIVE,
    body=DirectivePatch,
    answer=Directive,
    is_change=True,
    refusals=("not_found", "invalid"),
    example={"abstract": "Về việc đẩy mạnh chuyển đổi số quốc gia"},
)
async def edit_directive(call: Call[NoQuery, DirectivePatch]) -> Reply:
    """Correct the words of a directive; the change stands in its history."""
    directive_id = call.ids["directive_id"]
    changes = texts_of(call.body)
    if changes:
        await actions.edit(call.actor, directive_id, changes, call.version, call.now)
    row = await db.get_directive(call.actor, directive_id)
    if not changes:
        check_version(row.row_version, call.version)
    return Reply(shown(row), row_version=row.row_version)


@endpoint(
    "POST",
    "/directives/{directive_id}/tasks",
    id="addTasks",
    summary="Add tasks to a directive",
    tag="Directives",
    verb=Verb.RECORD_DIRECTIVE,
    body=TasksIn,
    answer=Recorded,
    status=201,
    has_tag=False,
    refusals=("not_found", "invalid"),
    example={"tasks": [ONE_TASK]},
)
async def add_tasks(call: Call[NoQuery, TasksIn]) -> Reply:
    """Give more tasks of a directive that stands."""
    directive_id = call.ids["directive_id"]
    tasks = tuple(new_task(task) for task in call.body.tasks)
    made = await actions.add_tasks(call.actor, directive_id, tasks, call.now)
    return Reply(_recorded(made), location=f"/api/v1/directives/{directive_id}/tasks")


handlers = [list_directives, record_directive, get_directive, edit_directive, add_tasks]
