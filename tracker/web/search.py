"""One search: a number, words, an agency without diacritics; what is found with the words marked, best first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlencode

from litestar import Response, get
from markupsafe import Markup, escape

from tracker.db import reads_search as db
from tracker.db.calendar import load_calendar
from tracker.domain.access import Verb, may, require
from tracker.domain.search import excerpt, found_spans, query_words
from tracker.domain.workdays import WorkCalendar
from tracker.web.page import Page, open_page
from tracker.web.standing import chip_of, due_note
from tracker.web.state import WebRequest
from tracker.web.wording import Chip

LONGEST = 200
_TASKS, _DIRECTIVES, _AGENCIES, _PEOPLE = 10, 5, 5, 5


def marked(text: str, words: list[str]) -> Markup:
    """The text, escaped, with the beginnings of words that were looked for between `<mark>` and `</mark>`.

    >>> str(marked("Bộ Y tế & Bộ", ["bo"]))
    '<mark>Bộ</mark> Y tế &amp; <mark>Bộ</mark>'
    """
    parts: list[Markup] = []
    at = 0
    for start, end in found_spans(text, words):
        parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    return Markup("").join([*parts, escape(text[at:])])


@dataclass(frozen=True)
class TaskHit:
    """A task that was found, with how it stands at the foremost of its agencies."""

    href: str
    name: Markup
    words: Markup
    agency: Markup
    others: str
    directive: Markup
    due_on: date | None
    due_note: str
    chip: Chip


@dataclass(frozen=True)
class Hit:
    """A directive, an agency or a person that was found; `more` leads to the tasks behind it."""

    href: str
    name: Markup
    note: Markup
    more: str = ""
    more_href: str = ""


@get("/tim", include_in_schema=False)
async def search(request: WebRequest) -> Response[bytes]:
    """Where is it?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    asked = " ".join(page.query.get("q", "")[:LONGEST].split())
    words = query_words(asked)
    agencies = await db.search_agencies(page.actor, asked, limit=_AGENCIES)
    directives = await db.search_directives(page.actor, asked, limit=_DIRECTIVES)
    # Who names an agency is led to its list; tasks that merely go to it would hide those that speak of it.
    tasks = await db.search_tasks(page.actor, asked, limit=_TASKS, across=not agencies)
    people = await db.search_people(page.actor, asked, limit=_PEOPLE)
    calendar = await load_calendar()
    return page.render(
        "search.html",
        asked=asked,
        tasks=[_task(page, found, words, calendar) for found in tasks],
        all_tasks="/viec?" + urlencode({"tinh-trang": "tat-ca", "tu": asked}) if len(tasks) == _TASKS else "",
        directives=[_directive(page, found, words) for found in directives],
        agencies=[_agency(page, found, words) for found in agencies],
        people=[_person(page, found, words) for found in people],
        found=len(tasks) + len(directives) + len(agencies) + len(people),
        has_words=bool(words),
        # A number first is what is looked for first.
        directives_first=asked[:1].isdigit(),
    )


def _task(page: Page, found: db.FoundTask, words: list[str], calendar: WorkCalendar) -> TaskHit:
    row = found.foremost
    one = found.agencies == 1
    return TaskHit(
        href=f"/viec/{found.id}" + (f"/{quote(row.agency_code, safe='')}" if one else ""),
        name=marked(found.short_name, words),
        words=marked(excerpt(found.full_text, words, 220), words)
        if found.full_text.strip() != found.short_name.strip()
        else Markup(""),
        agency=marked(row.agency_name, words),
        others="" if one else page.s("search.others", count=page.number(found.agencies - 1)),
        directive=marked(row.directive_number, words),
        due_on=row.due_on,
        due_note=due_note(page, row, calendar),
        chip=chip_of(page, row, calendar),
    )


def _directive(page: Page, found: db.FoundDirective, words: list[str]) -> Hit:
    return Hit(
        f"/van-ban/{found.id}",
        marked(found.number, [*words, "".join(words)]),
        Markup("{}, {} · {}").format(
            found.issuer, page.day(found.issued_on), marked(excerpt(found.abstract, words, 160), words)
        ),
    )


def _agency(page: Page, found: db.FoundAgency, words: list[str]) -> Hit:
    ended = page.s("search.ended") if found.valid_to is not None and found.valid_to < page.today else ""
    note = Markup(" · ").join([*([escape(ended)] if ended else []), marked(found.code, words)])
    if not found.open:
        return Hit(f"/co-quan/{found.id}", marked(found.name, words), note)
    return Hit(
        f"/co-quan/{found.id}",
        marked(found.name, words),
        note,
        page.s("search.open", count=page.number(found.open)),
        "/viec?" + urlencode({"co-quan": found.code}),
    )


def _person(page: Page, found: db.FoundPerson, words: list[str]) -> Hit:
    is_manager = may(page.actor, Verb.MANAGE_PEOPLE)
    agency = f"/co-quan/{found.agency_id}" if found.agency_id is not None else ""
    note = [marked(text, words) for text in (found.position, found.agency) if text]
    return Hit(
        f"/nguoi/{found.id}" if is_manager else agency,
        marked(found.full_name, words),
        Markup(" · ").join(note),
    )


routes = [search]
