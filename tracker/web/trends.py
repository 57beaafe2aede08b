"""Trends: how the figures moved, how old the overdue are, how long confirmation takes, what falls due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from litestar import Response, get

from tracker.actions.statistics import Coming, Figures, Pace, pace, trend
from tracker.db.statistics import Span
from tracker.documents.tables_model import Column, Table
from tracker.domain.errors import Invalid
from tracker.domain.tallies import Age
from tracker.web import charts
from tracker.web.charts import Chart, Point, Series
from tracker.web.downloads import table_at_hand
from tracker.web.figures import (
    COLUMNS,
    PERIOD_OF,
    Asked,
    Cell,
    Lines,
    basis,
    choices_of,
    percent,
    read_asked,
    refuse,
    require_reports,
    with_day,
)
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.wording import decimal, short_day

PATH = "/bao-cao/xu-huong"
POINTS = {"tuan": 12, "thang": 12, "quy": 8, "nam": 5}
_COLUMNS = COLUMNS[:7]
_MOST_COMING = 20
"""So many agencies are shown of those where something falls due; `ca=1` shows all."""


@get(PATH, include_in_schema=False)
async def over_time(request: WebRequest) -> Response[bytes]:
    """How did the figures move, and what is coming?"""
    page = await open_page(request)
    require_reports(page)
    asked = await read_asked(page)
    form = asked.form
    step = form.text("buoc")
    if step not in PERIOD_OF:
        form.refuse("buoc", "not_a_choice", allowed=", ".join(page.s(f"report.step.{w}") for w in PERIOD_OF))
        step = form.values["buoc"] = "tuan"
    found: list[tuple[date, Figures]] = []
    going: Pace | None = None
    if not form.problems:
        try:
            found = await trend(page.actor, asked.question, POINTS[step], PERIOD_OF[step], today=page.today)
            going = await pace(page.actor, asked.question, today=page.today)
        except Invalid as error:
            refuse(asked, error)
    days = [with_day(asked, day) for day, _ in found]
    rows = [row for _, row in found]
    return page.render(
        "trend.html",
        status=422 if form.problems else 200,
        form=form,
        choices=await choices_of(page),
        as_of=asked.question.day,
        step=step,
        rate=_rate_chart(page, rows, [short_day(day) for day, _ in found]) if found else None,
        overdue=_overdue_chart(page, rows, days) if found else None,
        columns=[page.s(f"report.col.{name}") for name in _COLUMNS],
        labels=[page.s(f"report.short.{name}") for name in _COLUMNS],
        lines=[
            Lines(page, own, _COLUMNS).line(row, None, label=short_day(own.question.day))
            for own, row in zip(days, rows, strict=True)
        ],
        basis=basis(page, rows[-1].rate, asked.question.day) if rows else "",
        ages=[] if not rows else _ages(page, asked, rows[-1]),
        waits=None if going is None else _waits(page, asked, going),
        moves=None if going is None else _moves(page, asked, going.figures),
        coming=None if going is None else _coming(page, asked, going),
    )


async def trend_file(page: Page) -> Table:
    """The table of the page: a line a day. Raises Invalid."""
    require_reports(page)
    asked = await read_asked(page)
    step = asked.form.text("buoc")
    if asked.form.problems:
        raise Invalid(asked.form.problems)
    if step not in PERIOD_OF:
        raise Invalid.one("buoc", "not_a_choice", step, allowed=", ".join(PERIOD_OF))
    found = await trend(page.actor, asked.question, POINTS[step], PERIOD_OF[step], today=page.today)
    rate = found[-1][1].rate
    columns = [
        Column("as_of", page.s("report.as_of"), "day"),
        *(Column(name, page.s(f"report.col.{name}"), "number") for name in _COLUMNS),
        Column("numerator", page.s(f"report.of.{rate.numerator_name}"), "number"),
        Column("denominator", page.s(f"report.of.{rate.denominator_name}"), "number"),
        Column("rate", page.s("report.rate_percent"), "percent"),
    ]
    rows = [
        (
            day,
            *(row.count.tally.cells()[name] for name in _COLUMNS),
            row.rate.numerator,
            row.rate.denominator,
            row.rate.value,
        )
        for day, row in found
    ]
    return table_at_hand(
        page,
        "xu-huong",
        page.s("report.title.xu-huong"),
        columns,
        rows,
        as_of=page.s("overdue_as_of", day=short_day(asked.question.day)),
        scope=asked.extent.names,
        notes=[basis(page, rate, asked.question.day)],
    )


def _rate_chart(page: Page, rows: Sequence[Figures], days: Sequence[str]) -> Chart:
    values = [None if row.rate.value is None else float(row.rate.value) for row in rows]
    series = [Series(page.s("report.rate"), values, [percent(page, row.rate) for row in rows])]
    title, head = page.s("report.trend_rate"), page.s("report.as_of")
    desc = page.s("report.trend_desc", first=series[0].words[0], last=series[0].words[-1])
    return charts.lines("ty-le", title, desc, [day[:5] for day in days], series, head, most=100)


def _overdue_chart(page: Page, rows: Sequence[Figures], days: Sequence[Asked]) -> Chart:
    points = [
        Point(
            short_day(own.question.day)[:5],
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


# Ageing, confirmation, extensions ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aged:
    """How many of the overdue are so old, and how much of the whole that is."""

    label: str
    cell: Cell
    width: str
    share: str


def _ages(page: Page, asked: Asked, row: Figures) -> list[Aged]:
    lines, tally = Lines(page, asked, ()), row.count.tally
    total = tally.buckets.open_overdue
    found = []
    for age in Age:
        count = tally.ageing[age]
        share = 0 if not total else round(100 * count / total)
        found.append(
            Aged(
                page.s(f"report.col.{age}"),
                lines.cell(age.value, count, None),
                f"{share}",
                page.s("report.of_overdue", count=page.number(count), total=page.number(total)),
            )
        )
    return found


@dataclass(frozen=True)
class Waited:
    """How long confirmation took, over what."""

    median: str
    ninetieth: str
    cell: Cell
    words: str


def _waits(page: Page, asked: Asked, going: Pace) -> Waited:
    first, last = going.confirmed.first, going.confirmed.last
    waits = going.waits
    keys = {
        "xac_nhan_tu": "" if first is None else first.isoformat(),
        "xac_nhan_den": "" if last is None else last.isoformat(),
    }
    href = asked.behind("da-xong", path="danh-sach", **keys) if waits.count else ""
    return Waited(
        "–" if waits.median is None else decimal(page.language, f"{waits.median.normalize():f}"),
        "–" if waits.ninth_decile is None else page.number(waits.ninth_decile),
        Cell(page.number(waits.count), href),
        ""
        if first is None or last is None
        else page.s("report.waits_basis", first=short_day(first), last=short_day(last)),
    )


@dataclass(frozen=True)
class Moved:
    """How many tasks had their deadline extended, once or more, of how many."""

    extended: Cell
    again: Cell
    total: Cell
    share: str


def _moves(page: Page, asked: Asked, row: Figures) -> Moved:
    lines, cells = Lines(page, asked, ()), row.count.tally.cells()
    total = cells["total"]
    share = "–"
    if total:
        tenths = (2 * 1000 * cells["extended"] + total) // (2 * total)
        share = f"{decimal(page.language, f'{tenths // 10}.{tenths % 10}')} %"
    extended, again, all_of_them = (
        lines.cell(name, cells[name], None) for name in ("extended", "extended_again", "total")
    )
    return Moved(extended, again, all_of_them, share)


# What falls due ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Due:
    """One agency and what falls due there in each week."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Forecast:
    """The coming weeks, and the agencies by how much falls due."""

    heads: list[str]
    lines: list[Due]
    total: Due
    rest: str
    rest_href: str


def _coming(page: Page, asked: Asked, going: Pace) -> Forecast:
    heads = [f"{short_day(w.first)[:5]}–{short_day(w.last)[:5]}" for w in going.weeks if w.first and w.last]
    most = len(going.coming) if page.query.get("ca") == "1" else _MOST_COMING
    rest = len(going.coming) - most
    return Forecast(
        heads,
        [_due(page, asked, row, going.weeks) for row in going.coming[:most]],
        _due(page, asked, going.total, going.weeks),
        page.s("report.coming_rest", count=page.number(rest)) if rest > 0 else "",
        page.address(ca="1") + "#h-sap",
    )


def _due(page: Page, asked: Asked, row: Coming, weeks: Sequence[Span]) -> Due:
    spans = [*weeks, Span(weeks[0].first, weeks[-1].last)]
    cells = []
    for span, count in zip(spans, [*row.weeks, row.total], strict=True):
        own = replace(asked, question=replace(asked.question, by="agency", due=span))
        cells.append(Lines(page, own, ()).cell("open_in_term", count, row.key or None))
    return Due(row.label or page.s("report.total"), cells)


routes = [over_time]
