"""Evidence files: sent as they are, one in a request, and given back as downloads, never shown in place."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import unquote_to_bytes

from msgspec import Meta, Struct

from tracker.actions import attachments as actions
from tracker.api.endpoint import ANY_TYPE, Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Id, NoBody, NoQuery
from tracker.api.v1.shapes import check_version
from tracker.db import attachments as db
from tracker.domain.access import Verb
from tracker.domain.errors import Invalid
from tracker.domain.files import KINDS

OCTETS = "application/octet-stream"
FILE_TYPES = (*dict.fromkeys(kind.media_type for kind in KINDS.values()), "text/xml", OCTETS)

FileName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=PRINTABLE,
        description="Name of the file with its extension; cleaned of what deceives.",
        examples=["Ke hoach 88-KH-BYT.pdf"],
        extra={FORM: "form.printable"},
    ),
]


class FileQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file's name; may stand in a Content-Disposition of the request instead (RFC 6266)."""

    name: FileName | None = None


class Attachment(Struct):
    """A file that proves what a report says; `report_id` is null until a report names it."""

    id: Id
    assignment_id: Id
    report_id: Id | None
    name: str
    media_type: str
    size: int
    sha256: str
    state: Literal["loose", "attached"]
    virus_scanned: bool
    uploaded_by: Id
    created_at: datetime
    url: str


class AttachmentList(Struct):
    """The files of an assignment, oldest first."""

    items: list[Attachment]


def shown(file: db.Attachment) -> Attachment:
    """A file as the API tells of it."""
    return Attachment(
        id=str(file.id),
        assignment_id=str(file.assignment_id),
        report_id=None if file.report_id is None else str(file.report_id),
        name=file.name,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256.hex(),
        state=file.state,  # type: ignore[arg-type]  # the CHECK constraint holds the choices
        virus_scanned=file.was_scanned,
        uploaded_by=str(file.official_id),
        created_at=file.created_at,
        url=f"/api/v1/attachments/{file.id}",
    )


def name_of(query_name: str | None, disposition: str) -> str:
    """The file's name: from the query, else from a Content-Disposition. Raises Invalid (file_name_missing).

    >>> name_of(None, "attachment; filename*=UTF-8''K%E1%BA%BF%20ho%E1%BA%A1ch.pdf")
    'Kế hoạch.pdf'
    >>> name_of(None, 'attachment; filename="a.pdf"'), name_of("b.pdf", "")
    ('a.pdf', 'b.pdf')
    """
    if query_name is not None:
        return query_name
    extended = re.search(r"filename\*\s*=\s*UTF-8'[\w-]*'([^;\s]+)", disposition, re.IGNORECASE)
    try:
        if extended:
            return unquote_to_bytes(extended.group(1)).decode("utf-8")
        plain = re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', disposition, re.IGNORECASE)
        if plain:
            given = plain.group(1) if plain.group(1) is not None else plain.group(2)
            return re.sub(r"\\(.)", r"\1", given).encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise Invalid.one("/name", "file_name_missing") from None
    raise Invalid.one("/name", "file_name_missing")


@endpoint(
    "POST",
    "/assignments/{assignment_id}/attachments",
    id="addAttachment",
    summary="Send a file",
    tag="Files",
    verb=Verb.REPORT,
    query=FileQuery,
    answer=Attachment,
    status=201,
    file_types=FILE_TYPES,
    refusals=("not_found", "too_many_files", "assignment_closed", "already_reported", "already_confirmed"),
    description=(
        "The body is the file itself, at most 10 MB: pdf, docx, xlsx, png, jpg, csv, txt, xml. Extension, first"
        " bytes and structure must say the same. It waits seven days for a report that names it."
    ),
    links={
        "read": {"operationId": "getAttachment", "parameters": {"attachment_id": "$response.body#/id"}},
        "remove": {
            "operationId": "removeAttachment",
            "parameters": {"attachment_id": "$response.body#/id", "If-Match": "$response.header.ETag"},
        },
    },
)
async def add_attachment(call: Call[FileQuery, NoBody]) -> Reply:
    """Keep a file for the report to come."""
    name = name_of(call.query.name, call.disposition)
    new = actions.NewFile(name, call.file)
    file = await actions.add(call.actor, call.ids["assignment_id"], new, call.now)
    return Reply(shown(file), row_version=1, location=f"/api/v1/attachments/{file.id}")


@endpoint(
    "GET",
    "/assignments/{assignment_id}/attachments",
    id="listAttachments",
    summary="List the files of an assignment",
    tag="Files",
    verb=Verb.READ,
    answer=AttachmentList,
    refusals=("not_found",),
)
async def list_attachments(call: Call[NoQuery, NoBody]) -> Reply:
    """Every file, those of reports and those that still wait for one."""
    files = await actions.list_files(call.actor, call.ids["assignment_id"])
    return Reply(AttachmentList([shown(file) for file in files]))


@endpoint(
    "GET",
    "/attachments/{attachment_id}",
    id="getAttachment",
    summary="Fetch a file",
    tag="Files",
    verb=Verb.READ,
    media_types=(ANY_TYPE,),
    refusals=("not_found",),
)
async def get_attachment(call: Call[NoQuery, NoBody]) -> Reply:
    """The file as it was sent, always as a download."""
    file, content = await actions.fetch(call.actor, call.ids["attachment_id"])
    return Reply(content, row_version=1, media_type=file.media_type, file_name=file.name)


@endpoint(
    "DELETE",
    "/attachments/{attachment_id}",
    id="removeAttachment",
    summary="Take back a file",
    tag="Files",
    verb=Verb.REPORT,
    status=204,
    is_change=True,
    refusals=("not_found", "file_of_report"),
)
async def remove_attachment(call: Call[NoQuery, NoBody]) -> Reply:
    """Remove a file that no report names yet."""
    check_version(1, call.version)  # a file never changes
    await actions.remove(call.actor, call.ids["attachment_id"], call.now)
    return Reply(None)


handlers = [add_attachment, list_attachments, get_attachment, remove_attachment]
