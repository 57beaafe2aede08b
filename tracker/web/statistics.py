"""Reports: the official table and its rates of any day, and agencies side by side; each figure leads to its list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from litestar import Response, get

from tracker.actions.exports import document_of
from tracker.actions.statistics import Figures, OfficialRow, OfficialTable, official_table
from tracker.db.statistics import PERIODS
from tracker.documents.tables_model import Column, Row, Table, TableFormat
from tracker.domain.directory import Role
from tracker.domain.errors import Invalid
from tracker.domain.measures import FEW, Verdict, interval, verdict
from tracker.domain.statistics import Rate
from tracker.web import charts
from tracker.web.charts import Chart, Point
from tracker.web.downloads import send, table_at_hand
from tracker.web.figures import (
    AGES,
    COLUMNS,
    INDEX,
    Asked,
    Line,
    Lines,
    basis,
    choices_of,
    label_of,
    percent,
    read_asked,
    refuse,
    require_reports,
    whole,
)
from tracker.web.page import Page, open_page
from tracker.web.state import WebRequest
from tracker.web.wording import decimal, short_day

RATES, AGENCIES = "/bao-cao/ty-le", "/bao-cao/co-quan"
MOST_LINES = 100
"""So many rows stand on a page; the totals are those of all."""
_MORE = {"van-ban", "linh-vuc", "giao-tu", "giao-den", "han-tu", "han-den", "mau-so"}


async def _told(page: Page, asked: Asked) -> OfficialTable | None:
    """The table of the day with its changes; None for what cannot be asked."""
    if asked.form.problems:
        return None
    try:
        return await official_table(page.actor, asked.question, asked.against, today=page.today)
    except Invalid as error:
        refuse(asked, error)
        return None


@get(INDEX, include_in_schema=False)
async def index(request: WebRequest) -> Response[bytes]:
    """Which list do I hand over?"""
    page = await open_page(request)
    require_reports(page)
    asked = await read_asked(page, by="block")
    table = await _told(page, replace(asked, against=None))
    names = ["qua-han", "ty-le", "co-quan", "xu-huong"]
    return page.render(
        "reports.html",
        status=200 if table is not None else 422,
        form=asked.form,
        as_of=asked.question.day,
        whole=None if table is None else whole(page, asked, table),
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
    asked = await read_asked(page)
    table = await _told(page, asked)
    first = _first(page)
    shown = () if table is None else table.rows[first : first + MOST_LINES]
    lines = Lines(page, asked, COLUMNS)
    return _show(
        page,
        "statistics.html",
        asked,
        table,
        await choices_of(page),
        head=page.s(f"report.by.{asked.question.by}"),
        columns=[page.s(f"report.col.{name}") for name in COLUMNS],
        labels=[page.s(f"report.short.{name}") for name in COLUMNS],
        lines=[lines.of(row, row.key) for row in shown],
        total=None if table is None else lines.of(table.total, None),
        before=None if table is None or table.before is None else _before(page, asked, table.before.day),
        by_period=asked.question.by in PERIODS,
        paging=None if table is None else _paging(page, first, len(table.rows)),
    )


@get(AGENCIES, include_in_schema=False)
async def agencies(request: WebRequest) -> Response[bytes]:
    """How do the agencies stand side by side, each by its own size?"""
    page = await open_page(request)
    require_reports(page)
    asked = await read_asked(page, by="agency")
    asked.form.values.pop("so-voi", None)
    table = await _told(page, replace(asked, against=None))
    return _show(
        page,
        "comparison.html",
        asked,
        table,
        await choices_of(page),
        columns=[page.s(f"report.col.{name}") for name in ("open_overdue", *AGES)],
        labels=[page.s(f"report.short.{name}") for name in ("open_overdue", *AGES)],
        lines=[] if table is None else _sided(page, asked, table),
        total=None
        if table is None
        else Lines(page, asked, ("open_overdue", *AGES)).line(table.total.figures, None),
        comparison=None if table is None else _comparison(page, asked, table),
    )


def _show(
    page: Page,
    template: str,
    asked: Asked,
    table: OfficialTable | None,
    choices: dict[str, list[tuple[str, str]]],
    **values: Any,
) -> Response[bytes]:
    return page.render(
        template,
        status=200 if table is not None else 422,
        form=asked.form,
        choices=choices,
        as_of=asked.question.day,
        whole=None if table is None else whole(page, asked, table),
        is_sound=table is None or table.is_sound,
        is_open=bool(_MORE & page.query.keys()),
        **values,
    )


@dataclass(frozen=True)
class Before:
    """The day that rates are compared with, and the table of it, where each of its figures leads to its list."""

    day: date
    href: str


def _before(page: Page, asked: Asked, day: date) -> Before:
    return Before(day, page.address(ngay=day.isoformat(), trang=None))


@dataclass(frozen=True)
class Paging:
    """Which rows of how many a page shows."""

    words: str
    previous: str | None
    next: str | None


def _first(page: Page) -> int:
    """The place of the first row of this page."""
    given = page.query.get("trang", "")
    return (
        max(int(given) - 1, 0) if given.isascii() and given.isdigit() and len(given) < 6 else 0
    ) * MOST_LINES


def _paging(page: Page, first: int, count: int) -> Paging | None:
    if count <= MOST_LINES:
        return None
    place = first // MOST_LINES
    last = min(first + MOST_LINES, count)
    words = page.s(
        "report.shown",
        first=page.number(min(first + 1, count)),
        last=page.number(last),
        total=page.number(count),
    )
    return Paging(
        words,
        page.address(trang=place if place > 1 else None) if place else None,
        page.address(trang=place + 2) if last < count else None,
    )


# Agencies side by side --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sided:
    """One agency beside the others: its rate, where the rate behind its figures lies, and what follows."""

    line: Line
    interval: str
    verdict: str
    tone: str


_TONES = {Verdict.ABOVE: "above", Verdict.BELOW: "below", Verdict.ALIKE: "", Verdict.TOO_FEW: "few"}


def _sided(page: Page, asked: Asked, table: OfficialTable) -> list[Sided]:
    lines = Lines(page, asked, ("open_overdue", *AGES))
    whole_rate = table.total.figures.rate
    found = []
    for row in table.rows:
        rate = row.figures.rate
        said = verdict(rate.numerator, rate.denominator, whole_rate.numerator, whole_rate.denominator)
        found.append(
            Sided(
                lines.of(row, row.key), _interval(page, rate), page.s(f"report.verdict.{said}"), _TONES[said]
            )
        )
    return found


def _interval(page: Page, rate: Rate) -> str:
    if not rate.denominator:
        return "–"
    found = interval(rate.numerator, rate.denominator)
    low, high = (decimal(page.language, str(end)) for end in (found.low, found.high))
    return f"{low}–{high} %"


def _comparison(page: Page, asked: Asked, table: OfficialTable) -> Chart | None:
    """The rates side by side in the order of names, each with the range in which it lies."""
    points = [_point(page, asked, row.figures) for row in table.rows if row.figures.rate.value is not None]
    whole_rate = table.total.figures.rate.value
    if not points or whole_rate is None:
        return None
    heads = (page.s("report.by.agency"), page.s("report.rate"))
    desc = page.s("report.comparison_desc", count=len(points))
    title = page.s("report.comparison")
    return charts.compare("so-sanh", title, desc, points, heads, most=100, middle=float(whole_rate))


def _point(page: Page, asked: Asked, row: Figures) -> Point:
    rate = row.rate
    assert rate.value is not None  # nosec B101  # only rates of something are drawn
    found = interval(rate.numerator, rate.denominator)
    return Point(
        label_of(page, "agency", row),
        float(rate.value),
        f"{percent(page, rate)} ({page.number(rate.numerator)}/{page.number(rate.denominator)})",
        is_weak=rate.denominator < FEW,
        span=(float(found.low), float(found.high)),
    )


# Files ----------------------------------------------------------------------------------------------------------


async def figures_file(page: Page, path: str) -> Table:
    """The table of a page: numerator, denominator, rounding and cut-off in columns of their own. Raises Invalid."""
    require_reports(page)
    asked = await read_asked(page, by="agency" if path == AGENCIES else None)
    table = await _told(page, asked)
    if table is None:
        raise Invalid(asked.form.problems)
    rate = table.total.figures.rate
    columns = [
        Column("label", page.s(f"report.by.{table.question.by}")),
        *(Column(name, page.s(f"report.col.{name}"), "number") for name in COLUMNS),
        *(Column(name, page.s(f"report.col.{name}"), "number", is_on_paper=False) for name in AGES),
        Column("numerator", page.s(f"report.of.{rate.numerator_name}"), "number"),
        Column("denominator", page.s(f"report.of.{rate.denominator_name}"), "number"),
        Column("rate", page.s("report.rate_percent"), "percent"),
        Column("change", page.s("report.change_points"), "percent"),
        Column("rate_before", page.s("report.rate_before"), is_on_paper=False),
        Column("rounding", page.s("report.rounding"), is_on_paper=False),
        Column("as_of", page.s("report.as_of"), "day", is_on_paper=False),
    ]
    day = asked.question.day
    made = table_at_hand(
        page,
        path.rpartition("/")[2],
        page.s(f"report.title.{path.rpartition('/')[2]}"),
        columns,
        [_cells(page, table, row) for row in table.lines() if row is not table.total],
        as_of=page.s("overdue_as_of", day=short_day(day)),
        scope=asked.extent.names,
        notes=[basis(page, rate, day), *([] if table.is_sound else [page.s("report.unsound")])],
        foot=_cells(page, table, table.total),
    )
    return replace(made, name=f"{path.rpartition('/')[2]}-{day.isoformat()}")


def _cells(page: Page, table: OfficialTable, row: OfficialRow) -> Row:
    rate, change = row.figures.rate, row.change
    own = page.s("report.total") if row is table.total else label_of(page, table.question.by, row.figures)
    return (
        own,
        *(row.cells[name] for name in (*COLUMNS, *AGES)),
        rate.numerator,
        rate.denominator,
        rate.value,
        None if change is None else change.points,
        "" if change is None else f"{change.before.numerator}/{change.before.denominator}",
        page.s(f"report.rounding.{rate.rounding}", decimals=rate.decimals),
        table.question.day,
    )


async def _file(page: Page, form: TableFormat, path: str) -> Response[bytes]:
    return send(await document_of(await figures_file(page, path), form))


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


routes = [index, rates, agencies, rates_csv, rates_xlsx, agencies_csv, agencies_xlsx]
