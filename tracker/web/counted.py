"""The list behind a figure: which assignments it counts, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from litestar import Response, get

from tracker.actions.overview import due_this_week
from tracker.actions.standing import status_now
from tracker.actions.statistics import page_behind
from tracker.actions.tables import KINDS
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.statistics import Figure
from tracker.documents.tables_model import Column, Row, Table, TableTooLong
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Fine, Status
from tracker.domain.errors import Invalid
from tracker.domain.workdays import WorkCalendar
from tracker.web.downloads import table_at_hand
from tracker.web.figures import GROUPS, INDEX, LIST, Asked, read_asked, refuse, spread
from tracker.web.page import Page, open_page
from tracker.web.standing import chip, chip_of, path_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip

THIS_WEEK = "tuan-nay"
PAGE_ROWS = 50
MOST_TAKEN = 5_000
"""Rows of a file, which is made while one waits."""
_MOST_DUE = 1000
NAMED = 2
"""So many agencies are named above a list; the rest are counted."""


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
    query = spread(page.query)
    group = query.get("nhom", "tong-so")
    is_live = "ngay" not in query
    asked = await read_asked(page)
    if group not in GROUPS and group != THIS_WEEK:
        asked.form.refuse("nhom", "not_a_choice", allowed=", ".join((*GROUPS, THIS_WEEK)))
        group = "tong-so"
    if is_live:
        asked = replace(asked, question=replace(asked.question, as_of=page.now))
    place = _place(page)
    total, shown = 0, list[tuple[Assignment, Status | None]]()
    if not asked.form.problems:
        try:
            total, shown = await _counted(page, asked, group, query.get("khoa"), place * PAGE_ROWS, PAGE_ROWS)
        except Invalid as error:
            refuse(asked, error)
    calendar = await load_calendar()
    day = asked.question.day
    return page.render(
        "counted.html",
        status=422 if asked.form.problems else 200,
        form=asked.form,
        title=page.s(f"report.group.{group}"),
        scope=_scope(page, asked.extent.names),
        cut_off=page.t("report.live", moment=page.clock_words)
        if is_live
        else page.t("report.to_end_of", day=page.long_day(day)),
        total=page.number(total),
        rows=[_row(page, row, status, calendar, is_live) for row, status in shown],
        first=page.number(place * PAGE_ROWS + 1),
        last=page.number(place * PAGE_ROWS + len(shown)),
        previous=page.address(trang=place if place > 1 else None) if place else None,
        next=page.address(trang=place + 2) if total > (place + 1) * PAGE_ROWS else None,
        back=INDEX if not page.is_agency else page.home,
    )


async def counted_file(page: Page) -> Table:
    """The list behind a figure, all of it. Raises Invalid, TableTooLong."""
    require(page.actor, Verb.EXPORT)
    query = spread(page.query)
    group = query.get("nhom", "tong-so")
    is_live = "ngay" not in query
    asked = await read_asked(page)
    if group not in GROUPS and group != THIS_WEEK:
        asked.form.refuse("nhom", "not_a_choice", allowed=", ".join((*GROUPS, THIS_WEEK)))
    if asked.form.problems:
        raise Invalid(asked.form.problems)
    if is_live:
        asked = replace(asked, question=replace(asked.question, as_of=page.now))
    total, found = await _counted(page, asked, group, query.get("khoa"), 0, MOST_TAKEN)
    if total > MOST_TAKEN:
        raise TableTooLong(size=total, most=MOST_TAKEN)
    calendar = await load_calendar()
    rows: list[Row] = []
    for row, told in found:
        status = told or status_now(row, page.now, calendar)
        rows.append(
            (
                page.s("mail.restricted") if row.restricted else row.short_name,
                row.agency_name,
                row.directive_number,
                row.directive_issued_on,
                row.due_on if told is None else told.due_on,
                page.s(f"export.status.{status.fine.value}"),
                status.days_late,
            )
        )
    keys = ("task", "agency", "directive", "issued_on", "due_on", "status", "days_late")
    day = asked.question.day
    return table_at_hand(
        page,
        "danh-sach",
        page.s(f"report.group.{group}"),
        [Column(key, page.s(f"export.column.{key}"), KINDS.get(key, "text")) for key in keys],
        rows,
        as_of="" if is_live else page.s("overdue_as_of", day=f"{day:%d/%m/%Y}"),
        scope=asked.extent.names,
    )


def _scope(page: Page, names: Sequence[str]) -> str:
    """Which agencies a list is about: the first by name, the rest as a count."""
    named = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return page.s("overview.and_more", names=named, count=page.number(more)) if more > 0 else named


def _place(page: Page) -> int:
    """Which page of the list, from 0."""
    given = page.query.get("trang", "")
    return max(int(given) - 1, 0) if given.isascii() and given.isdigit() and len(given) < 7 else 0


async def _counted(
    page: Page, asked: Asked, group: str, key: str | None, first: int, most: int
) -> tuple[int, list[tuple[Assignment, Status | None]]]:
    """How many a figure counts, and those from place `first` on by their deadline, the oldest first."""
    question = asked.question
    if group == THIS_WEEK:
        due = await due_this_week(page.actor, question.agency_codes, page.now, _MOST_DUE)
        return len(due), [(row, None) for row in due[first : first + most]]
    figure = Figure(GROUPS[group])
    if key is not None:
        figure = replace(figure, head=question.by, key=key)
    found = await page_behind(page.actor, question, figure, first, most, today=page.today)
    return found.total, list(found.rows)


def _row(
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


routes = [behind]
