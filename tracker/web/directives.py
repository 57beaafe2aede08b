"""Directives and the tasks that came from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from itertools import groupby

from litestar import Response, get
from litestar.params import FromPath

from tracker.db import reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directives import get_directive, list_tasks
from tracker.domain.access import Verb, may, require
from tracker.domain.assignments import Part
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import as_of, chip_of, due_note, summary_chips, tiles_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip
from tracker.web.work import read_after

PAGE_ROWS = 50


@get("/van-ban", include_in_schema=False)
async def directives(request: WebRequest) -> Response[bytes]:
    """The directives, newest first."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    moment = as_of(page, await load_calendar())
    given = read_after(page.query.get("sau"))
    after = (given[0], given[1]) if given and given[0] else None
    words = page.query.get("tu", "")[:200]
    rows = await reads_web.list_directive_rows(
        page.actor, moment, words=words, limit=PAGE_ROWS + 1, after=after
    )
    shown = rows[:PAGE_ROWS]
    last = shown[-1] if len(rows) > PAGE_ROWS else None
    return page.render(
        "directives.html",
        rows=shown,
        has_none_yet=not page.query.keys() - {"lang"} and may(page.actor, Verb.RECORD_DIRECTIVE),
        next_address=page.address(sau=f"{last.issued_on.isoformat()}.{last.id}") if last else None,
    )


@dataclass(frozen=True)
class TaskRow:
    """A task in its directive: who, by when, how it stands."""

    id: int
    ordinal: int
    title: str
    place: str
    leads: str
    cooperating: str
    due_on: date | None
    due_time: time | None
    due_note: str
    chips: list[Chip]


@get("/van-ban/{directive_id:str}", include_in_schema=False)
async def directive(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Which tasks came from this directive?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await get_directive(page.actor, parse_id(directive_id))
    calendar = await load_calendar()
    tasks = {task.id: task for task in await list_tasks(page.actor, found.id)}
    assignments = await reads_web.list_of_directive(page.actor, found.id)
    by_task = {key: list(rows) for key, rows in groupby(assignments, key=lambda a: a.task_id)}
    rows = []
    for task in tasks.values():
        own = by_task.get(task.id, [])
        leads = [a for a in own if a.part is not Part.COOPERATING] or own
        first = min(leads, key=lambda a: (a.due_on is None, a.due_on or date.max)) if leads else None
        rows.append(
            TaskRow(
                id=task.id,
                ordinal=task.ordinal,
                title=task.short_name,
                place=task.place,
                leads=_names(page, leads),
                cooperating=_helpers(page, [a for a in own if a.part is Part.COOPERATING]),
                due_on=first.due_on if first else None,
                due_time=first.due_time if first else None,
                due_note=due_note(page, first, calendar) if first else "",
                chips=[chip_of(page, leads[0], calendar)]
                if len(leads) == 1
                else summary_chips(page, leads, calendar),
            )
        )
    counts = await reads_web.count_open(page.actor, as_of(page, calendar), found.id)
    names = ("overdue", "due_soon", "on_schedule", "awaiting", "done")
    return page.render(
        "directive.html",
        d=found,
        rows=rows,
        tiles=tiles_of(page, counts, names, "/viec", query={"van-ban": found.number}),
    )


def _names(page: Page, rows: list[Assignment], most: int = 3) -> str:
    """The agencies by name; a whole class is counted."""
    if len(rows) > most:
        return page.s("dir.agencies", first=rows[0].agency_short_name, count=len(rows) - 1)
    return ", ".join(a.agency_short_name for a in rows)


def _helpers(page: Page, rows: list[Assignment]) -> str:
    return page.s("dir.with", names=_names(page, rows)) if rows else ""


routes = [directives, directive]
