"""One task: its agencies side by side, and whether it is clear in all six ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Response, get
from litestar.params import FromPath
from markupsafe import Markup

from tracker.db.assignments import Assignment, list_for_task
from tracker.db.calendar import load_calendar
from tracker.db.directives import Directive, Task, get_directive, get_task
from tracker.db.directory import get_officials, list_contacts
from tracker.domain.access import Verb, require
from tracker.domain.assignments import Part
from tracker.domain.directory import Duty
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import burning_first, summary_chips, work_row
from tracker.web.state import WebRequest
from tracker.web.wording import short_day
from tracker.words import render_words


@dataclass(frozen=True)
class Clear:
    """One of the six: what is clear, or that it is missing."""

    name: str
    text: str | Markup
    note: str = ""
    is_missing: bool = False


@get("/viec/{task_id:str}", include_in_schema=False)
async def task(request: WebRequest, task_id: FromPath[str]) -> Response[bytes]:
    """How does it stand, agency by agency?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await get_task(page.actor, parse_id(task_id))
    directive = await get_directive(page.actor, found.directive_id)
    rows = await list_for_task(page.actor, found.id)
    calendar = await load_calendar()
    return page.render(
        "task.html",
        task=found,
        directive=directive,
        rows=[work_row(page, row, calendar) for row in burning_first(page, rows, calendar)],
        chips=summary_chips(page, rows, calendar),
        six=await six_clear(page, found, directive, rows),
    )


async def six_clear(page: Page, found: Task, directive: Directive, rows: Sequence[Assignment]) -> list[Clear]:
    """Person, work, responsibility, authority, time, result: as recorded, or named as missing."""
    agencies = {row.agency_id: row.agency_short_name for row in rows}
    contacts = await list_contacts(list(agencies))
    reachable = {
        key for key, people in contacts.items() if any(Duty.FOCAL in person.duties for person in people)
    }
    without = [name for key, name in agencies.items() if key not in reachable]
    people = page.s("six.person.text", count=len(agencies) - len(without), total=len(agencies))
    leads = [row.agency_short_name for row in rows if row.part is not Part.COOPERATING]
    helpers = [row.agency_short_name for row in rows if row.part is Part.COOPERATING]
    officer = None
    if found.secretariat_officer_id is not None:
        officer = (await get_officials([found.secretariat_officer_id])).get(found.secretariat_officer_id)
    return [
        Clear(
            page.s("six.person"),
            people,
            page.s("six.person.missing", names=_some(page, without)) if without else "",
            bool(without),
        ),
        Clear(page.s("six.work"), found.short_name),
        Clear(
            page.s("six.duty"),
            page.s("six.duty.lead", names=_some(page, leads)) if leads else page.s("six.missing"),
            page.s("six.duty.with", names=_some(page, helpers)) if helpers else "",
            not leads,
        ),
        Clear(
            page.s("six.authority"),
            page.s("six.authority.text", issuer=directive.issuer),
            page.s("six.authority.officer", name=officer.name) if officer else "",
        ),
        _time(page, found, rows),
        Clear(page.s("six.result"), found.product or page.s("six.missing"), is_missing=not found.product),
    ]


def _time(page: Page, found: Task, rows: Sequence[Assignment]) -> Clear:
    first = next((row for row in rows if row.part is not Part.COOPERATING), rows[0] if rows else None)
    phrase = found.deadline_phrase
    if first is not None and first.due_on is not None and phrase == short_day(first.due_on):
        phrase = ""
    quoted = page.s("six.time.phrase", phrase=phrase) if phrase else ""
    if first is None or first.due_on is None:
        is_missing = first is None or first.due_kind == "none"
        words = quoted or page.s("six.missing")
        return Clear(page.s("six.time"), words, computation(page, first) if first else "", is_missing)
    when = page.long_day(first.due_on)
    if first.due_time is not None:
        when = page.t("due.by_hour", time=page.clock(first.due_time), day=when)
    note = " ".join(part for part in (quoted, computation(page, first)) if part)
    return Clear(page.s("six.time"), page.t("due.until", day=when), note)


def computation(page: Page, row: Assignment) -> str:
    """How the date was found, in words; empty where nothing was computed."""
    return render_words(row.due_words, page.language)


def _some(page: Page, names: Sequence[str], most: int = 4) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return page.s("names.more", names=", ".join(names[:most]), count=len(names) - most)


routes = [task]
