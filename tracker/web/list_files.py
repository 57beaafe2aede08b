"""A list of assignments as a file: exactly the rows of the list, or those that were ticked, in the list's order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from litestar import Response, get

from tracker.actions.exports import ASSIGNMENT_COLUMNS, cells_of
from tracker.db import reads_web
from tracker.db.calendar import load_calendar
from tracker.db.directory import list_agencies
from tracker.documents.row_files import MEDIA_TYPES, Cell, RowFormat, open_rows
from tracker.domain.access import Verb, require
from tracker.domain.errors import Conflict, Invalid
from tracker.web import filters
from tracker.web.page import Page, open_page
from tracker.web.standing import as_of
from tracker.web.state import WebRequest
from tracker.web.work import read_look

MOST_ROWS = 5_000
"""So many rows are written while one waits; the API makes files of more as a job."""


class ListTooLong(Conflict):
    """More rows than a page's file may hold; params: size, most."""

    code = "list_too_long"


@get("/viec.xlsx", include_in_schema=False)
async def as_xlsx(request: WebRequest) -> Response[bytes]:
    """The list as a spreadsheet."""
    return await _file(await open_page(request), "xlsx")


@get("/viec.csv", include_in_schema=False)
async def as_csv(request: WebRequest) -> Response[bytes]:
    """The list as comma-separated values."""
    return await _file(await open_page(request), "csv")


async def _file(page: Page, form: RowFormat) -> Response[bytes]:
    require(page.actor, Verb.EXPORT)
    rows = await _rows(page, form)
    content = await asyncio.to_thread(_written, rows, form, page)
    name = f"nhiem-vu-{page.today:%Y-%m-%d}.{form}"
    return Response(
        content=content,
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _rows(page: Page, form: RowFormat) -> list[Sequence[Cell]]:
    """What the rows say. Raises Invalid for conditions that cannot be meant, ListTooLong."""
    calendar = await load_calendar()
    moment = as_of(page, calendar)
    known = frozenset(agency.code for agency in await list_agencies())
    read, chosen = filters.read_filter(page.query, known)
    if read.problems:
        raise Invalid(read.problems)
    ticked = filters.read_ticked(page.query_all("viec"))
    if ticked:
        # Ticked rows are meant whatever has become of them since.
        chosen = replace(chosen, ids=ticked, status="all")
    total = await reads_web.count_work(page.actor, chosen, moment)
    if total > MOST_ROWS:
        raise ListTooLong(size=total, most=MOST_ROWS)
    look = read_look(page)
    found = await reads_web.list_work(
        page.actor, chosen, moment, limit=MOST_ROWS, order=look.order, descending=look.descending
    )
    return [cells_of(row, page.now, calendar, page.language, form) for row in found]


def _written(rows: Sequence[Sequence[Cell]], form: RowFormat, page: Page) -> bytes:
    titles = [page.s(f"export.column.{column}") for column in ASSIGNMENT_COLUMNS]
    with tempfile.TemporaryDirectory(prefix="tracker-list-") as folder:
        path = Path(folder) / f"list.{form}"
        with open_rows(path, form, ASSIGNMENT_COLUMNS, titles, page.s("export.sheet.assignments")) as file:
            file.write(rows)
        return path.read_bytes()


routes = [as_xlsx, as_csv]
