"""Sessions where an agency works anyway: on its first page, and on the page of a task that they are about."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from tracker.db import reads_inspections
from tracker.db.assignments import Assignment
from tracker.web.page import Page


@dataclass(frozen=True)
class ToDo:
    """A session to come in a sentence, and where it leads."""

    words: Markup
    href: str
    action: str
    title: str


async def coming(page: Page) -> list[ToDo]:
    """What an agency's first page says of the sessions that inspect it."""
    if not page.is_agency:
        return []
    told = []
    for one in await reads_inspections.list_coming(page.actor, page.today):
        title = Markup("<span{}>“{}”</span>").format(page.vi, one.title)
        if one.owed and one.explain_by is not None:
            late = one.explain_by < page.today
            words = page.t(
                "insp.todo_late" if late else "insp.todo_owed",
                title=title,
                day=page.long_day(one.held_on),
                count=page.number(one.owed),
                until=page.long_day(one.explain_by),
            )
            action = page.s("insp.explain")
        else:
            words = page.t("insp.todo_coming", title=title, day=page.long_day(one.held_on))
            action = page.s("insp.todo_open")
        told.append(ToDo(words, f"/kiem-tra/{one.id}", action, one.title))
    return told


async def sessions_about(page: Page, row: Assignment) -> Markup:
    """Links to the sessions that asked about an assignment or froze it; empty where there is none."""
    links = [
        Markup('<a href="/kiem-tra/{}"{}>{}</a>, {}').format(found, page.vi, title, page.day(held_on))
        for found, title, held_on in await reads_inspections.list_sessions_about(page.actor, row.id)
    ]
    return Markup("<br>").join(links)


async def origin_of(page: Page, row: Assignment) -> Markup:
    """The task that a session gave this one for; empty where no session gave it."""
    found = await reads_inspections.find_origin(page.actor, row.task_id)
    if found is None:
        return Markup("")
    where = f"/viec/{found.task_id}/{quote(found.agency_code, safe='')}"
    return Markup('<a href="{}"{}>{}</a>').format(where, page.vi, found.title)
