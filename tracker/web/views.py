"""Lists kept under a name: the pills above a list, and the page on which one's own are put in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import views as actions
from tracker.db import reads_web
from tracker.db import saved_views as db
from tracker.db.directory import list_agencies
from tracker.db.reads_web import AsOf
from tracker.db.saved_views import KEPT_DAYS, SavedView
from tracker.domain.access import Verb, require
from tracker.domain.errors import Invalid
from tracker.web import filters
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id, real_now
from tracker.web.state import WebRequest
from tracker.web.submissions import once

PILLS = 8
"""So many views stand above a list with their counts; the rest a page of its own tells."""
_FIELDS = {"/name": "ten", "/query": "ten", "/path": "ten"}


@dataclass(frozen=True)
class Pill:
    """A view above a list; `is_first` is the one that everybody has."""

    name: str
    href: str
    count: int | None
    is_current: bool = False
    is_first: bool = False
    is_shared: bool = False


async def pills_of(page: Page, query: str | None, moment: AsOf, known: Collection[str]) -> list[Pill]:
    """The first views of this reader; `query` is the list that is shown, None where it is none."""
    if page.is_secretariat:
        first = Pill(page.s("view.today"), "/can-xu-ly", None, is_first=True)
    else:
        first = Pill(page.s("view.open"), "/viec", None, is_current=query == "", is_first=True)
    pills = [first]
    if page.is_agency or page.is_secretariat:
        # What is mine: tasks handed to me inside the agency, or that I follow at the desk.
        _, mine = filters.read_filter({"cua": filters.MINE}, known)
        own = f"cua={filters.MINE}"
        own_count = await reads_web.count_work(page.actor, mine, moment)
        pills.append(Pill(page.s("view.mine"), f"/viec?{own}", own_count, is_current=query == own))
    for view in (await db.list_views(page.actor))[:PILLS]:
        count = await _count(page, view, moment, known)
        is_current = query is not None and view.query == query
        pills.append(Pill(view.name, view.address, count, is_current, is_shared=view.is_shared))
    return pills


async def _count(page: Page, view: SavedView, moment: AsOf, known: Collection[str]) -> int | None:
    """How many rows a view holds now; None for a list that cannot be read any more."""
    form, chosen = filters.read_filter(filters.parse_query(view.query), known)
    return None if form.problems else await reads_web.count_work(page.actor, chosen, moment)


@dataclass(frozen=True)
class ViewRow:
    """A view on the page of views."""

    id: int
    name: str
    href: str
    is_own: bool
    is_shared: bool
    owner: str
    conditions: str
    deleted_at: datetime | None = None


async def _names(page: Page) -> dict[tuple[str, str], str]:
    """What a code or an id of a kept list is called."""
    names = {("co-quan", agency.code): agency.name for agency in await list_agencies()}
    if not page.is_agency:
        names |= {("nguoi-theo-doi", str(one)): name for one, name in await reads_web.list_followers()}
    return names


def _row(page: Page, view: SavedView, names: Mapping[tuple[str, str], str]) -> ViewRow:
    return ViewRow(
        view.id,
        view.name,
        view.address,
        view.owner_id == page.actor.official_id,
        view.is_shared,
        view.owner_name,
        words_of(page, view.query, names),
        view.deleted_at,
    )


def words_of(page: Page, query: str, names: Mapping[tuple[str, str], str]) -> str:
    """What a kept list holds, in words; `names` are those of codes and ids."""
    found = []
    for key, value in filters.parse_query(query).items():
        if key not in filters.CONDITIONS:
            continue
        if key == "tinh-trang":
            status = filters.status_of(value)
            value = page.s(f"filter.status.{status}") if status else value
        elif key == "vai-tro":
            part = next((name for name, word in filters.PART_WORDS.items() if word == value), "")
            value = page.s(f"list.part.{part}") if part else value
        else:
            value = names.get((key, value), value)
        found.append(page.s(f"filter.is.{key}", value=value))
    return " · ".join(found) or page.s("view.everything_open")


@get("/cach-xem", include_in_schema=False)
async def views(request: WebRequest) -> Response[bytes]:
    """Which lists have I kept?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    return await _views_page(page)


