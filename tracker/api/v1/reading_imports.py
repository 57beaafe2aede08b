"""Readings of targets from a spreadsheet: every line is judged first, then all are written, once, or none."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from tracker.actions import reading_sheets as actions
from tracker.actions.reading_sheets import SENDERS, Judged, Preview
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.api.v1.attachments import FileName, name_of
from tracker.api.v1.imports import EXTENSIONS, OCTETS
from tracker.domain.access import Verb
from tracker.domain.files import clean_name
from tracker.i18n import Language, text
from tracker.intake.readings import Column
from tracker.refusals import sentence


class ReadingFileQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """The file's name."""

    name: FileName | None = None


class ReadingFault(Struct):
    """What is wrong in one column of a line, and what is expected there."""

    column: Literal[
        "id", "agency", "task", "name", "period", "as_of", "figure", "unit", "evidence", "note", "reason"
    ]
    value: str
    code: str
    detail: str
    expected: str


class ReadingLine(Struct):
    """A line of the file and what becomes of it; `before` is the reading that it corrects or repeats."""

    row: int
    fate: Literal["wrong", "new", "correction", "same"]
    indicator_id: Id | None
    agency_code: str | None
    period: str
    as_of: date | None
    figure: str
    before: str | None
    problems: list[ReadingFault]


class ReadingImport(Struct):
    """A file of readings as it was judged; it can be confirmed once, when no line is wrong and one is new."""

    id: Id
    file_name: str
    sent_at: datetime
    written_at: datetime | None
    written: int
    can_be_confirmed: bool
    lines: list[ReadingLine]


def _shown(found: Preview, language: Language) -> ReadingImport:
    return ReadingImport(
        id=str(found.id),
        file_name=found.name,
        sent_at=found.sent_at,
        written_at=found.written_at,
        written=found.written,
        can_be_confirmed=found.can_be_written,
        lines=[_line(line, language) for line in found.lines],
    )


def _line(line: Judged, language: Language) -> ReadingLine:
    return ReadingLine(
        row=line.line.row,
        fate=line.fate.value,
        indicator_id=str(line.found.id) if line.found else None,
        agency_code=line.found.agency_code if line.found else None,
        period=line.period,
        as_of=line.new.as_of if line.new else None,
        figure=line.line.text(Column.FIGURE),
        before=line.before.reading.figure.words if line.before else None,
        problems=[
            ReadingFault(
                column=column.value,
                value=line.line.text(column)[:200],
                code=problem.code,
                detail=sentence(language, problem.code, {"value": problem.value, **problem.params}),
                expected=text(language, f"target.expected.{column.value}"),
            )
            for column, problem in line.problems
        ],
    )


@endpoint(
    "POST",
    "/reading-imports",
    id="sendReadings",
    summary="Send a table of readings",
    tag="Targets",
    verb=Verb.READ,
    one_of=SENDERS,
    query=ReadingFileQuery,
    answer=ReadingImport,
    status=201,
    has_tag=False,
    file_types=(*EXTENSIONS, OCTETS),
    description=(
        "The body is the file itself, at most 10 MB: xlsx, csv (UTF-8, UTF-16 or Windows-1258) or json."
        " Nothing is written before the import is confirmed."
    ),
    links={
        "preview": {"operationId": "getReadings", "parameters": {"sheet_id": "$response.body#/id"}},
        "confirm": {"operationId": "confirmReadings", "parameters": {"sheet_id": "$response.body#/id"}},
    },
)
async def send_readings(call: Call[ReadingFileQuery, NoBody]) -> Reply:
    """Read the file and judge every line."""
    extension = EXTENSIONS.get(call.file_type, "")
    if call.query.name is None and not call.disposition:
        name = f"readings{extension or '.xlsx'}"
    else:
        name = clean_name(name_of(call.query.name, call.disposition))
    made = await actions.send(call.actor, call.file, name, call.now)
    return Reply(_shown(await actions.look(call.actor, made, call.now), call.language))


@endpoint(
    "GET",
    "/reading-imports/{sheet_id}",
    id="getReadings",
    summary="Read what a table of readings would do",
    tag="Targets",
    verb=Verb.READ,
    one_of=SENDERS,
    answer=ReadingImport,
    has_tag=False,
    refusals=("not_found",),
)
async def get_readings(call: Call[NoQuery, NoBody]) -> Reply:
    """Every line, judged as things stand now."""
    return Reply(_shown(await actions.look(call.actor, call.ids["sheet_id"], call.now), call.language))


@endpoint(
    "POST",
    "/reading-imports/{sheet_id}/confirmation",
    id="confirmReadings",
    summary="Write a table of readings",
    tag="Targets",
    verb=Verb.READ,
    one_of=SENDERS,
    answer=ReadingImport,
    status=200,
    has_tag=False,
    refusals=("not_found", "readings_not_ready", "readings_nothing_new"),
)
async def confirm_readings(call: Call[NoQuery, NoBody]) -> Reply:
    """Write every line that is new or corrects one, all or none."""
    sheet_id = call.ids["sheet_id"]
    await actions.write(call.actor, sheet_id, call.now)
    return Reply(_shown(await actions.look(call.actor, sheet_id, call.now), call.language))


handlers = [send_readings, get_readings, confirm_readings]
