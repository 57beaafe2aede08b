"""Reports: the four buckets and the rates of any day, agencies side by side, and the list behind every figure."""

from __future__ import annotations

import asyncio
import tempfile
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode

from litestar import Response, get
from markupsafe import Markup

from tracker.actions.overview import due_this_week
from tracker.actions.statistics import Figures, Question, Statistics, list_behind, statistics, trend
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directives import list_directives
from tracker.db.statistics import NO_KEY, Span
from tracker.documents.row_files import MEDIA_TYPES, RowFormat, open_rows
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Bucket, Fine, Status
from tracker.domain.directory import Role
from tracker.domain.errors import Invalid, NotPermitted
from tracker.domain.statistics import Denominator, Rate
from tracker.domain.workdays import WorkCalendar
from tracker.web import charts
from tracker.web.charts import Cell, Chart, Point, Series, Share
from tracker.web.forms import Form
from tracker.web.overview import Extent, extent_of
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import chip, chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip, decimal, short_day

INDEX, RATES, AGENCIES, LIST = "/bao-cao", "/bao-cao/ty-le", "/bao-cao/co-quan", "/bao-cao/danh-sach"
TREND = "/bao-cao/xu-huong"
WEEKS = 12
PAGE_ROWS = 50
MOST_ROWS = 1000
NAMED = 2
"""So many agencies are named above a list; the rest are counted."""
FEW = 10
"""A percentage of fewer than so many moves by leaps: it is shown, and said to be so."""

GROUPS: Mapping[str, tuple[Bucket, ...]] = {
    "tong-so": (Bucket.DONE_ON_TIME, Bucket.DONE_LATE, Bucket.OPEN_IN_TERM, Bucket.OPEN_OVERDUE),
    "xong-dung-han": (Bucket.DONE_ON_TIME,),
    "xong-tre-han": (Bucket.DONE_LATE,),
    "da-xong": (Bucket.DONE_ON_TIME, Bucket.DONE_LATE),
    "trong-han": (Bucket.OPEN_IN_TERM,),
    "qua-han": (Bucket.OPEN_OVERDUE,),
    "chua-xong": (Bucket.OPEN_IN_TERM, Bucket.OPEN_OVERDUE),
    "den-han": (Bucket.DONE_ON_TIME, Bucket.DONE_LATE, Bucket.OPEN_OVERDUE),
    "ngoai-bon-nhom": (Bucket.STANDING, Bucket.OUTSIDE),
}
"""How an address names the figures of a table, and the buckets that each counts."""
THIS_WEEK = "tuan-nay"
_COLUMNS = (
    ("total", "tong-so"),
    ("done_on_time", "xong-dung-han"),
    ("done_late", "xong-tre-han"),
    ("open_in_term", "trong-han"),
    ("open_overdue", "qua-han"),
    ("beside", "ngoai-bon-nhom"),
)
_DENOMINATORS = {
    "den-han": Denominator.FALLEN_DUE,
    "tong-so": Denominator.TOTAL,
    "chua-xong": Denominator.UNFINISHED,
}
_GROUP_OF_NAME = {
    "done": "da-xong",
    "fallen_due": "den-han",
    "total": "tong-so",
    "unfinished": "chua-xong",
    "open_overdue": "qua-han",
}
_HEADS = {"co-quan": "agency", "van-ban": "directive", "loai": "kind", "linh-vuc": "field", "thang": "month"}
_HEAD_WORDS = {head: word for word, head in _HEADS.items()}
_BACK = ("tuan", "thang", "quy", "nam")


def require_reports(page: Page) -> None:
    """Pass for whom the reports are made: everybody but the people of agencies, who have their own list."""
    require(page.actor, Verb.EXPORT)
    if page.is_agency:
        allowed = tuple(role.value for role in Role if role not in (Role.AGENCY_OFFICER, Role.AGENCY_LEADER))
        raise NotPermitted(verb=Verb.EXPORT.value, role=page.actor.role.value, allowed=allowed)


def day_before(day: date, period: str) -> date:
    """The same day one period earlier; the last of a shorter month.

    >>> day_before(date(2025, 3, 31), "thang"), day_before(date(2025, 11, 24), "tuan")
    (datetime.date(2025, 2, 28), datetime.date(2025, 11, 17))
    """
    if period == "tuan":
        return day - timedelta(weeks=1)
    months = {"thang": 1, "quy": 3, "nam": 12}[period]
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


