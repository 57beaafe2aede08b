"""The calendar of working days: a year at a glance, and what moves if a day is off or worked after all.

The secretariat reads and tries out; who keeps the calendar also writes (Verb.MANAGE_CALENDAR).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from litestar import Response, get, post

from tracker.actions import working_days as actions
from tracker.db import ladders as ladders_db
from tracker.db import reads_settings
from tracker.db.calendar import load_calendar
from tracker.domain import lengths
from tracker.domain.access import Verb, may, require
from tracker.domain.errors import Conflict, Invalid, NotFound, Problem, StaleVersion
from tracker.domain.ladders import Step
from tracker.domain.workdays import DayMark, WorkCalendar
from tracker.domain.zone import civil_now
from tracker.web import ladder_words
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import short_day

HERE = "/thiet-lap/lich-lam-viec"
MOST_DAYS = 14
SHOWN = 20
_SATURDAY = 5
_FIELDS = {"/name": "ten", "/document": "can-cu", "/year": "nam"}
_KINDS: tuple[Literal["off", "work", "usual"], ...] = ("off", "work", "usual")


@dataclass(frozen=True)
class Cell:
    """A day in the year's drawing; `day` is None before the first and after the last of a month."""

    day: date | None
    tone: str = ""
    said: str = ""


@dataclass(frozen=True)
class Month:
    """A month as weeks from Monday."""

    name: str
    weeks: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class MarkedRow:
    """A day that is not what its weekday says."""

    day: date
    kind: str
    name: str
    document: str
    is_projected: bool


@dataclass(frozen=True)
class ShiftRow:
    """A deadline that would move."""

    href: str
    title: str
    agency: str
    before: date
    after: date
    is_pending: bool


@dataclass(frozen=True)
class ReminderRow:
    """Reminders that would come at another time: which step, of how many tasks due when."""

    step: str
    due_on: date
    count: int
    before: str
    after: str


async def _open(request: WebRequest, verb: Verb = Verb.READ_OPERATIONS) -> Page:
    page = await open_page(request)
    require(page.actor, verb)
    return page


# -- the year ------------------------------------------------------------------------------------------


@get(HERE, include_in_schema=False)
async def year(request: WebRequest) -> Response[bytes]:
    """Which days of this year are worked?"""
    page = await _open(request)
    return await _show_year(page, Form({}))


async def _show_year(page: Page, form: Form, status: int = 200, number: int | None = None) -> Response[bytes]:
    given = page.query.get("nam", "")
    chosen = number or (int(given) if re.fullmatch(r"(19[0-9]{2}|2[01][0-9]{2})", given) else page.today.year)
    known, marks, years = await actions.list_days(page.actor, chosen)
    calendar = await load_calendar()
    left_behind = await actions.preview(page.actor, {})
    page.shown_path = HERE
    return page.render(
        "working-year.html",
        status=status,
        form=form,
        year=chosen,
        known=known,
        years=sorted({y.year for y in years} | {chosen, page.today.year + 1}),
        months=[_month(page, calendar, chosen, n) for n in range(1, 13)] if known else [],
        marked=[
            MarkedRow(day, page.word("day.kind", mark.kind), mark.name, mark.source, mark.projected)
            for day, mark in marks
        ],
        working=sum(
            1 for n in range(366) if _works(calendar, date(chosen, 1, 1) + timedelta(days=n), chosen)
        ),
        projected=sum(mark.projected for _, mark in marks),
        lagging=len(left_behind.shifts),
        may_manage=may(page.actor, Verb.MANAGE_CALENDAR),
        submission=new_submission(),
    )


def _works(calendar: WorkCalendar, day: date, year: int) -> bool:
    return day.year == year and calendar.is_off(day) is False


def _month(page: Page, calendar: WorkCalendar, year: int, number: int) -> Month:
    first = date(year, number, 1)
    day = first - timedelta(days=first.weekday())
    weeks: list[tuple[Cell, ...]] = []
    while day < first or day.month == number:
        weeks.append(tuple(_cell(page, calendar, day + timedelta(days=n), number) for n in range(7)))
        day += timedelta(days=7)
    return Month(page.s(f"year.month.{number}"), tuple(weeks))


def _cell(page: Page, calendar: WorkCalendar, day: date, month: int) -> Cell:
    if day.month != month:
        return Cell(None)
    mark = calendar.mark(day)
    tone, said = ("we", "") if day.weekday() >= _SATURDAY else ("", "")
    if mark is not None and (mark.kind == "work") == (day.weekday() >= _SATURDAY):
        tone, said = mark.kind, f"{page.word('day.kind', mark.kind)}, {mark.name}"
        if mark.projected:
            tone, said = f"{tone} maybe", f"{said}, {page.s('day.projected')}"
    return Cell(day, f"{tone} now".strip() if day == page.today else tone, said)


