"""The official's page: where it burns in the agencies followed, on one phone screen and on one sheet of paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from urllib.parse import urlencode

from litestar import Response, get

from tracker.actions.overview import Overview, overview, require_look
from tracker.actions.statistics import Figures, Question, statistics
from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.reads_overview import Followed, list_followed
from tracker.domain.access import Subject, Verb, may
from tracker.domain.assignments import SILENT_DAYS
from tracker.domain.errors import Invalid
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_day, civil_now
from tracker.i18n import text
from tracker.web import charts
from tracker.web.charts import Chart, Point
from tracker.web.overdue import percent
from tracker.web.page import Page, open_page
from tracker.web.standing import Tile, chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip, number, paper_day, short_day, weekday

PATH = "/tong-quan"
LIST = "/bao-cao/danh-sach"
FOLLOWED = "theo-doi"
_NAMES_SHOWN, _NAMES_OF_MANY = 6, 2
_PAPER_AGENCIES, _PAPER_WORST, _PAPER_DUE = 6, 5, 6
_PAPER_NAMES = 150
_PAPER_MM = 122
"""What the page has for the rows of its tables, when all that is always there has been set."""


@dataclass(frozen=True)
class Extent:
    """Which agencies a page is about: their codes (none: all in sight), and the same as keys of an address."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    query: Mapping[str, str]
    followed: tuple[Followed, ...]

    @property
    def is_followed(self) -> bool:
        """Whether it is what the reader follows, all of it."""
        return "pham-vi" in self.query


async def extent_of(page: Page, *, is_followed_by_default: bool = False) -> Extent:
    """What the address asks for: `co-quan=` names agencies, `pham-vi=theo-doi` means those that one follows."""
    asked = [code for given in page.query_all("co-quan") for code in given.split(",") if code][:100]
    followed = tuple(await list_followed(page.actor))
    if asked:
        names = dict(await reads_web.list_agency_choices(page.actor))
        names |= {agency.code: agency.name for agency in followed}
        shown = tuple(names.get(code, code) for code in asked)
        return Extent(tuple(asked), shown, {"co-quan": ",".join(asked)}, followed)
    wanted = page.query.get("pham-vi") == FOLLOWED or (
        is_followed_by_default and not page.query.get("pham-vi")
    )
    if wanted and followed and not page.is_agency:
        codes = tuple(agency.code for agency in followed)
        return Extent(codes, tuple(agency.name for agency in followed), {"pham-vi": FOLLOWED}, followed)
    if page.is_agency:
        return Extent((), tuple(agency.name for agency in followed), {}, followed)
    return Extent((), (), {}, followed)


@dataclass(frozen=True)
class Burning:
    """One task of the page, with what can be done about it at a tap."""

    href: str
    title: str
    agency: str
    chip: Chip
    due_on: date | None
    urge: str
    explain: str


def _burning(page: Page, row: Assignment, calendar: WorkCalendar) -> Burning:
    may_urge = may(page.actor, Verb.URGE, Subject.of_agency(row.agency_id))
    preview = f"/don-doc/xem-truoc?viec={row.id}"
    return Burning(
        path_of(row),
        row.short_name,
        row.agency_name,
        chip_of(page, row, calendar),
        row.due_on,
        preview if may_urge else "",
        preview + "&loai=giai-trinh" if may_urge and page.actor.is_assigning_side else "",
    )


def link(path: str, extent: Extent, /, **keys: str) -> str:
    """An address that keeps the agencies."""
    query = {**{name.replace("_", "-"): value for name, value in keys.items()}, **extent.query}
    return path + ("?" + urlencode(query, safe=",") if query else "")


def trend_chart(page: Page, told: Overview, extent: Extent) -> Chart:
    """How many were overdue at the end of each week, and now; each figure leads to that day's list."""
    points = [
        Point(
            page.s("overview.now") if place == len(told.trend) - 1 else short_day(point.day)[:5],
            point.count,
            page.number(point.count),
            link(LIST, extent, nhom="qua-han")
            if place == len(told.trend) - 1
            else link(LIST, extent, nhom="qua-han", ngay=point.day.isoformat()),
            is_marked=place == len(told.trend) - 1,
        )
        for place, point in enumerate(told.trend)
    ]
    most, least = max(told.trend, key=lambda p: p.count), min(told.trend, key=lambda p: p.count)
    desc = page.s(
        "overview.trend_desc",
        most=page.number(most.count),
        most_day=short_day(most.day),
        least=page.number(least.count),
        least_day=short_day(least.day),
        now=page.number(told.trend[-1].count),
    )
    heads = (page.s("overview.trend_week"), page.s("overview.overdue"))
    return charts.bars("xu-huong", page.s("overview.trend"), desc, points, heads)


def _change(page: Page, told: Overview) -> str:
    """How the count of the overdue moved since the end of last week."""
    before = told.trend[-2]
    moved = told.trend[-1].count - before.count
    day = short_day(before.day)[:5]
    if moved == 0:
        return page.s("overview.same", day=day)
    return page.s("overview.more" if moved > 0 else "overview.fewer", count=page.number(abs(moved)), day=day)


