"""Directives and the tasks that came from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import groupby
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from tracker import clock
from tracker.actions import directives as actions
from tracker.db import reads_recording, reads_web
from tracker.db.assignments import Assignment
from tracker.db.calendar import load_calendar
from tracker.db.directives import Directive, get_directive, list_directives, list_tasks
from tracker.db.reads_recording import STANDINGS
from tracker.domain.access import Verb, may, require
from tracker.domain.assignments import Part
from tracker.domain.errors import Invalid, StaleVersion
from tracker.domain.recording import DIRECTIVE_KINDS
from tracker.web import submissions
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.standing import STATUS_WORDS, as_of, chip_of, due_note, summary_chips, tiles_of
from tracker.web.state import WebRequest
from tracker.web.wording import Chip
from tracker.web.work import read_after

PAGE_ROWS = 50
_TEXTS = {"issuer": "co-quan-ban-hanh", "signer": "nguoi-ky", "abstract": "trich-yeu"}
_BAR_WIDTH = 100


@dataclass(frozen=True)
class Stretch:
    """One stretch of a bar: where it begins, how long it is, what it says and which list it leads to."""

    name: str
    words: str
    count: int
    start: float
    width: float
    href: str


@dataclass(frozen=True)
class DirectiveRow:
    """A directive in the list, with how its assignments stand."""

    id: int
    number: str
    kind: str
    issued_on: date
    issuer: str
    abstract: str
    urgency: str
    tasks: int
    bar: tuple[Stretch, ...]


@get("/van-ban", include_in_schema=False)
async def directives(request: WebRequest) -> Response[bytes]:
    """The directives, newest first."""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    moment = as_of(page, await load_calendar())
    given = read_after(page.query.get("sau"))
    after = (given[0], given[1]) if given and given[0] else None
    kind = page.query.get("loai", "")
    year = page.query.get("nam", "")
    found = await list_directives(
        page.actor,
        words=page.query.get("tu", "")[:200],
        kind=kind if kind in DIRECTIVE_KINDS else "",
        year=int(year) if re.fullmatch(r"(?:19|20|21)[0-9]{2}", year) else None,
        limit=PAGE_ROWS + 1,
        after=after,
    )
    shown = found[:PAGE_ROWS]
    counts = await reads_recording.count_standing(page.actor, moment, [d.id for d in shown])
    last = shown[-1] if len(found) > PAGE_ROWS else None
    can_record = may(page.actor, Verb.RECORD_DIRECTIVE)
    return page.render(
        "directives.html",
        rows=[_row(page, d, counts.get(d.id, {})) for d in shown],
        can_record=can_record,
        has_none_yet=not page.query.keys() - {"lang"},
        is_filtered=bool({"tu", "loai", "nam"} & page.query.keys()),
        kinds=[
            ("", page.s("dirs.kind.any")),
            *((k, page.word("directive_kind", k)) for k in DIRECTIVE_KINDS),
        ],
        years=[
            ("", page.s("dirs.year.any")),
            *((str(y), str(y)) for y in await reads_recording.list_years(page.actor)),
        ],
        next_address=page.address(sau=f"{last.issued_on.isoformat()}.{last.id}") if last else None,
    )


def _row(page: Page, found: Directive, counts: Mapping[str, int]) -> DirectiveRow:
    return DirectiveRow(
        found.id,
        found.number,
        found.kind,
        found.issued_on,
        found.issuer,
        found.abstract,
        found.urgency,
        counts.get("tasks", 0),
        bar_of(page, found.number, counts),
    )


def bar_of(page: Page, number: str, counts: Mapping[str, int]) -> tuple[Stretch, ...]:
    """How the assignments of a directive stand: each count a link to exactly its rows."""
    total = sum(counts.get(name, 0) for name in STANDINGS)
    parts = []
    start = 0.0
    for name in STANDINGS:
        count = counts.get(name, 0)
        if not count:
            continue
        width = _BAR_WIDTH * count / total
        href = "/viec?" + urlencode({"van-ban": number, "tinh-trang": STATUS_WORDS[name]})
        words = page.s(f"dirs.{name}", count=page.number(count))
        parts.append(Stretch(name, words, count, round(start, 2), round(width, 2), href))
        start += width
    return tuple(parts)


# -- one directive ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TaskRow:
    """A task in its directive: who, by when, how it stands."""

    id: int
    ordinal: int
    title: str
    place: str
    field: str
    leads: str
    cooperating: str
    due_on: date | None
    due_time: time | None
    due_note: str
    standing: str
    chips: list[Chip]


@dataclass(frozen=True)
class Group:
    """Tasks that belong together, under a heading where they have one."""

    name: str
    tone: str
    icon: str
    rows: list[TaskRow]


_GROUPS = {
    "overdue": ("late", "late"),
    "due_soon": ("soon", "soon"),
    "awaiting": ("wait", "wait"),
    "on_schedule": ("", "open"),
    "done": ("", "done"),
}


@get("/van-ban/{directive_id:str}", include_in_schema=False)
async def directive(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Which tasks came from this directive?"""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    found = await get_directive(page.actor, parse_id(directive_id))
    calendar = await load_calendar()
    assignments = await reads_web.list_of_directive(page.actor, found.id)
    by_task = {key: list(rows) for key, rows in groupby(assignments, key=lambda a: a.task_id)}
    rows = []
    for task in await list_tasks(page.actor, found.id):
        own = by_task.get(task.id, [])
        leads = [a for a in own if a.part is not Part.COOPERATING] or own
        first = min(leads, key=lambda a: (a.due_on is None, a.due_on or date.max)) if leads else None
        chips = [chip_of(page, a, calendar) for a in leads]
        rows.append(
            TaskRow(
                id=task.id,
                ordinal=task.ordinal,
                title=task.short_name,
                place=task.place,
                field=task.field,
                leads=_names(page, leads),
                cooperating=_helpers(page, [a for a in own if a.part is Part.COOPERATING]),
                due_on=first.due_on if first else None,
                due_time=first.due_time if first else None,
                due_note=due_note(page, first, calendar) if first else "",
                standing=_standing(leads, chips),
                chips=chips if len(leads) == 1 else summary_chips(page, leads, calendar),
            )
        )
    counts = await reads_web.count_open(page.actor, as_of(page, calendar), found.id)
    names = ("overdue", "due_soon", "on_schedule", "awaiting", "done")
    is_by_standing = page.query.get("xep") == "tinh-trang"
    return page.render(
        "directive.html",
        d=found,
        groups=_by_standing(page, rows) if is_by_standing else _by_field(rows),
        is_by_standing=is_by_standing,
        count=len(rows),
        can_record=may(page.actor, Verb.RECORD_DIRECTIVE),
        tiles=tiles_of(page, counts, names, "/viec", query={"van-ban": found.number}),
    )