@post(f"{HERE}/nam", include_in_schema=False)
async def announce(request: WebRequest) -> Response[bytes]:
    """Add a year that is not known yet, or say that a projected one was announced as it stands."""
    page = await _open(request, Verb.MANAGE_CALENDAR)
    form = await read_form(page)
    number = _year_of(form)
    known, _, _ = await actions.list_days(page.actor, number)

    async def work() -> str:
        if known is None:
            await actions.add_year(page.actor, number, form.text("can-cu"), form.has("da-cong-bo"), page.now)
            return "notice.year_added"
        await actions.confirm_year(page.actor, number, form.text("can-cu"), page.now)
        return "notice.year_confirmed"

    try:
        said = await once(page, form, work)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_year(page, form, 422, number)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show_year(page, form, 409, number)
    return page.see(f"{HERE}?nam={number}", said, year=number)


def _year_of(form: Form) -> int:
    given = form.text("nam")
    if not re.fullmatch(r"(199[0-9]|20[0-9]{2}|21[0-9]{2})", given):
        raise NotFound(noun="working_year", id=given[:10])
    return int(given)


# -- some days -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What is asked of some days: from `first` to `last`, both inclusive; kind None while none is chosen."""

    first: date
    last: date
    kind: Literal["off", "work", "usual"] | None

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


@get(f"{HERE}/ngay", include_in_schema=False)
async def days(request: WebRequest) -> Response[bytes]:
    """What moves if this day is off, worked, or as its weekday says?"""
    page = await _open(request)
    form = Form({name: page.query.get(name, "") for name in ("tu-ngay", "den-ngay", "loai", "ten", "can-cu")})
    asked = _asked(form)
    return await _show_days(page, form, asked)


def _asked(form: Form) -> Asked | None:
    """What the fields ask; their problems are noted."""
    first = form.date("tu-ngay", required="form_day_needed")
    last = form.date("den-ngay") or first
    if first is None or last is None:
        return None
    if last < first:
        form.refuse("den-ngay", "span_reversed", **{"from": short_day(first), "to": short_day(last)})
        return None
    if (last - first).days >= MOST_DAYS:
        form.refuse("den-ngay", "form_too_many_days", most=MOST_DAYS)
        return None
    return Asked(first, last, next((kind for kind in _KINDS if kind == form.text("loai")), None))


async def _show_days(page: Page, form: Form, asked: Asked | None, status: int = 200) -> Response[bytes]:
    page.shown_path = f"{HERE}/ngay"
    calendar = await load_calendar()
    stands = [] if asked is None else [(day, calendar.mark(day)) for day in asked.days]
    seen = None
    if asked is not None:
        missing = sorted({day.year for day in asked.days} - calendar.years)
        for number in missing:
            form.refuse("tu-ngay", "calendar_unknown", year=number)
        if asked.kind is not None and not missing:
            seen = await actions.preview(page.actor, dict.fromkeys(asked.days, _mark(form, asked.kind)))
    form.values.setdefault("loai", "")
    if not form.text("loai") and asked is not None and not form.problems:
        _fill(form, asked, calendar)
    return page.render(
        "working-days.html",
        status=422 if form.problems and status == 200 else status,
        form=form,
        asked=asked,
        stands=[
            (day, page.word("day.is", _is(calendar, day)), mark) for day, mark in stands if asked is not None
        ],
        version=actions.days_version([mark for _, mark in stands]),
        kinds=[(kind, page.word("day.become", kind)) for kind in _KINDS],
        seen=seen,
        due=0 if asked is None else await reads_settings.count_due_between(asked.first, asked.last),
        due_href=""
        if asked is None
        else f"/viec?tu-ngay={short_day(asked.first)}&den-ngay={short_day(asked.last)}",
        shifts=[] if seen is None else _shift_rows(seen),
        reminders=[] if seen is None else await _reminder_rows(page, seen),
        may_manage=may(page.actor, Verb.MANAGE_CALENDAR),
        most=actions.MOST_MOVED,
        submission=new_submission(),
    )


def _is(calendar: WorkCalendar, day: date) -> str:
    off = calendar.is_off(day)
    return "unknown" if off is None else "off" if off else "work"


def _fill(form: Form, asked: Asked, calendar: WorkCalendar) -> None:
    """What one most likely wants of a day that was clicked: the other of what it is."""
    mark = calendar.mark(asked.first)
    if mark is not None:
        form.values |= {"ten": form.text("ten") or mark.name, "can-cu": form.text("can-cu") or mark.source}
    form.values["loai"] = "work" if calendar.is_off(asked.first) else "off"


def _mark(form: Form, kind: Literal["off", "work", "usual"]) -> DayMark | None:
    return None if kind == "usual" else DayMark(kind, form.text("ten"), form.text("can-cu"))