# What is asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """The question of an address, the agencies it is about, and the keys that lead to the lists behind."""

    form: Form
    question: Question
    extent: Extent
    before: date | None

    @property
    def query(self) -> dict[str, str]:
        """What a list must know besides its figure."""
        span = self.question.span
        found = {"ngay": self.question.as_of.isoformat(), **self.extent.query}
        if self.question.directive_id is not None:
            found["van-ban"] = str(self.question.directive_id)
        for name, day in (("giao-tu", span.first), ("giao-den", span.last)):
            if day is not None:
                found[name] = day.isoformat()
        return found

    def behind(self, group: str, key: str | None = None) -> str:
        """The address of the list behind a figure."""
        query = {"nhom": group, **self.query}
        if key is not None:
            query |= {"theo": _HEAD_WORDS[self.question.by], "khoa": key}
        return f"{LIST}?{urlencode(query, safe=',')}"


async def _read(page: Page, by: str | None = None) -> Asked:
    """The question that the address asks; what cannot be read is noted in the form."""
    form = Form(
        {
            "ngay": short_day(page.today),
            "theo": "co-quan",
            "mau-so": "den-han",
            "so-voi": "tuan",
            **page.query,
        }
    )
    day = form.date("ngay")
    if day is not None:
        form.values["ngay"] = short_day(day)
    first, last = form.date("giao-tu"), form.date("giao-den")
    if first is not None and last is not None and first > last:
        form.refuse("giao-tu", "span_reversed", **{"from": first, "to": last})
        first = last = None
    for name, known in (("theo", _HEADS), ("mau-so", _DENOMINATORS)):
        if form.text(name) not in known:
            form.refuse(name, "form_bad_choice")
            form.values[name] = next(iter(known))
    if form.text("so-voi") not in (*_BACK, ""):
        form.refuse("so-voi", "form_bad_choice")
        form.values["so-voi"] = ""
    extent = await extent_of(page)
    given = form.text("van-ban")
    as_of = day or page.today
    question = Question(
        as_of,
        by=by or _HEADS[form.text("theo")],
        agency_codes=extent.codes,
        directive_id=parse_id(given) if given else None,
        span=Span(first, last),
        denominator=_DENOMINATORS[form.text("mau-so")],
    )
    before = day_before(as_of, form.text("so-voi")) if form.text("so-voi") else None
    return Asked(form, question, extent, before)


async def _told(page: Page, asked: Asked) -> tuple[Statistics | None, Statistics | None]:
    """The figures of the day and of the day they are compared with; None for what cannot be asked."""
    if asked.form.problems:
        return None, None
    try:
        told = await statistics(page.actor, asked.question)
        if asked.before is None:
            return told, None
        return told, await statistics(page.actor, replace(asked.question, as_of=asked.before))
    except Invalid as error:
        asked.form.take(error, {"/as_of": "ngay", "/assigned_from": "giao-tu", "": "co-quan"})
        return None, None


# Views ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One row of a table of figures."""

    label: str
    href: str
    cells: list[Cell]
    rate: str
    of: str
    numerator: Cell
    denominator: Cell
    change: str
    is_few: bool


def _line(page: Page, asked: Asked, row: Figures, before: Figures | None, key: str | None) -> Line:
    figures = {**row.count.buckets.cells(), "beside": row.count.buckets.beside}
    rate = row.rate

    def cell(value: int, group: str) -> Cell:
        return Cell(page.number(value), asked.behind(group, key) if value else "")

    return Line(
        label=_label(page, asked.question.by, row) if key is not None else page.s("report.total"),
        href="",
        cells=[cell(figures[name], group) for name, group in _COLUMNS],
        rate=_percent(page, rate),
        of=f"{page.number(rate.numerator)}/{page.number(rate.denominator)}",
        numerator=cell(rate.numerator, _GROUP_OF_NAME[rate.numerator_name]),
        denominator=cell(rate.denominator, _GROUP_OF_NAME[rate.denominator_name]),
        change=_change(page, rate, None if before is None else before.rate),
        is_few=0 < rate.denominator < FEW,
    )


def _percent(page: Page, rate: Rate) -> str:
    return "–" if rate.value is None else f"{decimal(page.language, str(rate.value))} %"


