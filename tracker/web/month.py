"""The month: what falls on which day, with days off and swapped working days; below it the year at a glance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from litestar import Response, get

from tracker.db import reads_month, reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.reads_month import DayCount, DueFilter, Meeting
from tracker.domain.access import Verb, require
from tracker.domain.workdays import WorkCalendar
from tracker.domain.zone import civil_now, is_in_range
from tracker.web import charts
from tracker.web.charts import Chart, Point
from tracker.web.forms import Form
from tracker.web.page import Page, open_page
from tracker.web.standing import chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip, short_day

PATH = "/lich"
PER_DAY = 3
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True)
class Item:
    """One deadline of a day."""

    href: str
    title: str
    agency: str
    chip: Chip


@dataclass(frozen=True)
class MeetingItem:
    """One inspection session of a day, with the hour it begins at."""

    href: str
    title: str
    hour: str


@dataclass(frozen=True)
class Day:
    """One day of the grid. `mark` is the name of a day off or of a swapped working day, `kind` which of the two."""

    on: date
    is_in_month: bool
    is_today: bool
    kind: str
    mark: str
    count: int
    late: int
    href: str
    items: list[Item] = field(default_factory=list)
    meetings: list[MeetingItem] = field(default_factory=list)

    @property
    def more(self) -> int:
        """How many the day has besides those shown."""
        return self.count - len(self.items)


def month_of(given: str | None, today: date) -> date | None:
    """The first day of the month in an address; this month without one, None for what is no month.

    >>> month_of("2026-02", date(2025, 11, 24)), month_of(None, date(2025, 11, 24)), month_of("x", date(2025, 1, 1))
    (datetime.date(2026, 2, 1), datetime.date(2025, 11, 1), None)
    """
    if not given:
        return today.replace(day=1)
    match = _MONTH.fullmatch(given)
    if match is None or not given.isascii() or not 1 <= int(match[2]) <= 12 or int(match[1]) < 1:
        return None
    first = date(int(match[1]), int(match[2]), 1)
    return first if is_in_range(first) else None


def next_month(first: date) -> date:
    """The first day of the next month."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def previous_month(first: date) -> date:
    """The first day of the month before."""
    return (first - timedelta(days=1)).replace(day=1)


def span_of(first: date) -> tuple[date, date]:
    """The whole weeks, Monday to Sunday, that hold a month.

    >>> span_of(date(2025, 11, 1))
    (datetime.date(2025, 10, 27), datetime.date(2025, 11, 30))
    """
    last = next_month(first) - timedelta(days=1)
    return first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday())