async def _views_page(page: Page) -> Response[bytes]:
    names = await _names(page)
    kept = [_row(page, view, names) for view in await db.list_views(page.actor)]
    return page.render(
        "views.html",
        own=[row for row in kept if row.is_own],
        shared=[row for row in kept if not row.is_own],
        deleted=[_row(page, view, names) for view in await db.list_deleted(page.actor)],
        kept_days=KEPT_DAYS,
    )


@post("/cach-xem", include_in_schema=False)
async def save(request: WebRequest) -> Response[bytes]:
    """Keep the list that the form stood on."""
    page = await open_page(request)
    form = await read_form(page)
    query = filters.list_query(
        given := filters.parse_query(form.text("truy-van")[: actions.LONGEST_QUERY]),
        filters.Look.read(given, [given.get("cot", "")], (), 50)
        if given.keys() & set(filters.LOOKS)
        else None,
        (),
    )

    async def work() -> str:
        view_id = await actions.save(
            page.actor, form.text("ten"), "/viec", query, form.has("dung-chung"), real_now()
        )
        return str(view_id)

    try:
        view_id = int(await once(page, form, work))
    except Invalid as error:
        form.take(error, _FIELDS)
        form.values["truy-van"] = query
        return await _form_page(page, form, None)
    view = await db.get_view(page.actor, view_id)
    return page.see(view.address, "view.saved", name=view.name)


async def _form_page(page: Page, form: Form, view: SavedView | None) -> Response[bytes]:
    page.shown_path = "/cach-xem" if view is None else f"/cach-xem/{view.id}"
    query = form.text("truy-van") if view is None else view.query
    return page.render(
        "view-form.html",
        status=422 if form.problems else 200,
        form=form,
        view=view,
        submission=new_submission(),
        query=query,
        conditions=words_of(page, query, await _names(page)),
        may_share=page.role in actions.SHARERS,
        address=f"/viec?{query}" if query else "/viec",
    )


@get("/cach-xem/{view_id:str}", include_in_schema=False)
async def edit(request: WebRequest, view_id: FromPath[str]) -> Response[bytes]:
    """Another name, or other readers?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    view = await db.get_view(page.actor, parse_id(view_id))
    values = {"ten": view.name, **({"dung-chung": "1"} if view.is_shared else {})}
    return await _form_page(page, Form(values), view)


@post("/cach-xem/{view_id:str}", include_in_schema=False)
async def change(request: WebRequest, view_id: FromPath[str]) -> Response[bytes]:
    """Change one's own view."""
    page = await open_page(request)
    form = await read_form(page)
    view = await db.get_view(page.actor, parse_id(view_id))
    try:
        changed = await actions.change(
            page.actor, view.id, form.text("ten"), None, form.has("dung-chung"), real_now()
        )
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _form_page(page, form, view)
    return page.see("/cach-xem", "view.changed", name=changed.name)


@post("/cach-xem/{view_id:str}/len", include_in_schema=False)
async def move(request: WebRequest, view_id: FromPath[str]) -> Response[bytes]:
    """Bring a view one place forward."""
    page = await open_page(request)
    await read_form(page)
    view = await actions.move_forward(page.actor, parse_id(view_id))
    return page.see("/cach-xem", "view.moved", name=view.name)


@post("/cach-xem/{view_id:str}/xoa", include_in_schema=False)
async def delete(request: WebRequest, view_id: FromPath[str]) -> Response[bytes]:
    """Delete a view; the toast and the page of views bring it back."""
    page = await open_page(request)
    await read_form(page)
    view = await actions.delete(page.actor, parse_id(view_id), real_now())
    return page.see("/cach-xem", "view.deleted", undo=f"/cach-xem/{view.id}/khoi-phuc", name=view.name)


@post("/cach-xem/{view_id:str}/khoi-phuc", include_in_schema=False)
async def restore(request: WebRequest, view_id: FromPath[str]) -> Response[bytes]:
    """Bring a deleted view back."""
    page = await open_page(request)
    await read_form(page)
    view = await actions.restore(page.actor, parse_id(view_id))
    return page.see("/cach-xem", "view.restored", name=view.name)


routes = [views, save, edit, change, move, delete, restore]
