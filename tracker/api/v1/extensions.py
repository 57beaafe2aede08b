"""Extensions: an agency asks for more time, the assigning side decides."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tracker.actions import extensions as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.api.v1.shapes import Day
from tracker.db import assignments as assignments_db
from tracker.db import extensions as db
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.drafts import ExtensionDecision, NewExtension


class ExtensionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A later date and why."""

    proposed_on: Day
    reason: Annotated[str, Meta(min_length=1, max_length=lengths.EXTENSION_REASON)]


class DecisionIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A grant names its document, a refusal its reason; without `granted_on` the proposed date is granted."""

    grant: bool
    granted_on: Day | None = None
    document: Annotated[str, Meta(max_length=lengths.DOCUMENT)] = ""
    reason: Annotated[str, Meta(max_length=lengths.REASON)] = ""


class Extension(Struct):
    """One request; `asked_late` says that it came after the deadline."""

    id: Id
    assignment_id: Id
    reason: str
    due_before: date
    proposed_on: date
    asked_late: bool
    requested_by: Id
    requested_at: datetime
    state: Literal["pending", "granted", "refused"]
    granted_on: date | None
    decided_at: datetime | None
    document: str
    decision_reason: str


class ExtensionList(Struct):
    """The requests of an assignment, oldest first."""

    items: list[Extension]


def shown(row: db.Extension) -> Extension:
    """A request as the API gives it."""
    return Extension(
        id=str(row.id),
        assignment_id=str(row.assignment_id),
        reason=row.reason,
        due_before=row.due_before,
        proposed_on=row.proposed_on,
        asked_late=row.asked_late,
        requested_by=str(row.requested_by),
        requested_at=row.requested_at,
        state=row.state,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        granted_on=row.granted_on,
        decided_at=row.decided_at,
        document=row.document,
        decision_reason=row.decision_reason,
    )


@endpoint(
    "GET",
    "/assignments/{assignment_id}/extensions",
    id="listExtensions",
    summary="List the extension requests of an assignment",
    tag="Extensions",
    verb=Verb.READ,
    answer=ExtensionList,
    refusals=("not_found",),
)
async def list_extensions(call: Call[NoQuery, NoBody]) -> Reply:
    """Every request, oldest first."""
    row = await assignments_db.get_assignment(call.actor, call.ids["assignment_id"])
    return Reply(ExtensionList([shown(one) for one in await db.list_extensions(call.actor, row.id)]))


@endpoint(
    "POST",
    "/assignments/{assignment_id}/extensions",
    id="requestExtension",
    summary="Ask for more time",
    tag="Extensions",
    verb=Verb.REQUEST_EXTENSION,
    body=ExtensionIn,
    answer=Extension,
    status=201,
    is_change=True,
    refusals=("not_found", "invalid", "extension_pending", "no_deadline_to_extend", "report_waiting"),
    example={"proposed_on": "2027-01-31", "reason": "Cần lấy ý kiến của địa phương."},
    links={
        "decide": {
            "operationId": "decideExtension",
            "parameters": {"extension_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        },
        "read": {"operationId": "getExtension", "parameters": {"extension_id": "$response.body#/id"}},
    },
)
async def request_extension(call: Call[NoQuery, ExtensionIn]) -> Reply:
    """Ask for a later date; the deadline stands and reminders go on until somebody grants it."""
    new = NewExtension(reason=call.body.reason, proposed_on=call.body.proposed_on)
    extension_id = await actions.request(call.actor, call.ids["assignment_id"], call.version, new, call.now)
    return await _reply_with(call, extension_id, f"/api/v1/extensions/{extension_id}")


@endpoint(
    "GET",
    "/extensions/{extension_id}",
    id="getExtension",
    summary="Read an extension request",
    tag="Extensions",
    verb=Verb.READ,
    answer=Extension,
    refusals=("not_found",),
    links={
        "decide": {
            "operationId": "decideExtension",
            "parameters": {"extension_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        }
    },
)
async def get_extension(call: Call[NoQuery, NoBody]) -> Reply:
    """One request; its entity tag moves with its assignment."""
    return await _reply_with(call, call.ids["extension_id"])


@endpoint(
    "POST",
    "/extensions/{extension_id}/decision",
    id="decideExtension",
    summary="Grant or refuse an extension",
    tag="Extensions",
    verb=Verb.DECIDE_EXTENSION,
    body=DecisionIn,
    answer=Extension,
    is_change=True,
    refusals=("not_found", "invalid", "extension_decided", "already_confirmed", "assignment_closed"),
    example={"grant": True, "granted_on": "2027-01-31", "document": "50/TB-VPCP", "reason": "Có lý do."},
)
async def decide_extension(call: Call[NoQuery, DecisionIn]) -> Reply:
    """Grant or refuse. A grant moves the deadline; the original date is kept."""
    body = call.body
    decision = ExtensionDecision(
        grant=body.grant, granted_on=body.granted_on, document=body.document, reason=body.reason
    )
    extension_id = call.ids["extension_id"]
    await actions.decide(call.actor, extension_id, call.version, decision, call.now)
    return await _reply_with(call, extension_id)


async def _reply_with(call: Call[Any, Any], extension_id: int, location: str | None = None) -> Reply:
    one = await db.get_extension(call.actor, extension_id)
    row = await assignments_db.get_assignment(call.actor, one.assignment_id)
    return Reply(shown(one), row_version=row.row_version, location=location)


handlers = [list_extensions, request_extension, get_extension, decide_extension]
