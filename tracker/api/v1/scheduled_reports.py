"""Scheduled reports: tables that go by mail on working days, each made with the rights of its reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from tracker.actions import scheduled_reports as actions
from tracker.actions.scheduled_reports import Shown
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Id, NoBody, NoQuery, changes_of, id_of
from tracker.api.v1.shapes import AgencyCode, PageQuery
from tracker.db.scheduled_reports import Choices
from tracker.db.scheduled_reports import Letter as LetterValue
from tracker.documents.tables_model import MEDIA_TYPES
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.scheduled_reports import FileFormat, Rhythm, Timing, What

WhatName = Literal["overdue", "rates", "block_rates", "ageing", "due"]
FormName = Literal["docx", "pdf", "xlsx"]
LanguageName = Literal["vi", "en"]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=actions.NAME,
        pattern=PRINTABLE,
        extra={FORM: "form.printable"},
        examples=["Quá hạn hằng tuần"],
    ),
]
Day = Annotated[int, Meta(ge=1, le=31, description="The weekday, 1 is Monday, or the day of the month.")]
Hour = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        extra={FORM: "form.clock"},
        description="Wall-clock time in the official zone, from 07:00 to 17:00.",
        examples=["07:30"],
    ),
]
Readers = Annotated[list[Id], Meta(min_length=1, max_length=actions.MOST_READERS)]
Agencies = Annotated[list[AgencyCode], Meta(max_length=actions.MOST_AGENCIES)]
Field = Annotated[str, Meta(max_length=lengths.FIELD, pattern=PRINTABLE, extra={FORM: "form.printable"})]
Weeks = Annotated[int, Meta(ge=1, le=actions.MOST_WEEKS, description="How far `due` looks ahead.")]


class ScheduledReportIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A report that is to go; without `language` each reader gets their own."""

    name: Name
    what: WhatName
    rhythm: Literal["weekly", "monthly"]
    day: Day
    hour: Hour
    format: FormName
    readers: Readers
    language: LanguageName | None = None
    agencies: Agencies = []
    directive_id: Id | None = None
    field: Field = ""
    weeks: Weeks = 2
    leave_out_empty: bool = False


class ScheduledReportPatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be changed; `state` pauses it, or lets it go on."""

    name: Name | UnsetType = UNSET
    what: WhatName | UnsetType = UNSET
    rhythm: Literal["weekly", "monthly"] | UnsetType = UNSET
    day: Day | UnsetType = UNSET
    hour: Hour | UnsetType = UNSET
    format: FormName | UnsetType = UNSET
    readers: Readers | UnsetType = UNSET
    language: LanguageName | UnsetType | None = UNSET
    agencies: Agencies | UnsetType = UNSET
    directive_id: Id | UnsetType | None = UNSET
    field: Field | UnsetType = UNSET
    weeks: Weeks | UnsetType = UNSET
    leave_out_empty: bool | UnsetType = UNSET
    state: Literal["active", "paused"] | UnsetType = UNSET


class ScheduledReport(Struct):
    """A report as it stands.

    `coming` are its next days, already moved to working days; `unknown_year` is the year without a working calendar
    that ends them early.
    """

    id: Id
    name: str
    what: WhatName
    rhythm: Literal["weekly", "monthly"]
    day: int
    hour: str
    format: FormName
    readers: list[Id]
    language: LanguageName | None
    agencies: list[str]
    directive_id: Id | None
    field: str
    weeks: int
    leave_out_empty: bool
    state: Literal["active", "paused", "ended"]
    coming: list[date]
    unknown_year: int | None
    made_by: str
    made_at: datetime
    changed_at: datetime


class ScheduledReportList(Struct):
    """Every report, those that go first."""

    items: list[ScheduledReport]


class ScheduledLetter(Struct):
    """What became of one report on one day for one person.

    `outcome` says whether a message was made, `state` how far it is; null where none was made.
    """

    id: Id
    day: date
    official_id: Id
    outcome: Literal["queued", "linked", "empty", "inactive", "closed", "dead", "failed", "missed"]
    state: Literal["pending", "sending", "sent", "failed", "superseded", "held"] | None
    is_late: bool
    rows: int | None
    file_name: str
    outbox_id: Id | None
    sent_at: datetime | None
    made_at: datetime


class ScheduledLetterPage(Struct):
    """Some letters, newest first."""

    items: list[ScheduledLetter]
    next: str | None


def shown(found: Shown) -> ScheduledReport:
    """A report as the API gives it."""
    report = found.report
    choices = report.choices
    return ScheduledReport(
        id=str(report.id),
        name=choices.name,
        what=choices.what.value,
        rhythm=choices.timing.rhythm.value,
        day=choices.timing.day,
        hour=f"{choices.timing.at:%H:%M}",
        format=choices.form.value,
        readers=[str(one) for one in choices.reader_ids],
        language="en" if choices.language == "en" else "vi" if choices.language == "vi" else None,
        agencies=list(choices.agency_codes),
        directive_id=None if choices.directive_id is None else str(choices.directive_id),
        field=choices.field,
        weeks=choices.weeks,
        leave_out_empty=choices.leave_out_empty,
        state=report.state,  # type: ignore[arg-type]  # a CHECK holds the states
        coming=list(found.coming.days),
        unknown_year=found.coming.unknown_year,
        made_by=report.made_by_name,
        made_at=report.made_at,
        changed_at=report.changed_at,
    )


def _letter(letter: LetterValue) -> ScheduledLetter:
    return ScheduledLetter(
        id=str(letter.id),
        day=letter.day,
        official_id=str(letter.official_id),
        outcome=letter.outcome,  # type: ignore[arg-type]  # a CHECK holds them
        state=letter.way or None,  # type: ignore[arg-type]  # a CHECK holds them
        is_late=letter.is_late,
        rows=letter.rows,
        file_name=letter.file_name,
        outbox_id=None if letter.outbox_id is None else str(letter.outbox_id),
        sent_at=letter.sent_at,
        made_at=letter.made_at,
    )


def _timing(rhythm: str, day: int, hour: str) -> Timing:
    return Timing(Rhythm(rhythm), day, time.fromisoformat(hour))


def _choices(body: ScheduledReportIn) -> Choices:
    return Choices(
        name=body.name,
        what=What(body.what),
        timing=_timing(body.rhythm, body.day, body.hour),
        form=FileFormat(body.format),
        reader_ids=tuple(id_of(one) for one in body.readers),
        language=body.language,
        agency_codes=tuple(body.agencies),
        directive_id=None if body.directive_id is None else id_of(body.directive_id),
        field=body.field,
        weeks=body.weeks,
        leave_out_empty=body.leave_out_empty,
    )


_LINKS: dict[str, dict[str, object]] = {
    name: {"operationId": operation, "parameters": {"scheduled_report_id": "$response.body#/id", **more}}
    for name, operation, more in (
        ("change", "changeScheduledReport", {"If-Match": "$response.header.ETag"}),
        ("end", "endScheduledReport", {"If-Match": "$response.header.ETag"}),
        ("preview", "previewScheduledReport", {}),
        ("letters", "listScheduledLetters", {}),
    )
}
_PLACE = "/scheduled-reports/{scheduled_report_id}"


@endpoint(
    "GET",
    "/scheduled-reports",
    id="listScheduledReports",
    summary="List scheduled reports",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    answer=ScheduledReportList,
)
async def list_scheduled_reports(call: Call[NoQuery, NoBody]) -> Reply:
    """Every report that goes, is paused or has ended, each with its next day."""
    return Reply(ScheduledReportList([shown(one) for one in await actions.list_all(call.actor, call.now)]))


@endpoint(
    "POST",
    "/scheduled-reports",
    id="createScheduledReport",
    summary="Schedule a report",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    body=ScheduledReportIn,
    answer=ScheduledReport,
    status=201,
    refusals=("invalid", "not_found", "too_many_scheduled_reports"),
    example={
        "name": "Quá hạn hằng tuần",
        "what": "overdue",
        "rhythm": "weekly",
        "day": 1,
        "hour": "07:30",
        "format": "docx",
        "readers": ["12", "31"],
    },
    links=_LINKS,
)
async def create_scheduled_report(call: Call[NoQuery, ScheduledReportIn]) -> Reply:
    """Let a report go from now on. What falls on a day off goes on the next working day."""
    report_id = await actions.make(call.actor, _choices(call.body), call.now)
    return await _reply(call, report_id, location=f"/api/v1/scheduled-reports/{report_id}")


async def _reply(call: Call[Any, Any], report_id: int, location: str | None = None) -> Reply:
    found = await actions.get(call.actor, report_id, call.now)
    return Reply(shown(found), row_version=found.report.row_version, location=location)


@endpoint(
    "GET",
    _PLACE,
    id="getScheduledReport",
    summary="Read a scheduled report",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    answer=ScheduledReport,
    refusals=("not_found",),
    links=_LINKS,
)
async def get_scheduled_report(call: Call[NoQuery, NoBody]) -> Reply:
    """One report with its next three days."""
    return await _reply(call, call.ids["scheduled_report_id"])


@endpoint(
    "PATCH",
    _PLACE,
    id="changeScheduledReport",
    summary="Change, pause or resume a scheduled report",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    body=ScheduledReportPatch,
    answer=ScheduledReport,
    is_change=True,
    refusals=("invalid", "not_found", "scheduled_report_ended"),
    example={"state": "paused"},
)
async def change_scheduled_report(call: Call[NoQuery, ScheduledReportPatch]) -> Reply:
    """What would have gone during a pause is not made up for, nor is what another rhythm never announced."""
    report_id = call.ids["scheduled_report_id"]
    changes = changes_of(call.body)
    state = changes.pop("state", None)
    stands = (await actions.get(call.actor, report_id, call.now)).report
    version = call.version
    if changes or state is None:
        changed = await actions.change(
            call.actor, report_id, version, _changed(stands.choices, changes), call.now
        )
        version = changed.row_version
    if state is not None:
        work = actions.pause if state == "paused" else actions.resume
        await work(call.actor, report_id, version, call.now)
    return await _reply(call, report_id)


def _changed(stands: Choices, changes: dict[str, Any]) -> Choices:
    """The choices that stand with what was given in their places."""
    timing = _timing(
        changes.pop("rhythm", stands.timing.rhythm.value),
        changes.pop("day", stands.timing.day),
        changes.pop("hour", f"{stands.timing.at:%H:%M}"),
    )
    reading: dict[str, Any] = {
        "what": ("what", What),
        "format": ("form", FileFormat),
        "readers": ("reader_ids", lambda given: tuple(id_of(one) for one in given)),
        "agencies": ("agency_codes", tuple),
        "directive_id": ("directive_id", lambda given: None if given is None else id_of(given)),
    }
    read: dict[str, Any] = {}
    for name, value in changes.items():
        ours, work = reading.get(name, (name, lambda given: given))
        read[ours] = work(value)
    return replace(stands, timing=timing, **read)


@endpoint(
    "DELETE",
    _PLACE,
    id="endScheduledReport",
    summary="End a scheduled report",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    status=204,
    is_change=True,
    refusals=("not_found", "scheduled_report_ended"),
)
async def end_scheduled_report(call: Call[NoQuery, NoBody]) -> Reply:
    """Send nothing any more; what was sent can still be looked up."""
    await actions.end(call.actor, call.ids["scheduled_report_id"], call.version, call.now)
    return Reply(None)


@endpoint(
    "GET",
    f"{_PLACE}/preview",
    id="previewScheduledReport",
    summary="Download the file as it would go today",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    media_types=(MEDIA_TYPES["docx"], MEDIA_TYPES["pdf"], MEDIA_TYPES["xlsx"]),
    refusals=("not_found",),
)
async def preview_scheduled_report(call: Call[NoQuery, NoBody]) -> Reply:
    """Made with your rights; `Accept` says in which form."""
    form = next(form for form in FileFormat if MEDIA_TYPES[form.value] == call.media_type)
    report_id = call.ids["scheduled_report_id"]
    made = await actions.preview(call.actor, report_id, call.now, call.language, form)
    return Reply(made.document.content, media_type=made.document.media_type, file_name=made.document.name)


@endpoint(
    "GET",
    f"{_PLACE}/letters",
    id="listScheduledLetters",
    summary="List the letters of a scheduled report",
    tag="Scheduled reports",
    verb=Verb.SCHEDULE_REPORTS,
    query=PageQuery,
    answer=ScheduledLetterPage,
    is_paged=True,
    refusals=("not_found", "bad_cursor"),
)
async def list_scheduled_letters(call: Call[PageQuery, NoBody]) -> Reply:
    """To whom it went on which day, and what became of each letter."""
    position = call.position()
    before_id = None if position is None else int(position[0])
    rows = await actions.list_letters(call.actor, call.ids["scheduled_report_id"], call.limit + 1, before_id)
    page = rows[: call.limit]
    following = (str(page[-1].id),) if len(rows) > call.limit else None
    return Reply(
        ScheduledLetterPage([_letter(row) for row in page], call.next_cursor(following)),
        next_position=following,
    )


handlers = [
    list_scheduled_reports,
    create_scheduled_report,
    get_scheduled_report,
    change_scheduled_report,
    end_scheduled_report,
    preview_scheduled_report,
    list_scheduled_letters,
]
