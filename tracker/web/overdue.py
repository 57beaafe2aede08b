"""The overdue list of any day: on the screen as the paper it becomes, and as files with the same numbers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import urlencode

from litestar import Response, get

from tracker.actions.exports import overdue_bytes
from tracker.actions.overdue import overdue_list
from tracker.db import reads_web
from tracker.db.directives import list_directives
from tracker.documents.paper import Document
from tracker.documents.tables_model import MEDIA_TYPES, TableFormat
from tracker.domain.assignments import Part
from tracker.domain.errors import Invalid
from tracker.domain.overdue import AgencyLine, OverdueList, OverdueRow
from tracker.domain.statistics import Buckets, Rate
from tracker.i18n import text
from tracker.web.downloads import send
from tracker.web.forms import Form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.state import WebRequest
from tracker.web.wording import decimal, number, paper_day, short_day

PATH = "/bao-cao/qua-han"
_SHORT_REPORT = 120
_CELLS = ("total", "done_on_time", "done_late", "open_in_term", "open_overdue", "beside")


@dataclass(frozen=True)
class Cell:
    """A figure; where it counts rows that can be seen, it leads to them."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class BucketRow:
    """An agency's figures."""

    name: str
    cells: list[Cell]


@dataclass(frozen=True)
class TaskLine:
    """One overdue task as the annex writes it."""

    number: int
    text: str
    href: str
    directive: str
    agency: str
    due: str
    moved: str
    days: str
    said: list[str]


@dataclass(frozen=True)
class Group:
    """The tasks of one agency."""

    name: str
    rows: list[TaskLine]


@dataclass(frozen=True)
class Paper:
    """The list as Decree 30/2020 wants it on paper: always in Vietnamese."""

    state: str
    motto: str
    body: str
    number: str
    place: str
    title: str
    under: str
    by_agency_title: str
    bucket_heads: list[str]
    bucket_rows: list[BucketRow]
    bucket_total: BucketRow | None
    rate_basis: str
    tasks_title: str
    heads: list[tuple[str, str]]
    groups: list[Group]
    none: str
    receivers_title: str
    receivers: list[str]
    is_compact: bool
    notes: list[str] = field(default_factory=list)


ROWS_AT_ONCE = 100
"""The page shows the first agencies that together have so many rows, and leads to the whole list."""


@get(PATH, include_in_schema=False)
async def overdue(request: WebRequest) -> Response[bytes]:
    """Which list do I hand over?"""
    page = await open_page(request)
    actor = page.actor
    form, day, codes = asked_of(page)
    listing = None
    if not form.problems:
        try:
            limit = None if "ca" in page.query or codes else ROWS_AT_ONCE
            listing = await overdue_list(actor, day, codes, _directive_id(form), at_least=limit)
        except Invalid as error:
            form.take(error, {"": "co-quan"})
    agencies = [] if page.is_agency else await reads_web.list_agency_choices(actor)
    directives = await list_directives(actor, limit=200)
    return page.render(
        "overdue.html",
        status=200 if listing is not None else 422,
        form=form,
        agencies=[("", page.s("filter.any_agency")), *agencies] if agencies else [],
        directives=[("", page.s("overdue.any_directive"))]
        + [(str(d.id), f"{d.number} ({short_day(d.issued_on)})") for d in directives],
        wordings=[("day-du", page.s("overdue.full")), ("ten-gon", page.s("overdue.short"))],
        summary=page.t(
            "overdue.summary",
            count=page.number(listing.totals.open_overdue) if listing else 0,
            agencies=_late_agencies(listing) if listing else 0,
            day=page.long_day(day),
        ),
        waiting=page.s("overdue.waiting", count=page.number(listing.awaiting))
        if listing is not None and listing.is_whole and listing.awaiting
        else "",
        rest=None
        if listing is None or listing.is_whole
        else page.s("overdue.part", shown=page.number(len(listing.rows))),
        whole_address=page.address(ca="1"),
        paper=to_paper(listing, day, page.today, full=form.text("noi-dung") != "ten-gon")
        if listing
        else None,
    )


