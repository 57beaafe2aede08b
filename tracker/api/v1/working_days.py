"""Working days: which days are off or swapped, by which document, and what a change of them moves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tracker.actions import working_days as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import FORM, PRINTABLE, Flag, Id, NoBody, NoQuery
from tracker.api.v1.shapes import Day
from tracker.db.working_days import WorkingYear as YearValue
from tracker.domain import lengths
from tracker.domain.access import Verb
from tracker.domain.errors import NotFound
from tracker.domain.workdays import DayMark

Kind = Literal["off", "work"]
Year = Annotated[int, Meta(ge=1990, le=2199)]
Document = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=lengths.DOCUMENT,
        pattern=PRINTABLE,
        description="Number of the document that says so.",
        examples=["Thông báo 6150/TB-BNV"],
        extra={FORM: "form.document"},
    ),
]
DayName = Annotated[
    str, Meta(min_length=1, max_length=actions.NAME, pattern=PRINTABLE, extra={FORM: "form.printable"})
]


class WorkingDay(Struct):
    """A day; `kind` is null where it follows its weekday, `is_working` null in a year that is not known.

    `projected` days follow from a rule or a plan and still wait for their announcement.
    """

    day: date
    kind: Kind | None
    name: str
    document: str
    projected: bool
    is_working: bool | None


class WorkingYear(Struct):
    """A year whose days off are known; `confirmed` once they were announced."""

    year: int
    document: str
    confirmed: bool


class WorkingDayList(Struct):
    """The marked days of a year; every other day follows its weekday. `known` is null for a year not loaded."""

    year: int
    known: WorkingYear | None
    known_years: list[int]
    items: list[WorkingDay]


class WorkingDayQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which year."""

    year: Annotated[
        str,
        Meta(
            pattern=r"^(199[0-9]|20[0-9]{2}|21[0-9]{2})$",
            description="A year, such as 2026.",
            examples=["2026"],
            extra_json_schema={"x-integer": [1990, 2199]},
            extra={FORM: "form.year"},
        ),
    ]


class WorkingDayIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a day is, and the document that says so; `apply_shifts` also moves the deadlines that follow from it."""

    kind: Kind
    name: DayName
    document: Document
    projected: bool = False
    apply_shifts: bool = False


class WorkingDayRemoval(Struct, forbid_unknown_fields=True, kw_only=True):
    """The document that leaves a day to its weekday again."""

    document: Document
    apply_shifts: Flag = "false"


class DayChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """A day to be marked, or with `usual` left to its weekday."""

    day: Day
    kind: Literal["off", "work", "usual"]


class PreviewIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """Days as they would be; none asks for what earlier changes have left behind."""

    changes: Annotated[list[DayChange], Meta(max_length=100)] = []


class WorkingYearIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A year whose days off are known from now on."""

    year: Year
    document: Document
    confirmed: bool = False


class ShiftedDeadline(Struct):
    """A deadline that would move; `is_pending` where an earlier change has left it behind."""

    assignment_id: Id
    directive_number: str
    short_name: str
    agency_code: str
    before: date
    after: date
    is_pending: bool


class MovedReminder(Struct):
    """A reminder of so many assignments that comes at another instant, deadlines as they stand."""

    step: str
    occurrence: int
    due_on: date
    assignments: int
    an_assignment_id: Id
    before: datetime | None
    after: datetime | None


class CalendarPreview(Struct):
    """What a change moves. Reminders follow by themselves, deadlines by decision."""

    shifts: list[ShiftedDeadline]
    reminders_moved: int
    reminders: list[MovedReminder]


class ChangedDay(Struct):
    """A day as it is said to be now, and what that moves; `applied` deadlines were moved with it."""

    day: WorkingDay
    preview: CalendarPreview
    applied: int


def _day(day: date, mark: DayMark | None, is_working: bool | None) -> WorkingDay:
    if mark is None:
        return WorkingDay(day, None, "", "", False, is_working)
    return WorkingDay(day, mark.kind, mark.name, mark.source, mark.projected, is_working)


def _year(year: YearValue) -> WorkingYear:
    return WorkingYear(year.year, year.source, year.confirmed)


def _preview(seen: actions.Preview) -> CalendarPreview:
    return CalendarPreview(
        shifts=[
            ShiftedDeadline(
                assignment_id=str(s.assignment_id),
                directive_number=seen.rows[s.assignment_id].directive_number,
                short_name=seen.rows[s.assignment_id].short_name,
                agency_code=seen.rows[s.assignment_id].agency_code,
                before=s.before,
                after=s.after,
                is_pending=s.is_pending,
            )
            for s in seen.shifts
        ],
        reminders_moved=seen.reminders_moved,
        reminders=[
            MovedReminder(
                step=m.step_code,
                occurrence=m.occurrence,
                due_on=m.group.due_on,
                assignments=m.group.assignments,
                an_assignment_id=str(m.group.an_assignment_id),
                before=m.before,
                after=m.after,
            )
            for m in seen.reminders
        ],
    )


