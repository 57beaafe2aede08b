"""Imports: a spreadsheet becomes a preview with every problem named, then, confirmed, tasks: all rows or none."""

from __future__ import annotations

from datetime import date
from pathlib import PurePath
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from tracker.actions import imports as actions
from tracker.actions import jobs as jobs_actions
from tracker.actions.jobs import TooManyJobs
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Flag, Id, NoBody, NoQuery
from tracker.api.v1.attachments import FileName, name_of
from tracker.api.v1.jobs import LINKS, Job, reply_with, shown, too_many
from tracker.api.v1.shapes import Day
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.errors import NotFound
from tracker.domain.files import clean_name
from tracker.i18n import Language
from tracker.intake.rows import Defaults

EXTENSIONS = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "text/csv": ".csv",
    "application/json": ".json",
}
OCTETS = "application/octet-stream"


class ImportQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file's name, its sheet, and what holds for rows that do not say it themselves."""

    name: FileName | None = None
    sheet: Annotated[str, Meta(max_length=100, pattern=PRINTABLE, extra={FORM: "form.printable"})] | None = (
        None
    )
    directive: (
        Annotated[str, Meta(max_length=lengths.NUMBER, pattern=PRINTABLE, extra={FORM: "form.printable"})]
        | None
    ) = None
    issued_on: Day | None = None
    issuer: (
        Annotated[str, Meta(max_length=lengths.ISSUER, pattern=PRINTABLE, extra={FORM: "form.printable"})]
        | None
    ) = None
    confirm_early: Flag = "false"


class RowFault(Struct):
    """What is wrong in one cell: the row as the file counts it, the column by its header, what is expected."""

    row: int
    column: str
    value: str
    code: str
    detail: str
    expected: str


class ImportedDirective(Struct):
    """A document the file brings, or brings more tasks for."""

    number: str
    issued_on: date
    issuer: str
    is_new: bool
    tasks: int
    assignments: int


class Preview(Struct):
    """What the import would do. Lists are cut at a thousand entries, counts are of all."""

    tasks: int
    assignments: int
    directives: list[ImportedDirective]
    double_count: int
    doubles: list[int]
    early_rows: list[int]
    unknown_columns: list[str]
    problem_count: int
    problem_rows: int
    problems: list[RowFault]
    remark_count: int
    remarks: list[RowFault]


class Import(Struct):
    """A file that was sent; `preview` is there when its job is done, `can_be_confirmed` when no row is wrong."""

    id: Id
    file_name: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    can_be_confirmed: bool
    job: Job
    preview: Preview | None


@endpoint(
    "POST",
    "/imports",
    id="createImport",
    summary="Send a table to import",
    tag="Jobs",
    verb=Verb.RECORD_DIRECTIVE,
    query=ImportQuery,
    answer=Job,
    status=202,
    file_types=(*EXTENSIONS, OCTETS),
    refusals=("too_many_jobs",),
    description=(
        "The body is the file itself, at most 10 MB: xlsx, csv (UTF-8, UTF-16 or Windows-1258) or json."
        " Nothing is written before the import is confirmed."
    ),
    links={
        **LINKS,
        "preview": {"operationId": "getImport", "parameters": {"import_id": "$response.body#/id"}},
        "confirm": {"operationId": "confirmImport", "parameters": {"import_id": "$response.body#/id"}},
    },
)
async def create_import(call: Call[ImportQuery, NoBody]) -> Reply:
    """A job that reads the file and makes the preview."""
    query = call.query
    defaults = Defaults(
        document=query.directive or "",
        issued_on=query.issued_on,
        issuer=query.issuer or "",
        confirm_early=query.confirm_early == "true",
    )
    new = actions.NewImport(call.file, _name(call), query.sheet or "", defaults)
    try:
        job_id = await actions.ask(call.actor, new, call.language)
    except TooManyJobs as refused:
        raise too_many(refused) from None
    return await reply_with(call, job_id, 202)


def _name(call: Call[ImportQuery, NoBody]) -> str:
    """The file's name; one without an extension gets that of the media type."""
    extension = EXTENSIONS.get(call.file_type, "")
    if call.query.name is None and not call.disposition and extension:
        return f"import{extension}"
    name = clean_name(name_of(call.query.name, call.disposition))
    return name if PurePath(name).suffix else name + extension


@endpoint(
    "GET",
    "/imports/{import_id}",
    id="getImport",
    summary="Read the preview of an import",
    tag="Jobs",
    verb=Verb.RECORD_DIRECTIVE,
    answer=Import,
    refusals=("not_found",),
)
async def get_import(call: Call[NoQuery, NoBody]) -> Reply:
    """What the file would bring, and what is wrong with it, cell by cell."""
    job = await jobs_actions.get(call.actor, call.ids["import_id"])
    if job.kind != jobs_actions.IMPORT:
        raise NotFound(noun="import", id=job.id)
    preview = _preview(job.summary, call.language) if job.state == "done" else None
    value = Import(
        id=str(job.id),
        file_name=job.input_name,
        state=job.state,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        can_be_confirmed=preview is not None and preview.problem_count == 0 and preview.tasks > 0,
        job=shown(job, call.language, is_worker_alive=await jobs_actions.is_worker_alive()),
        preview=preview,
    )
    return Reply(value, row_version=job.row_version)


def _preview(kept: dict[str, Any], language: Language) -> Preview:
    return Preview(
        tasks=kept["tasks"],
        assignments=kept["assignments"],
        directives=[
            ImportedDirective(**{**d, "issued_on": date.fromisoformat(d["issued_on"])})
            for d in kept["directives"]
        ],
        double_count=kept["double_count"],
        doubles=kept["doubles"],
        early_rows=kept["early_rows"],
        unknown_columns=kept["unknown_columns"],
        problem_count=kept["problem_count"],
        problem_rows=kept["problem_rows"],
        problems=[_fault(p, language) for p in kept["problems"]],
        remark_count=kept["remark_count"],
        remarks=[_fault(p, language) for p in kept["remarks"]],
    )


def _fault(kept: dict[str, Any], language: Language) -> RowFault:
    return RowFault(
        row=kept["row"],
        column=kept["column"],
        value=kept["value"],
        code=kept["code"],
        detail=kept["message"][language],
        expected=kept["expected"][language],
    )


@endpoint(
    "POST",
    "/imports/{import_id}/confirmation",
    id="confirmImport",
    summary="Write an import",
    tag="Jobs",
    verb=Verb.RECORD_DIRECTIVE,
    answer=Job,
    status=202,
    refusals=("not_found", "import_not_ready", "too_many_jobs"),
    links=LINKS,
)
async def confirm_import(call: Call[NoQuery, NoBody]) -> Reply:
    """A job that writes every row or none; rows that stand already are passed over. Asked twice, it is one job."""
    try:
        job_id = await actions.confirm(call.actor, call.ids["import_id"], call.language)
    except TooManyJobs as refused:
        raise too_many(refused) from None
    return await reply_with(call, job_id, 202)


handlers = [create_import, get_import, confirm_import]
