"""Exports: everything you may see that fits the filters, made as a job."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import exports as actions
from tracker.actions.jobs import TooManyJobs
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoQuery, Words, id_of
from tracker.api.v1.assignments import StatusFilter
from tracker.api.v1.jobs import LINKS, Job, reply_with, too_many
from tracker.api.v1.shapes import AgencyCode, Day, StateName
from tracker.domain.access import Verb
from tracker.domain.errors import Invalid, Problem


class ExportIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is exported, and how. Days are inclusive.

    `assignments` take status, state, agency, directive_id, due_from, due_to and q;
    `overdue` takes agency, directive_id and as_of; `history` takes directive_id, from and to.
    A docx holds 5,000 rows and a pdf 1,000; `bom` is about csv, whose UTF-8 Excel reads only with a mark.
    """

    what: Literal["assignments", "overdue", "history"]
    format: Literal["xlsx", "csv", "docx", "pdf", "json"]
    bom: bool = True
    status: StatusFilter | None = None
    state: StateName | None = None
    agency: Annotated[list[AgencyCode], Meta(max_length=100)] = []
    directive_id: Id | None = None
    due_from: Day | None = None
    due_to: Day | None = None
    q: Words | None = None
    as_of: Day | None = None
    changed_from: Day | None = None
    changed_to: Day | None = None


_TAKEN = {
    "assignments": ("status", "state", "agency", "directive_id", "due_from", "due_to", "q"),
    "overdue": ("agency", "directive_id", "as_of"),
    "history": ("directive_id", "changed_from", "changed_to"),
}


@endpoint(
    "POST",
    "/exports",
    id="createExport",
    summary="Ask for an export",
    tag="Jobs",
    verb=Verb.EXPORT,
    body=ExportIn,
    answer=Job,
    status=202,
    refusals=("invalid", "too_many_jobs"),
    example={"what": "assignments", "format": "xlsx", "status": "open_overdue"},
    links=LINKS,
)
async def create_export(call: Call[NoQuery, ExportIn]) -> Reply:
    """A job that makes the file: follow its `Location`, fetch the result when it is done."""
    body = call.body
    _check(body)
    is_history = body.what == "history"
    new = actions.NewExport(
        what=body.what,
        form=body.format,
        status=body.status,
        state=body.state,
        agency=tuple(body.agency),
        directive_id=None if body.directive_id is None else id_of(body.directive_id),
        from_on=body.changed_from if is_history else body.due_from,
        to_on=body.changed_to if is_history else body.due_to,
        as_of=body.as_of,
        words=body.q or "",
        with_bom=body.bom,
    )
    try:
        job_id = await actions.ask(call.actor, new, call.language)
    except TooManyJobs as refused:
        raise too_many(refused) from None
    return await reply_with(call, job_id, 202)


def _check(body: ExportIn) -> None:
    """Refuse a filter that does not belong to what is exported: it would silently export too much."""
    taken = _TAKEN[body.what]
    problems = [
        Problem(f"/{name}", "not_for_action", name, {"name": name, "action": body.what, "known": taken})
        for name in body.__struct_fields__
        if name not in ("what", "format", "bom", *taken) and getattr(body, name) not in (None, [])
    ]
    for first, last in (("due_from", "due_to"), ("changed_from", "changed_to")):
        low, high = getattr(body, first), getattr(body, last)
        if low is not None and high is not None and low > high:
            problems.append(Problem(f"/{first}", "span_reversed", low, {"from": low, "to": high}))
    if problems:
        raise Invalid(problems)


handlers = [create_export]