def _change(page: Page, rate: Rate, before: Rate | None) -> str:
    """By how many points a rate moved; nothing where one of the two is of nothing."""
    if before is None or rate.value is None or before.value is None:
        return ""
    moved = rate.value - before.value
    if not moved:
        return page.s("report.same")
    shown = decimal(page.language, str(abs(moved)))
    return page.s("report.up" if moved > 0 else "report.down", points=shown)


def _label(page: Page, by: str, row: Figures) -> str:
    """The words for a row."""
    key = row.count.key
    if key == NO_KEY:
        return page.s(f"report.none.{by}")
    match by:
        case "kind":
            return page.word("directive_kind", key)
        case "month":
            return page.s("report.month", month=key[5:7], year=key[:4])
    return row.count.label or key


def _basis(page: Page, rate: Rate, day: date) -> str:
    """What a percentage is made of: no figure without its denominator, its rounding and its cut-off."""
    return page.s(
        "report.basis",
        numerator=page.s(f"report.of.{rate.numerator_name}"),
        denominator=page.s(f"report.of.{rate.denominator_name}"),
        decimals=rate.decimals,
        day=short_day(day),
    )


def shares_chart(page: Page, asked: Asked, total: Figures) -> Chart:
    """The four buckets as one bar; each figure leads to its list."""
    cells = total.count.buckets.cells()
    parts = [
        Share(name, page.s(f"report.col.{name}"), cells[name], page.number(cells[name]), asked.behind(group))
        for name, group in _COLUMNS[1:5]
    ]
    desc = ", ".join(f"{part.label}: {part.words}" for part in parts)
    heads = (page.s("report.bucket"), page.s("report.col.total"))
    return charts.shares("bon-nhom", page.s("report.shares"), desc, parts, heads)


@dataclass(frozen=True)
class Key:
    """A part of the chart in words, beside its pattern."""

    swatch: Markup
    label: str
    count: str
    href: str


def _keys(page: Page, asked: Asked, total: Figures) -> list[Key]:
    cells = total.count.buckets.cells()
    return [
        Key(
            charts.swatch(name),
            page.s(f"report.col.{name}"),
            page.number(cells[name]),
            asked.behind(group) if cells[name] else "",
        )
        for name, group in _COLUMNS[1:5]
    ]


async def _choices(page: Page) -> dict[str, list[tuple[str, str]]]:
    agencies = await reads_web.list_agency_choices(page.actor)
    directives = await list_directives(page.actor, limit=200)
    return {
        "agencies": [("", page.s("filter.any_agency")), *agencies],
        "directives": [("", page.s("overdue.any_directive"))]
        + [(str(d.id), f"{d.number} ({short_day(d.issued_on)})") for d in directives],
        "heads": [(word, page.s(f"report.by.{head}")) for word, head in _HEADS.items()],
        "denominators": [(word, page.s(f"report.rate.{word}")) for word in _DENOMINATORS],
        "periods": [("", page.s("report.no_change"))]
        + [(word, page.s(f"report.ago.{word}")) for word in _BACK],
    }


# Pages ----------------------------------------------------------------------------------------------------------


@get(INDEX, include_in_schema=False)
async def index(request: WebRequest) -> Response[bytes]:
    """Which list do I hand over?"""
    page = await open_page(request)
    require_reports(page)
    asked = await _read(page)
    told, _ = await _told(page, replace(asked, before=None))
    names = ["qua-han", "ty-le", "co-quan", "xu-huong"]
    return page.render(
        "reports.html",
        status=200 if told is not None else 422,
        form=asked.form,
        shares=None if told is None else shares_chart(page, asked, told.total),
        keys=[] if told is None else _keys(page, asked, told.total),
        rate="" if told is None else _percent(page, told.total.rate),
        total=None if told is None else _line(page, asked, told.total, None, None),
        basis="" if told is None else _basis(page, told.total.rate, page.today),
        reports=[
            (f"{INDEX}/{name}", page.s(f"report.title.{name}"), page.s(f"report.what.{name}"))
            for name in names
        ],
        may_overview=page.role is not Role.INSPECTOR,
    )


@get(RATES, include_in_schema=False)
async def rates(request: WebRequest) -> Response[bytes]:
    """How do the four buckets stand, by which denominator?"""
    page = await open_page(request)
    require_reports(page)
    asked = await _read(page)
    return await _show(page, asked, RATES)