def _date(written: str) -> date:
    """The day of a path. Raises NotFound for 30 February."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise NotFound(noun="working_day", id=written) from None


@endpoint(
    "GET",
    "/working-days",
    id="listWorkingDays",
    summary="List the marked days of a year",
    tag="Working days",
    verb=Verb.READ,
    query=WorkingDayQuery,
    answer=WorkingDayList,
    links={"first": {"operationId": "getWorkingDay", "parameters": {"day": "$response.body#/items/0/day"}}},
)
async def list_working_days(call: Call[WorkingDayQuery, NoBody]) -> Reply:
    """Days off and swapped days, each with its document."""
    year = int(call.query.year)
    known, marks, years = await actions.list_days(call.actor, year)
    items = []
    for day, mark in marks:
        items.append(_day(day, mark, None if known is None else mark.kind == "work"))
    return Reply(
        WorkingDayList(year, None if known is None else _year(known), [y.year for y in years], items)
    )


@endpoint(
    "GET",
    "/working-days/{day}",
    id="getWorkingDay",
    summary="Read a day",
    tag="Working days",
    verb=Verb.READ,
    answer=WorkingDay,
    refusals=("not_found",),
    links={
        name: {
            "operationId": operation,
            "parameters": {"day": "$response.body#/day", "If-Match": "$response.header.ETag"},
        }
        for name, operation in (("mark", "markWorkingDay"), ("unmark", "unmarkWorkingDay"))
    },
)
async def get_working_day(call: Call[NoQuery, NoBody]) -> Reply:
    """Any day: whether it is worked, and what is written about it."""
    day = _date(call.names["day"])
    mark, is_working = await actions.find_day(call.actor, day)
    return Reply(_day(day, mark, is_working), row_version=actions.day_version(mark))


def _changed(changed: actions.DayChanged) -> Reply:
    usual = changed.day.weekday() < 5
    is_working = usual if changed.mark is None else changed.mark.kind == "work"
    return Reply(
        ChangedDay(_day(changed.day, changed.mark, is_working), _preview(changed.preview), changed.applied),
        row_version=actions.day_version(changed.mark),
    )


@endpoint(
    "PUT",
    "/working-days/{day}",
    id="markWorkingDay",
    summary="Say what a day is",
    tag="Working days",
    verb=Verb.MANAGE_CALENDAR,
    body=WorkingDayIn,
    answer=ChangedDay,
    is_change=True,
    refusals=("invalid", "not_found", "calendar_unknown"),
    description="Deadlines counted in working days move only with `apply_shifts`, up to 500 at once; the answer lists "
    "them either way.",
    example={"kind": "off", "name": "Nghỉ bù Tết Dương lịch", "document": "Thông báo 6150/TB-BNV"},
)
async def mark_working_day(call: Call[NoQuery, WorkingDayIn]) -> Reply:
    """A day off, or a Saturday that is worked instead, with the document that announces it."""
    body = call.body
    mark = DayMark(body.kind, body.name, body.document, body.projected)
    day = _date(call.names["day"])
    return _changed(
        await actions.mark_day(call.actor, day, mark, call.version, call.now, apply_shifts=body.apply_shifts)
    )


@endpoint(
    "DELETE",
    "/working-days/{day}",
    id="unmarkWorkingDay",
    summary="Leave a day to its weekday",
    tag="Working days",
    verb=Verb.MANAGE_CALENDAR,
    query=WorkingDayRemoval,
    answer=ChangedDay,
    is_change=True,
    refusals=("invalid", "not_found", "calendar_unknown"),
)
async def unmark_working_day(call: Call[WorkingDayRemoval, NoBody]) -> Reply:
    """Take back what was said of a day; the answer lists what that moves."""
    query = call.query
    day = _date(call.names["day"])
    return _changed(
        await actions.unmark_day(
            call.actor,
            day,
            query.document,
            call.version,
            call.now,
            apply_shifts=query.apply_shifts == "true",
        )
    )


@endpoint(
    "POST",
    "/working-days/preview",
    id="previewWorkingDays",
    summary="See what a change of days would move",
    tag="Working days",
    verb=Verb.READ_OPERATIONS,
    body=PreviewIn,
    answer=CalendarPreview,
    has_tag=False,
    refusals=("invalid", "calendar_unknown"),
    description="Writes nothing. A swap is two days: one off, one worked.",
    example={"changes": [{"day": "2026-01-02", "kind": "off"}, {"day": "2026-01-10", "kind": "work"}]},
)
async def preview_working_days(call: Call[NoQuery, PreviewIn]) -> Reply:
    """Which open deadlines would shift from which day to which, and which reminders come at another time."""
    changes = actions.check_changes(
        [(c.day, None if c.kind == "usual" else DayMark(c.kind, "", "")) for c in call.body.changes]
    )
    return Reply(_preview(await actions.preview(call.actor, changes)))


@endpoint(
    "POST",
    "/working-years",
    id="addWorkingYear",
    summary="Say that the days off of a year are known",
    tag="Working days",
    verb=Verb.MANAGE_CALENDAR,
    body=WorkingYearIn,
    answer=WorkingYear,
    status=201,
    has_tag=False,
    refusals=("invalid", "working_year_known"),
    example={"year": 2028, "document": "Thông báo 5015/TB-BNV", "confirmed": True},
)
async def add_working_year(call: Call[NoQuery, WorkingYearIn]) -> Reply:
    """From then on days are counted in that year; mark its days off first or right after."""
    body = call.body
    year = await actions.add_year(call.actor, body.year, body.document, body.confirmed, call.now)
    return Reply(_year(year), location=f"/api/v1/working-days?year={year.year}")


handlers = [
    list_working_days,
    get_working_day,
    mark_working_day,
    unmark_working_day,
    preview_working_days,
    add_working_year,
]