def _tiles(page: Page, told: Overview, extent: Extent) -> list[Tile]:
    standing = told.standing
    return [
        Tile(
            standing.overdue,
            "late",
            "late",
            page.s("overview.overdue"),
            link(LIST, extent, nhom="qua-han"),
            _change(page, told),
        ),
        Tile(
            standing.due,
            "soon",
            "soon",
            page.s("overview.due"),
            link(LIST, extent, nhom="tuan-nay"),
            page.s("overview.due_until", day=short_day(told.week_ends_on)[:5]),
        ),
    ]


def _heading(page: Page, extent: Extent) -> tuple[str, str]:
    """What the page is about, and the names under it."""
    shown = _NAMES_SHOWN if len(extent.names) <= _NAMES_SHOWN else _NAMES_OF_MANY
    names = ", ".join(extent.names[:shown])
    if len(extent.names) > shown:
        names = page.s("overview.and_more", names=names, count=len(extent.names) - shown)
    if len(extent.names) == 1:
        return extent.names[0], ""
    if page.is_agency:
        return page.s("overview.title_own"), names
    if extent.is_followed:
        return page.s("overview.title_followed", count=len(extent.codes)), names
    if extent.codes:
        return page.s("overview.title_chosen", count=len(extent.codes)), names
    return page.s("overview.title_all"), ""


@get(PATH, include_in_schema=False)
async def official(request: WebRequest) -> Response[bytes]:
    """Where does it burn in the agencies I follow?"""
    page = await open_page(request)
    require_look(page.actor)
    extent = await extent_of(page, is_followed_by_default=True)
    told, problem = await _told(page, extent)
    calendar = await load_calendar()
    heading, names = _heading(page, extent)
    choices = await _choices(page, extent)
    running = told.standing.running_overdue
    return page.render(
        "overview.html",
        status=200 if problem is None else 422,
        problem=problem,
        heading=heading,
        names=names,
        extent=extent,
        tiles=_tiles(page, told, extent),
        trend=trend_chart(page, told, extent),
        worst=[_burning(page, row, calendar) for row in told.worst],
        worst_waiting=page.number(told.standing.overdue - running) if told.standing.overdue > running else "",
        overdue_count=page.number(told.standing.overdue),
        overdue_href=link(LIST, extent, nhom="qua-han"),
        has_more_worst=told.standing.overdue > len(told.worst),
        due=[_burning(page, row, calendar) for row in told.due],
        due_count=page.number(told.standing.due),
        due_href=link(LIST, extent, nhom="tuan-nay"),
        has_more_due=told.standing.due > len(told.due),
        paper_href=link(PATH + "/ban-in", extent),
        choices=choices,
        chosen=set(extent.codes),
        all_href=PATH + "?pham-vi=tat-ca" if extent.followed and not page.is_agency else PATH,
    )


async def _told(page: Page, extent: Extent) -> tuple[Overview, Invalid | None]:
    """The figures; those of all where an agency of the address is not known."""
    try:
        return await overview(page.actor, extent.codes, page.now), None
    except Invalid as error:
        return await overview(page.actor, (), page.now), error


async def _choices(page: Page, extent: Extent) -> list[tuple[str, str]]:
    """Which agencies one may narrow to: those followed, or else all with tasks."""
    if page.is_agency:
        return [(agency.code, agency.name) for agency in extent.followed] if len(extent.followed) > 1 else []
    if extent.followed:
        return [(agency.code, agency.name) for agency in extent.followed]
    return await reads_web.list_agency_choices(page.actor)


# On paper ------------------------------------------------------------------------------------------------------


_PaperRow = tuple[str, str, str]


@dataclass(frozen=True)
class Brief:
    """The page as one sheet, always in Vietnamese, as Decree 30/2020 wants it."""

    body: str
    state: str
    motto: str
    place: str
    title: str
    under: str
    figures: list[str]
    agency_heads: list[str]
    agency_rows: list[list[str]]
    agency_rest: str
    worst: list[_PaperRow]
    due: list[_PaperRow]
    due_rest: str
    basis: str
    words: Mapping[str, str]


def _say(key: str, **params: object) -> str:
    return text("vi", f"brief.{key}", **params)


def _vi(value: int) -> str:
    return number("vi", value)


@get(PATH + "/ban-in", include_in_schema=False)
async def paper(request: WebRequest) -> Response[bytes]:
    """The same on one A4 page."""
    page = await open_page(request)
    require_look(page.actor)
    extent = await extent_of(page, is_followed_by_default=True)
    told = await overview(page.actor, extent.codes, page.now, worst=_PAPER_WORST, due=_PAPER_DUE)
    figures = await statistics(page.actor, Question(page.now, agency_codes=extent.codes))
    return page.render(
        "overview-print.html",
        brief=_brief(page, extent, told, figures.rows, figures.total),
        trend=_paper_trend(told),
        back=link(PATH, extent),
    )