def asked_of(page: Page) -> tuple[Form, date, list[str]]:
    """The day and the agencies that the address asks for."""
    form = Form({"ngay": short_day(page.today), "noi-dung": "day-du", **page.query})
    asked = form.date("ngay")
    if asked is not None:
        form.values["ngay"] = short_day(asked)
    day = asked or page.today
    codes = [code for given in page.query_all("co-quan") for code in given.split(",") if code][:100]
    return form, day, codes


async def _file(request: WebRequest, form: TableFormat) -> Response[bytes]:
    """The list that the address asks for as a file. Raises Invalid."""
    page = await open_page(request)
    read, day, codes = asked_of(page)
    if read.problems:
        raise Invalid(read.problems)
    listing = await overdue_list(page.actor, day, codes, _directive_id(read))
    content = await asyncio.to_thread(overdue_bytes, listing, form, page.language)
    return send(Document(f"qua-han-{day.isoformat()}.{form}", MEDIA_TYPES[form], content))


@get(PATH + ".xlsx", include_in_schema=False)
async def overdue_xlsx(request: WebRequest) -> Response[bytes]:
    """The same list as a spreadsheet."""
    return await _file(request, "xlsx")


@get(PATH + ".csv", include_in_schema=False)
async def overdue_csv(request: WebRequest) -> Response[bytes]:
    """The same list as CSV, marked as UTF-8 for Excel."""
    return await _file(request, "csv")


@get(PATH + ".json", include_in_schema=False)
async def overdue_json(request: WebRequest) -> Response[bytes]:
    """The same list as JSON, with its check code."""
    return await _file(request, "json")


def _directive_id(form: Form) -> int | None:
    given = form.text("van-ban")
    return parse_id(given) if given else None


def _late_agencies(listing: OverdueList) -> int:
    return sum(1 for line in listing.agencies if line.buckets.open_overdue)


# The paper ---------------------------------------------------------------------------------------------------


def _say(key: str, **params: object) -> str:
    return text("vi", f"paper.{key}", **params)


def to_paper(listing: OverdueList, day: date, printed_on: date, *, full: bool) -> Paper:
    """The list set for paper; `full` prints the official wording, else the short names."""
    late = _late_agencies(listing)
    heads = [
        ("w-stt", "stt"),
        ("", "task"),
        ("w-doc", "directive"),
        ("w-agency", "agency"),
        ("w-due", "due"),
        ("w-days", "days"),
        ("w-report", "report" if full else "report_short"),
    ]
    names = ("agency", *_CELLS, "rate")
    is_one = len(listing.agencies) == 1
    total = BucketRow(_say("total"), [*_figures(listing.totals, ""), Cell(percent(listing.rate))])
    return Paper(
        state=_say("state"),
        motto=_say("motto"),
        body=_say("body"),
        number=_say("number"),
        place=_say("place", day=paper_day(printed_on)),
        title=_say("title"),
        under=_say(
            "under", day=short_day(day), count=number("vi", listing.totals.open_overdue), agencies=late
        ),
        by_agency_title=_say("by_agency"),
        bucket_heads=[_say("head.stt"), *(_say(f"bucket.{name}") for name in names)],
        bucket_rows=[_bucket_row(line, day) for line in listing.agencies],
        bucket_total=None if is_one else total,
        rate_basis=_basis(listing.rate),
        tasks_title=_say("tasks"),
        heads=[(css, _say(f"head.{name}")) for css, name in heads],
        groups=_groups(listing, full),
        none=_say("none"),
        receivers_title=_say("receivers"),
        receivers=[_say("receiver_1"), _say("receiver_2")],
        is_compact=not full,
        notes=[_say("counting"), _checkable(listing)],
    )


def _checkable(listing: OverdueList) -> str:
    """The check code of a whole list; part of one says that it is a part."""
    if not listing.is_whole:
        return _say(
            "part", shown=number("vi", len(listing.rows)), count=number("vi", listing.totals.open_overdue)
        )
    return _say("check", digest=_in_fours(listing.digest[:16]))