@get(AGENCIES, include_in_schema=False)
async def agencies(request: WebRequest) -> Response[bytes]:
    """How do the agencies stand side by side, each by its own denominator?"""
    page = await open_page(request)
    require_reports(page)
    asked = await _read(page, by="agency")
    return await _show(page, asked, AGENCIES)


async def _show(page: Page, asked: Asked, path: str) -> Response[bytes]:
    told, before = await _told(page, asked)
    earlier = {} if before is None else {row.count.key: row for row in before.rows}
    rows = [] if told is None else list(told.rows)
    is_agencies = path == AGENCIES
    query = {name: value for name, value in page.query.items() if name != "lang"}
    return page.render(
        "statistics.html",
        status=200 if told is not None else 422,
        path=path,
        is_agencies=is_agencies,
        name=path.rpartition("/")[2],
        form=asked.form,
        choices=await _choices(page),
        as_of=asked.question.as_of,
        before_day=asked.before,
        head=page.s(f"report.by.{asked.question.by}"),
        columns=[page.s(f"report.col.{name}") for name, _ in _COLUMNS],
        lines=[_line(page, asked, row, earlier.get(row.count.key), row.count.key) for row in rows],
        total=None
        if told is None
        else _line(page, asked, told.total, None if before is None else before.total, None),
        basis="" if told is None else _basis(page, told.total.rate, asked.question.as_of),
        is_sound=told is None or told.is_sound,
        shares=None if told is None else shares_chart(page, asked, told.total),
        keys=[] if told is None else _keys(page, asked, told.total),
        comparison=_comparison(page, asked, rows) if is_agencies and rows else None,
        downloads=[
            (page.s(f"overdue.{kind}"), f"{path}.{kind}" + (f"?{urlencode(query)}" if query else ""))
            for kind in ("xlsx", "csv")
        ]
        if told is not None
        else [],
        is_open=bool({"van-ban", "giao-tu", "giao-den", "mau-so"} & page.query.keys()),
    )


@get(TREND, include_in_schema=False)
async def over_time(request: WebRequest) -> Response[bytes]:
    """How did the figures move, week by week?"""
    page = await open_page(request)
    require_reports(page)
    asked = await _read(page)
    found: list[tuple[date, Figures]] = []
    if not asked.form.problems:
        try:
            found = await trend(page.actor, asked.question, WEEKS)
        except Invalid as error:
            asked.form.take(error, {"/as_of": "ngay", "/assigned_from": "giao-tu", "": "co-quan"})
    days = [replace(asked, question=replace(asked.question, as_of=day)) for day, _ in found]
    return page.render(
        "trend.html",
        status=422 if asked.form.problems else 200,
        form=asked.form,
        choices=await _choices(page),
        as_of=asked.question.as_of,
        rate=_rate_chart(page, [row for _, row in found], [short_day(day) for day, _ in found])
        if found
        else None,
        overdue=_overdue_chart(page, [row for _, row in found], days) if found else None,
        columns=[page.s(f"report.col.{name}") for name, _ in _COLUMNS],
        lines=[
            replace(_line(page, own, row, None, None), label=short_day(own.question.as_of))
            for own, (_, row) in zip(days, found, strict=True)
        ],
        basis=_basis(page, found[-1][1].rate, asked.question.as_of) if found else "",
    )


def _rate_chart(page: Page, rows: Sequence[Figures], days: Sequence[str]) -> Chart:
    values = [None if row.rate.value is None else float(row.rate.value) for row in rows]
    series = [Series(page.s("report.rate"), values, [_percent(page, row.rate) for row in rows])]
    title, head = page.s("report.trend_rate"), page.s("report.as_of")
    desc = page.s("report.trend_desc", first=series[0].words[0], last=series[0].words[-1])
    return charts.lines("ty-le", title, desc, [day[:5] for day in days], series, head, most=100)


def _overdue_chart(page: Page, rows: Sequence[Figures], days: Sequence[Asked]) -> Chart:
    points = [
        Point(
            short_day(own.question.as_of)[:5],
            row.count.buckets.open_overdue,
            page.number(row.count.buckets.open_overdue),
            own.behind("qua-han"),
            is_marked=own is days[-1],
        )
        for own, row in zip(days, rows, strict=True)
    ]
    heads = (page.s("report.as_of"), page.s("report.col.open_overdue"))
    desc = page.s("report.trend_desc", first=points[0].text, last=points[-1].text)
    return charts.bars("qua-han", page.s("report.trend_overdue"), desc, points, heads)