def _paper_trend(told: Overview) -> Chart:
    points = [
        Point(short_day(point.day)[:5], point.count, _vi(point.count), is_marked=place == len(told.trend) - 1)
        for place, point in enumerate(told.trend)
    ]
    return charts.bars("xu-huong", _say("trend"), _say("trend_desc"), points, (_say("week"), _say("overdue")))


def _brief(page: Page, extent: Extent, told: Overview, rows: Sequence[Figures], total: Figures) -> Brief:
    standing = told.standing
    worst_first = sorted(rows, key=lambda row: (-row.count.buckets.open_overdue, row.count.order))
    worst = [
        (row.short_name, row.agency_name, _say("late_days", count=_vi(days_over(page, row))))
        for row in told.worst
    ]
    due = [
        (row.short_name, row.agency_name, f"{weekday('vi', row.due_on)} {short_day(row.due_on)}")
        for row in told.due
        if row.due_on is not None
    ]
    listed = worst_first[:_PAPER_AGENCIES]
    _fit(listed, worst, due)
    rest = len(worst_first) - len(listed)
    lines = [_agency_line(row.count.label, row) for row in listed]
    if len(rows) > 1:
        lines.append(_agency_line(_say("total"), total))
    names = ", ".join(extent.names) or _say("all")
    if len(names) > _PAPER_NAMES:
        names = _say("agencies", count=len(extent.names))
    return Brief(
        body=text("vi", "paper.body"),
        state=text("vi", "paper.state"),
        motto=text("vi", "paper.motto"),
        place=text("vi", "paper.place", day=paper_day(page.today)),
        title=_say("title"),
        under=_say("under", moment=_paper_moment(page), names=names),
        figures=_sentences(told, total),
        agency_heads=[_say(f"head.{name}") for name in ("agency", "total", *_BUCKETS, "rate")],
        agency_rows=lines,
        agency_rest=_say("agency_rest", count=rest) if rest else "",
        worst=worst,
        due=due,
        due_rest=_say("due_rest", count=_vi(standing.due - len(due))) if standing.due > len(due) else "",
        basis=_say("basis"),
        words={
            name: _say(name) for name in ("by_agency", "trend", "worst", "due", "none_overdue", "none_due")
        },
    )


def _height(*columns: tuple[str, int]) -> float:
    """Millimetres of a row whose columns hold so many letters a line: 11 points, set solid."""
    return max(ceil(len(words) / letters) for words, letters in columns) * 4.5 + 1.7


def _fit(agencies: list[Figures], worst: list[_PaperRow], due: list[_PaperRow]) -> None:
    """Take away the last rows until one page holds the rest; what is left out is said to be there."""

    def height() -> float:
        return (
            sum(_height((row.count.label, 24)) for row in agencies)
            + sum(_height((title, 40), (agency, 19)) for title, agency, _ in (*worst, *due))
            + _height(("", 1))
        )

    for rows, least in ((due, 2), (agencies, 3), (worst, 3), (due, 0), (agencies, 0), (worst, 1)):
        while height() > _PAPER_MM and len(rows) > least:
            rows.pop()


_BUCKETS = ("done_on_time", "done_late", "open_in_term", "open_overdue")


def _agency_line(name: str, row: Figures) -> list[str]:
    cells = row.count.buckets.cells()
    return [name, *(_vi(cells[column]) for column in ("total", *_BUCKETS)), percent(row.rate)]


def _paper_moment(page: Page) -> str:
    """An instant as papers write it: "09 giờ 00, ngày 05 tháng 8 năm 2025"."""
    local = civil_now(page.now)
    return _say("moment", hour=f"{local:%H}", minute=f"{local:%M}", day=paper_day(local.date()))


def _sentences(told: Overview, total: Figures) -> list[str]:
    """The figures in words, for who reads nothing else."""
    standing = told.standing
    before = told.trend[-2]
    moved = standing.overdue - before.count
    key = "moved.same" if moved == 0 else "moved.more" if moved > 0 else "moved.fewer"
    found = [
        _say("overdue_now", count=_vi(standing.overdue))
        + " "
        + _say(key, count=_vi(abs(moved)), day=paper_day(before.day)),
    ]
    if standing.overdue > standing.running_overdue:
        found.append(_say("waiting", count=_vi(standing.overdue - standing.running_overdue)))
    found.append(_say("due_now", count=_vi(standing.due), day=paper_day(told.week_ends_on)))
    found.append(_say("done_now", rate=percent(total.rate)))
    return found


def days_over(page: Page, row: Assignment) -> int:
    """Civil days after the deadline; without one, days of silence beyond those allowed."""
    if row.due_on is not None:
        return (page.today - row.due_on).days
    last = (
        row.assigned_on if row.last_report_at is None else max(civil_day(row.last_report_at), row.assigned_on)
    )
    return (page.today - last).days - SILENT_DAYS


routes = [official, paper]