def _in_fours(digest: str) -> str:
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def _figures(buckets: Buckets, late_href: str) -> list[Cell]:
    figures = {**buckets.cells(), "beside": buckets.beside}
    return [
        Cell(number("vi", figures[name]), late_href if name == "open_overdue" and figures[name] else "")
        for name in _CELLS
    ]


def _bucket_row(line: AgencyLine, day: date) -> BucketRow:
    href = PATH + "?" + urlencode({"ngay": day.isoformat(), "co-quan": line.code})
    return BucketRow(line.name, [*_figures(line.buckets, href), Cell(percent(line.rate))])


def percent(rate: Rate) -> str:
    """A percentage as papers write it, with what it is made of."""
    if rate.value is None:
        return "–"
    return f"{decimal('vi', str(rate.value))} % ({rate.numerator}/{rate.denominator})"


def _basis(rate: Rate) -> str:
    """What the percentage is made of: no figure without its denominator."""
    return _say(
        "basis",
        numerator=_say(f"of.{rate.numerator_name}"),
        denominator=_say(f"of.{rate.denominator_name}"),
        rounding=_say(f"rounding.{rate.rounding.value}", decimals=rate.decimals),
    )


def _groups(listing: OverdueList, full: bool) -> list[Group]:
    groups: list[Group] = []
    place = 0
    for line in listing.agencies:
        if not line.rows:
            continue
        rows = []
        for row in line.rows:
            place += 1
            rows.append(_task_line(place, row, full))
        name = _say("group", number=_roman(len(groups) + 1), name=line.name, count=len(rows))
        groups.append(Group(name, rows))
    return groups


def _task_line(place: int, row: OverdueRow, full: bool) -> TaskLine:
    agency = row.lead
    if row.cooperating and full:
        agency += "; " + _say("with", names=", ".join(row.cooperating))
    due = short_day(row.due_on) if row.due_on else _say("no_date")
    causes = [
        _say("cause", cause=row.cause) if row.cause and full else "",
        _say("commit", day=short_day(row.committed_on)) if row.committed_on else "",
    ]
    return TaskLine(
        number=place,
        text=(row.full_text or row.task) if full else row.task,
        href=f"/viec/{row.task_id}/{row.agency_code}",
        directive=_directive(row, full),
        agency=agency if row.part is not Part.COOPERATING else _say("helps", name=row.lead),
        due=due if row.due_time is None else f"{row.due_time:%H:%M} {due}",
        moved=_original(row),
        days=number("vi", row.days_late),
        said=[part for part in (_report(row, full), *causes) if part],
    )


def _directive(row: OverdueRow, full: bool) -> str:
    if row.directive_issued_on is None:
        return row.directive_number
    key = "directive" if full else "directive_short"
    return _say(key, number=row.directive_number, day=short_day(row.directive_issued_on))


def _original(row: OverdueRow) -> str:
    """The first deadline, and how often it was moved; nothing where it still holds."""
    if row.original_due_on is None or row.original_due_on == row.due_on:
        return ""
    return _say("original", day=short_day(row.original_due_on), count=row.extensions)


def _report(row: OverdueRow, full: bool) -> str:
    """The last report: its day, and in the full list what it said where that is short enough for a table."""
    if row.last_report_on is None:
        return ""
    if row.is_awaiting:
        return _say("waiting" if full else "waiting_short", day=short_day(row.last_report_on))
    words = row.last_report if full and len(row.last_report) <= _SHORT_REPORT else ""
    return ": ".join(part for part in (short_day(row.last_report_on), words) if part)


def _roman(value: int) -> str:
    """A Roman numeral, as annexes number their groups.

    >>> _roman(4), _roman(29)
    ('IV', 'XXIX')
    """
    signs = (
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    )
    out = ""
    for size, sign in signs:
        out += sign * (value // size)
        value %= size
    return out


routes = [overdue, overdue_xlsx, overdue_csv, overdue_json]