def _standing(leads: Sequence[Assignment], chips: Sequence[Chip]) -> str:
    """Where a task belongs by the worst of its leads."""
    tones = {chip.tone for chip in chips}
    for name, (tone, _) in _GROUPS.items():
        if tone and tone in tones:
            return name
    is_over = leads and all(a.state in ("confirmed", "withdrawn", "transferred", "superseded") for a in leads)
    return "done" if is_over else "on_schedule"


def _by_standing(page: Page, rows: Sequence[TaskRow]) -> list[Group]:
    found = []
    for name, (tone, icon) in _GROUPS.items():
        own = [row for row in rows if row.standing == name]
        if own:
            found.append(Group(page.s(f"filter.status.{name}"), tone, icon, own))
    return found


def _by_field(rows: Sequence[TaskRow]) -> list[Group]:
    """In the order of the document, under the headings the document has."""
    groups = [Group(name, "", "", list(own)) for name, own in groupby(rows, key=lambda row: row.field)]
    return groups if len(groups) > 1 else [Group("", "", "", list(rows))]


def _names(page: Page, rows: Sequence[Assignment], most: int = 3) -> str:
    """The agencies by name; a whole class is counted."""
    if len(rows) > most:
        return page.s("dir.agencies", first=rows[0].agency_short_name, count=len(rows) - 1)
    return ", ".join(a.agency_short_name for a in rows)


def _helpers(page: Page, rows: Sequence[Assignment]) -> str:
    return page.s("dir.with", names=_names(page, rows)) if rows else ""


# -- correcting its words --------------------------------------------------------------------------------


@get("/van-ban/{directive_id:str}/sua", include_in_schema=False)
async def edit_form(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Which words of the directive were recorded wrongly?"""
    page = await open_page(request)
    found = await get_directive(page.actor, parse_id(directive_id))
    require(page.actor, Verb.RECORD_DIRECTIVE)
    form = Form({name: getattr(found, field) for field, name in _TEXTS.items()})
    return _show_edit(page, found, form, None)


@post("/van-ban/{directive_id:str}/sua", include_in_schema=False)
async def edit(request: WebRequest, directive_id: FromPath[str]) -> Response[bytes]:
    """Correct the words of the directive; the change stands in its history."""
    page = await open_page(request)
    found = await get_directive(page.actor, parse_id(directive_id))
    require(page.actor, Verb.RECORD_DIRECTIVE)
    form = await read_form(page)
    changes = {field: form.text(name) for field, name in _TEXTS.items()}

    async def work() -> str:
        await actions.edit(page.actor, found.id, changes, form.version(), clock.utc_now())
        return str(found.id)

    try:
        await submissions.once(page, form, work)
    except StaleVersion:
        return _show_edit(page, found, form, found)
    except Invalid as refused:
        form.take(refused, {f"/{field}": name for field, name in _TEXTS.items()})
        return _show_edit(page, found, form, None)
    return page.see(f"/van-ban/{found.id}", "dirs.edited", number=found.number)


def _show_edit(page: Page, found: Directive, form: Form, stands: Directive | None) -> Response[bytes]:
    page.shown_path = f"/van-ban/{found.id}/sua"
    return page.render(
        "directive-edit.html",
        status=409 if stands else 422 if form.problems else 200,
        d=found,
        form=form,
        stands=stands,
        submission=new_submission(),
    )


routes = [directives, directive, edit_form, edit]