def _shift_rows(seen: actions.Preview) -> list[ShiftRow]:
    rows = []
    for shift in seen.shifts[:SHOWN]:
        row = seen.rows[shift.assignment_id]
        href = f"/viec/{row.task_id}/{row.agency_code}"
        rows.append(
            ShiftRow(href, row.short_name, row.agency_name, shift.before, shift.after, shift.is_pending)
        )
    return rows


async def _reminder_rows(page: Page, seen: actions.Preview) -> list[ReminderRow]:
    shown = seen.reminders[:SHOWN]
    steps: dict[tuple[int, str], tuple[int, Step]] = {}
    for version_id in {m.group.ladder_version_id for m in shown}:
        ladder = await ladders_db.get_ladder(version_id)
        steps |= {(version_id, step.code): (n, step) for n, step in ladder_words.numbered(ladder.steps)}
    rows = []
    for moved in shown:
        number, step = steps[moved.group.ladder_version_id, moved.step_code]
        name = f"{page.s('step.name', number=number)}: {ladder_words.says(page, step.wording)}"
        rows.append(
            ReminderRow(
                step=name,
                due_on=moved.group.due_on,
                count=moved.group.assignments,
                before=_instant(page, moved.before),
                after=_instant(page, moved.after),
            )
        )
    return rows


def _instant(page: Page, at: datetime | None) -> str:
    if at is None:
        return page.s("ladder.ahead_unknown")
    local = civil_now(at)
    return f"{page.clock(local.time())}, {page.weekday(local.date())} {short_day(local.date())}"


@post(f"{HERE}/ghi", include_in_schema=False)
async def mark(request: WebRequest) -> Response[bytes]:
    """Write the days down, and move the deadlines with them where that was chosen."""
    page = await _open(request, Verb.MANAGE_CALENDAR)
    form = await read_form(page)
    asked = _asked(form)
    kind = None if asked is None else asked.kind
    if asked is not None and kind is None:
        form.refuse("loai", "form_day_kind_needed")
    if kind != "usual":
        form.required("ten", "form_day_name_needed")
    if len(form.text("ten")) > actions.NAME:
        form.refuse("ten", "form_too_long", most=actions.NAME)
    document = form.required("can-cu", "form_document_needed")
    if len(document) > lengths.DOCUMENT:
        form.refuse("can-cu", "form_too_long", most=lengths.DOCUMENT)
    if form.problems or asked is None or kind is None:
        return await _show_days(page, form, asked, 422)

    async def work() -> str:
        version, moves = form.version(), form.text("han") == "doi"
        said = _mark(form, kind)
        if said is None:
            done = await actions.unmark_days(
                page.actor, asked.days, document, version, page.now, apply_shifts=moves
            )
        else:
            done = await actions.mark_days(
                page.actor, asked.days, said, version, page.now, apply_shifts=moves
            )
        return f"{done.applied} {len(done.preview.shifts) - done.applied}"

    try:
        moved, left = (await once(page, form, work)).split(" ")
    except Invalid as error:
        form.take(error, {**_FIELDS, "": "tu-ngay"})
        return await _show_days(page, form, asked, 422)
    except StaleVersion:
        form.problems.append(Problem("", "day_stale", None, {}))
        return await _show_days(page, form, asked, 409)
    key = "notice.days_marked" if moved == "0" and left == "0" else "notice.days_marked_moved"
    words = _span_words(asked.days)
    return page.see(f"{HERE}?nam={asked.first.year}", key, days=words, moved=moved, left=left)


def _span_words(listed: Sequence[date]) -> str:
    first, last = listed[0], listed[-1]
    return short_day(first) if first == last else f"{short_day(first)} – {short_day(last)}"


# -- deadlines left behind -----------------------------------------------------------------------------


@get(f"{HERE}/con-lai", include_in_schema=False)
async def left_behind(request: WebRequest) -> Response[bytes]:
    """Which deadlines have not followed the calendar?"""
    page = await _open(request)
    return await _show_left(page, Form({}))


async def _show_left(page: Page, form: Form, status: int = 200) -> Response[bytes]:
    page.shown_path = f"{HERE}/con-lai"
    seen = await actions.preview(page.actor, {})
    return page.render(
        "working-left.html",
        status=status,
        form=form,
        total=len(seen.shifts),
        shifts=_shift_rows(seen),
        may_manage=may(page.actor, Verb.MANAGE_CALENDAR),
        submission=new_submission(),
    )


@post(f"{HERE}/con-lai", include_in_schema=False)
async def follow(request: WebRequest) -> Response[bytes]:
    """Let them follow now."""
    page = await _open(request, Verb.MANAGE_CALENDAR)
    form = await read_form(page)
    document = form.required("can-cu", "form_document_needed")
    if form.problems:
        return await _show_left(page, form, 422)

    async def work() -> str:
        return str(await actions.follow(page.actor, document, page.now))

    try:
        moved = await once(page, form, work)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_left(page, form, 422)
    return page.see(HERE, "notice.days_followed", moved=moved)


routes = [year, announce, days, mark, left_behind, follow]