def _comparison(page: Page, asked: Asked, rows: Sequence[Figures]) -> Chart | None:
    """The rates side by side in the order of names; what has too few is hollow, so that it is not weighed."""
    points = [
        Point(
            _label(page, "agency", row),
            float(row.rate.value),
            f"{_percent(page, row.rate)} ({page.number(row.rate.numerator)}/{page.number(row.rate.denominator)})",
            asked.behind(_GROUP_OF_NAME[row.rate.denominator_name], row.count.key),
            is_weak=row.rate.denominator < FEW,
        )
        for row in rows
        if row.rate.value is not None
    ]
    if not points:
        return None
    heads = (page.s("report.by.agency"), page.s("report.rate"))
    title = page.s("report.comparison")
    return charts.compare(
        "so-sanh", title, page.s("report.comparison_desc", count=len(points)), points, heads, most=100
    )


# Files ----------------------------------------------------------------------------------------------------------


async def _file(page: Page, form: RowFormat, path: str) -> Response[bytes]:
    """The table of a page as a file: numerator and denominator in columns of their own."""
    require_reports(page)
    asked = await _read(page, by="agency" if path == AGENCIES else None)
    told, _ = await _told(page, replace(asked, before=None))
    if told is None:
        raise Invalid(asked.form.problems)
    names = [name for name, _ in _COLUMNS]
    keys = ["label", *names, "numerator", "denominator", "rate", "as_of"]
    titles = [
        page.s(f"report.by.{asked.question.by}"),
        *(page.s(f"report.col.{name}") for name in names),
        page.s(f"report.of.{told.total.rate.numerator_name}"),
        page.s(f"report.of.{told.total.rate.denominator_name}"),
        page.s("report.rate_percent"),
        page.s("report.as_of"),
    ]
    rows = [
        _cells(page, _label(page, asked.question.by, row), row, asked.question.as_of) for row in told.rows
    ]
    rows.append(_cells(page, page.s("report.total"), told.total, asked.question.as_of))
    body = await asyncio.to_thread(_written, form, keys, titles, rows)
    name = f"{path.rpartition('/')[2]}-{asked.question.as_of.isoformat()}.{form}"
    return Response(
        content=body,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


_Row = list[str | int | date | None]


def _cells(page: Page, label: str, row: Figures, day: date) -> _Row:
    figures = {**row.count.buckets.cells(), "beside": row.count.buckets.beside}
    value: Decimal | None = row.rate.value
    shown = "" if value is None else decimal(page.language, str(value))
    return [
        label,
        *(figures[name] for name, _ in _COLUMNS),
        row.rate.numerator,
        row.rate.denominator,
        shown,
        day,
    ]


def _written(form: RowFormat, keys: Sequence[str], titles: Sequence[str], rows: Sequence[_Row]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"bang.{form}"
        with open_rows(path, form, keys, titles, "Bang") as file:
            file.write(rows)
        return path.read_bytes()


@get(RATES + ".csv", include_in_schema=False)
async def rates_csv(request: WebRequest) -> Response[bytes]:
    """The table of the rates as CSV."""
    return await _file(await open_page(request), "csv", RATES)


@get(RATES + ".xlsx", include_in_schema=False)
async def rates_xlsx(request: WebRequest) -> Response[bytes]:
    """The table of the rates as a spreadsheet."""
    return await _file(await open_page(request), "xlsx", RATES)


@get(AGENCIES + ".csv", include_in_schema=False)
async def agencies_csv(request: WebRequest) -> Response[bytes]:
    """The table of the agencies as CSV."""
    return await _file(await open_page(request), "csv", AGENCIES)


@get(AGENCIES + ".xlsx", include_in_schema=False)
async def agencies_xlsx(request: WebRequest) -> Response[bytes]:
    """The table of the agencies as a spreadsheet."""
    return await _file(await open_page(request), "xlsx", AGENCIES)


# The list behind a figure ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """One assignment behind a figure, as it stood at the cut-off."""

    href: str
    title: str
    agency: str
    directive: str
    directive_href: str
    directive_on: date
    due_on: date | None
    due_note: str
    chip: Chip


@get(LIST, include_in_schema=False)
async def behind(request: WebRequest) -> Response[bytes]:
    """Which assignments does this figure count?"""
    page = await open_page(request)
    require(page.actor, Verb.EXPORT)
    group = page.query.get("nhom", "tong-so")
    is_live = "ngay" not in page.query
    asked = await _read(page)
    if group not in GROUPS and group != THIS_WEEK:
        asked.form.refuse("nhom", "form_bad_choice")
    question = replace(asked.question, as_of=page.now) if is_live else asked.question
    calendar = await load_calendar()
    found: list[tuple[Assignment, Status | None]] = []
    if not asked.form.problems:
        try:
            found = await _counted(page, question, group)
        except Invalid as error:
            asked.form.take(error, {"/as_of": "ngay", "": "co-quan"})
    place = _place(page)
    shown = found[place * PAGE_ROWS : (place + 1) * PAGE_ROWS]
    title = page.s(f"report.group.{group if group in GROUPS or group == THIS_WEEK else 'tong-so'}")
    day = question.as_of
    return page.render(
        "counted.html",
        status=422 if asked.form.problems else 200,
        form=asked.form,
        title=title,
        scope=_scope(page, asked.extent.names),
        cut_off=page.t("report.live", moment=page.clock_words)
        if is_live
        else page.t("report.to_end_of", day=page.long_day(day)),
        total=page.number(len(found))
        if len(found) < MOST_ROWS
        else page.s("report.at_least", count=page.number(MOST_ROWS)),
        is_cut=len(found) >= MOST_ROWS,
        rows=[_counted_row(page, row, status, calendar, is_live) for row, status in shown],
        first=place * PAGE_ROWS + 1,
        last=place * PAGE_ROWS + len(shown),
        previous=page.address(trang=place or None) if place else None,
        next=page.address(trang=place + 2) if len(found) > (place + 1) * PAGE_ROWS else None,
        back=INDEX if not page.is_agency else page.home,
    )


def _scope(page: Page, names: Sequence[str]) -> str:
    """Which agencies a list is about: the first by name, the rest as a count."""
    named = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return page.s("overview.and_more", names=named, count=page.number(more)) if more > 0 else named


def _total(page: Page, count: int) -> str:
    return (
        page.number(count) if count < MOST_ROWS else page.s("report.at_least", count=page.number(MOST_ROWS))
    )


def _place(page: Page) -> int:
    """Which page of the list, from 0."""
    given = page.query.get("trang", "")
    return max(int(given) - 1, 0) if given.isascii() and given.isdigit() and len(given) < 4 else 0


async def _counted(page: Page, question: Question, group: str) -> list[tuple[Assignment, Status | None]]:
    """The rows of a figure by their deadline, the oldest first."""
    if group == THIS_WEEK:
        due = await due_this_week(page.actor, question.agency_codes, page.now, MOST_ROWS)
        return [(row, None) for row in due]
    head, key = None, ""
    if "khoa" in page.query:
        head, key = question.by, page.query["khoa"]
    found: list[tuple[Assignment, Status | None]] = []
    for bucket in GROUPS[group]:
        found += await list_behind(page.actor, question, head, key, bucket, 0, MOST_ROWS)

    def order(pair: tuple[Assignment, Status | None]) -> tuple[date, int]:
        row, status = pair
        due_on = row.due_on if status is None else status.due_on
        return due_on or date.max, row.id

    return sorted(found, key=order)[:MOST_ROWS]


def _counted_row(
    page: Page, row: Assignment, status: Status | None, calendar: WorkCalendar, is_live: bool
) -> Counted:
    due_on = row.due_on if status is None else status.due_on
    if is_live or status is None:
        shown = chip_of(page, row, calendar)
    else:
        # Of a past day: what was near then is no longer near.
        is_near = status.fine in (Fine.DUE_SOON, Fine.DUE_TODAY)
        past = replace(status, fine=Fine.ON_SCHEDULE) if is_near else status
        shown = chip(page, past, past.days_late, calendar)
    return Counted(
        path_of(row),
        row.short_name,
        row.agency_name,
        row.directive_number,
        f"/van-ban/{row.directive_id}",
        row.directive_issued_on,
        due_on,
        "" if due_on is None else page.weekday(due_on),
        shown,
    )


routes = [index, over_time, rates, agencies, rates_csv, rates_xlsx, agencies_csv, agencies_xlsx, behind]