@get(PATH, include_in_schema=False)
async def month(request: WebRequest) -> Response[bytes]:
    """What falls on which day?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    form = Form(dict(page.query))
    first = month_of(page.query.get("thang"), page.today)
    if first is None:
        form.refuse("thang", "form_bad_choice")
        first = page.today.replace(day=1)
    agencies = [] if page.is_agency else await reads_web.list_agency_choices(page.actor)
    code = page.query.get("co-quan", "")
    if code and code not in dict(agencies):
        form.refuse("co-quan", "agency_unknown")
        code = ""
    with_closed = page.query.get("ca-xong") == "1"
    keep = {
        name: value for name, value in (("co-quan", code), ("ca-xong", "1" if with_closed else "")) if value
    }
    calendar = await load_calendar()
    start, end = span_of(first)
    chosen = DueFilter(start, end, with_closed, code)
    now = civil_now(page.now)
    moment = (now.date(), now.time().replace(tzinfo=None))
    year = DueFilter(date(first.year, 1, 1), date(first.year, 12, 31), with_closed, code)
    in_year = await reads_month.count_by_day(page.actor, year, *moment)
    counts = in_year | (await reads_month.count_by_day(page.actor, chosen, *moment))
    rows = await reads_month.list_first_of_days(page.actor, chosen, *moment, per_day=PER_DAY)
    sessions = await reads_month.list_sessions(page.actor, start, end, code)
    days = _days(page, first, (start, end), counts, rows, sessions, calendar, keep)
    in_month = [day for day in days if day.is_in_month]
    last = next_month(first) - timedelta(days=1)
    return page.render(
        "month.html",
        status=400 if form.problems else 200,
        form=form,
        title=page.s("month.title", month=_month(page, first.month), year=first.year),
        weeks=[days[place : place + 7] for place in range(0, len(days), 7)],
        weekdays=[page.s(f"month.weekday.{n}") for n in range(1, 8)],
        total=sum(day.count for day in in_month),
        late=sum(day.late for day in in_month),
        total_href=_list(first, last, keep),
        previous=_address(previous_month(first), keep) if is_in_range(previous_month(first)) else None,
        previous_name=_name(page, previous_month(first)),
        next=_address(next_month(first), keep) if is_in_range(next_month(first)) else None,
        next_name=_name(page, next_month(first)),
        today_address=_address(None, keep) if first != page.today.replace(day=1) else None,
        shown=f"{first:%Y-%m}",
        agencies=[("", page.s("filter.any_agency")), *agencies] if agencies else [],
        with_closed=with_closed,
        is_known=first.year in calendar.years,
        year=first.year,
        heat=_year(page, first.year, in_year, calendar, keep),
        marks=[day for day in in_month if day.mark],
    )


def _name(page: Page, first: date) -> str:
    return page.s("month.short", month=_month(page, first.month), year=first.year)


def _month(page: Page, number: int) -> str:
    """The month as the language calls it."""
    return page.s(f"month.name.{number}")


def _address(first: date | None, keep: Mapping[str, str]) -> str:
    query = {**({} if first is None else {"thang": f"{first:%Y-%m}"}), **keep}
    return PATH + ("?" + urlencode(query) if query else "")


def _list(first: date, last: date, keep: Mapping[str, str]) -> str:
    """The list of exactly the deadlines between two days."""
    query = {
        "tinh-trang": "tat-ca" if "ca-xong" in keep else "dang-mo",
        "tu-ngay": first.isoformat(),
        "den-ngay": last.isoformat(),
    }
    if "co-quan" in keep:
        query["co-quan"] = keep["co-quan"]
    return "/viec?" + urlencode(query)


def _kind(day: date, calendar: WorkCalendar) -> tuple[str, str]:
    """What a day is: "off" or "work" by the calendar, "weekend" by its weekday; with its name."""
    mark = calendar.mark(day)
    if mark is not None:
        return mark.kind, mark.name
    return ("weekend", "") if day.isoweekday() > 5 else ("", "")


def _days(
    page: Page,
    first: date,
    span: tuple[date, date],
    counts: Mapping[date, DayCount],
    rows: list[Assignment],
    sessions: list[Meeting],
    calendar: WorkCalendar,
    keep: Mapping[str, str],
) -> list[Day]:
    items: dict[date, list[Item]] = {}
    for row in rows:
        assert row.due_on is not None
        agency = "" if page.is_agency else row.agency_short_name
        item = Item(path_of(row), row.short_name, agency, chip_of(page, row, calendar))
        items.setdefault(row.due_on, []).append(item)
    meetings: dict[date, list[MeetingItem]] = {}
    for held in sessions:
        hour = page.clock(held.held_at) if held.held_at else ""
        meetings.setdefault(held.held_on, []).append(MeetingItem(f"/kiem-tra/{held.id}", held.title, hour))
    found = []
    day, last = span
    while day <= last:
        kind, mark = _kind(day, calendar)
        count = counts.get(day, DayCount(0, 0))
        found.append(
            Day(
                day,
                day.month == first.month and day.year == first.year,
                day == page.today,
                kind,
                mark,
                count.count,
                count.late,
                _list(day, day, keep),
                items.get(day, []),
                meetings.get(day, []),
            )
        )
        day += timedelta(days=1)
    return found


def _year(
    page: Page, year: int, counts: Mapping[date, DayCount], calendar: WorkCalendar, keep: Mapping[str, str]
) -> Chart:
    """The year as a heat map; each month leads to its list."""
    by_day = {day: count.count for day, count in counts.items() if day.year == year}
    off = frozenset(
        day
        for day in (date(year, 1, 1) + timedelta(days=n) for n in range(366))
        if day.year == year and _kind(day, calendar)[0] in ("off", "weekend")
    )
    totals = []
    for number in range(1, 13):
        first = date(year, number, 1)
        count = sum(found for day, found in by_day.items() if day.month == number)
        last = next_month(first) - timedelta(days=1)
        href = _list(first, last, keep) if count else ""
        totals.append(Point(_month(page, number), count, page.number(count), href))
    busiest = max(by_day, key=lambda day: (by_day[day], day), default=None)
    desc = (
        page.s("month.year_none", year=year)
        if busiest is None
        else page.s(
            "month.year_desc",
            total=page.number(sum(by_day.values())),
            most=page.number(by_day[busiest]),
            day=short_day(busiest),
        )
    )
    heads = (page.s("month.month_head"), page.s("month.deadlines"))
    title = page.s("month.year", year=year)
    return charts.heat(page, "nam", title, desc, year, by_day, off, totals, heads)


routes = [month]
