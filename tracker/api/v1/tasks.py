"""Tasks: what a directive asks for, and the words that may be corrected."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import directives as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery, texts_of
from tracker.api.v1.shapes import Milestone, check_version
from tracker.db import directives as db
from tracker.domain import lengths
from tracker.domain.access import Verb


class Task(Struct):
    """One thing to be done; `deadline` is the official phrase, each assignment has the date it comes to."""

    id: Id
    directive_id: Id
    ordinal: int
    short_name: str
    full_text: str
    deadline: str
    product: str
    place: str
    report_to: str
    field: str
    completes_on: Milestone
    officer_id: Id | None
    restricted: bool
    changed_at: datetime


class TaskList(Struct):
    """The tasks of a directive, in its order."""

    items: list[Task]


class TaskPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be corrected; null empties a text that may be empty. Deadlines are moved at the assignment."""

    short_name: Annotated[str, Meta(max_length=lengths.SHORT_NAME)] | UnsetType | None = UNSET
    full_text: Annotated[str, Meta(max_length=lengths.FULL_TEXT)] | UnsetType | None = UNSET
    product: Annotated[str, Meta(max_length=lengths.PRODUCT)] | UnsetType | None = UNSET
    place: Annotated[str, Meta(max_length=lengths.PLACE)] | UnsetType | None = UNSET
    report_to: Annotated[str, Meta(max_length=lengths.REPORT_TO)] | UnsetType | None = UNSET
    field: Annotated[str, Meta(max_length=lengths.FIELD)] | UnsetType | None = UNSET


def shown(row: db.Task) -> Task:
    """A task as the API gives it."""
    return Task(
        id=str(row.id),
        directive_id=str(row.directive_id),
        ordinal=row.ordinal,
        short_name=row.short_name,
        full_text=row.full_text,
        deadline=row.deadline_phrase,
        product=row.product,
        place=row.place,
        report_to=row.report_to,
        field=row.field,
        completes_on=row.completes_on,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        officer_id=None if row.secretariat_officer_id is None else str(row.secretariat_officer_id),
        restricted=row.restricted,
        changed_at=row.changed_at,
    )


@endpoint(
    "GET",
    "/directives/{directive_id}/tasks",
    id="listDirectiveTasks",
    summary="List the tasks of a directive",
    tag="Tasks",
    verb=Verb.READ,
    answer=TaskList,
    refusals=("not_found",),
    links={"first": {"operationId": "getTask", "parameters": {"task_id": "$response.body#/items/0/id"}}},
)
async def list_tasks(call: Call[NoQuery, NoBody]) -> Reply:
    """The tasks of a directive that you have a part in."""
    directive = await db.get_directive(call.actor, call.ids["directive_id"])
    return Reply(TaskList([shown(row) for row in await db.list_tasks(call.actor, directive.id)]))


@endpoint(
    "GET",
    "/tasks/{task_id}",
    id="getTask",
    summary="Read a task",
    tag="Tasks",
    verb=Verb.READ,
    answer=Task,
    refusals=("not_found",),
    links={
        "patch": {
            "operationId": "editTask",
            "parameters": {"task_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_task(call: Call[NoQuery, NoBody]) -> Reply:
    """One task."""
    row = await db.get_task(call.actor, call.ids["task_id"])
    return Reply(shown(row), row_version=row.row_version)


@endpoint(
    "PATCH",
    "/tasks/{task_id}",
    id="editTask",
    summary="Correct a task",
    tag="Tasks",
    verb=Verb.EDIT_TASK,
    body=TaskPatch,
    answer=Task,
    is_change=True,
    refusals=("not_found", "invalid"),
    example={"short_name": "Nộp kế hoạch chuyển đổi số năm 2026", "place": None},
)
async def edit_task(call: Call[NoQuery, TaskPatch]) -> Reply:
    """Correct the words of a task; calendars show the new name."""
    task_id = call.ids["task_id"]
    changes = texts_of(call.body)
    if changes:
        await actions.edit_task(call.actor, task_id, changes, call.version, call.now)
    row = await db.get_task(call.actor, task_id)
    if not changes:
        check_version(row.row_version, call.version)
    return Reply(shown(row), row_version=row.row_version)


handlers = [list_tasks, get_task, edit_task]
