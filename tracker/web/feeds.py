"""One's own calendar links: made, shown once, revoked; and an honest word on how fresh they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import feeds as actions
from tracker.db import reads_web
from tracker.db.directory import list_agencies
from tracker.db.feeds import Feed
from tracker.domain.directory import AGENCY_ROLES
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.domain.zone import civil_day
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id
from tracker.web.qr import drawing
from tracker.web.state import WebRequest

PATH = "/lich/dang-ky"
_ALARMS = (0, 1, 3, 7)


@dataclass(frozen=True)
class FeedView:
    """A link in the list."""

    id: int
    name: str
    hint: str
    scope: str
    options: str
    holds: str
    created_on: date
    used_at: datetime | None
    used_by: str
    is_revoked: bool


@dataclass(frozen=True)
class MadeView:
    """A fresh address: the only time that it is seen; `is_new` link, or another address of one."""

    name: str
    is_new: bool
    address: str
    webcal: str
    qr: Markup


@dataclass(frozen=True)
class Program:
    """How to subscribe in one calendar program, and how soon it reads again."""

    name: str
    fresh: str
    setting: str
    steps: list[str]


_PROGRAMS = ("google", "outlook", "apple", "thunderbird")


@get(PATH, include_in_schema=False)
async def feeds(request: WebRequest) -> Response[bytes]:
    """What do I subscribe to?"""
    page = await open_page(request)
    return await _show(page, Form({"ca-da-huy": "1"}))


async def _show(page: Page, form: Form, made: MadeView | None = None, status: int = 200) -> Response[bytes]:
    page.shown_path = PATH
    actor = page.actor
    is_agency = actor.role in AGENCY_ROLES
    scopes = [*(["own_agency"] if is_agency else ["all", "agencies"]), "sessions"]
    agencies = [] if is_agency else await reads_web.list_agency_choices(actor)
    own = await actions.list_own(actor)
    names = {agency.id: agency.name for agency in await list_agencies()} if own else {}
    return page.render(
        "feeds.html",
        status=status,
        form=form,
        made=made,
        feeds=[_view(page, feed, names) for feed in own if feed.revoked_at is None],
        ended=[_view(page, feed, names) for feed in own if feed.revoked_at is not None],
        programs=[
            Program(
                page.s(f"feeding.{code}"),
                page.s(f"feeding.{code}.fresh"),
                page.s(f"feeding.{code}.set"),
                [page.s(f"feeding.{code}.{n}") for n in (1, 2, 3)],
            )
            for code in _PROGRAMS
        ],
        scopes=[(scope, page.s(f"feed.scope.{scope}")) for scope in scopes],
        agencies=agencies,
        alarms=[("", page.s("feed.alarm.none"))]
        + [(str(n), page.days("feed.alarm.days", n)) for n in _ALARMS if n],
        submission=new_submission(),
    )


def _holds(page: Page, feed: Feed, names: dict[int, str]) -> str:
    """Which tasks are in it: the agencies by name, one's own by its name too."""
    if feed.scope == "agencies":
        return ", ".join(names[i] for i in feed.agency_ids if i in names)
    if feed.scope == "own_agency" and page.visitor is not None:
        return page.visitor.agency_name
    return page.s(f"feed.scope.{feed.scope}")


def _view(page: Page, feed: Feed, names: dict[int, str]) -> FeedView:
    options = []
    if feed.alarm_days:
        days = ", ".join(str(n) for n in feed.alarm_days)
        key = "feed.option.alarm.one" if days == "1" else "feed.option.alarm"
        options.append(page.s(key, days=days))
    if feed.with_cancelled:
        options.append(page.s("feed.option.cancelled"))
    if feed.consolidated:
        options.append(page.s("feed.option.consolidated"))
    return FeedView(
        feed.id,
        feed.name,
        feed.token_hint,
        page.s(f"feed.scope.{feed.scope}"),
        " · ".join(options),
        _holds(page, feed, names),
        civil_day(feed.created_at),
        feed.last_used_at,
        feed.last_user_agent,
        feed.revoked_at is not None,
    )


@post(PATH, include_in_schema=False)
async def make(request: WebRequest) -> Response[bytes]:
    """Make a link. Its address is in this answer and nowhere else, so there is no redirect."""
    page = await open_page(request)
    form = await read_form(page, repeatable=frozenset({"co-quan"}))
    name = form.required("ten", "form_name_needed")
    scope = form.text("pham-vi") or ("own_agency" if page.is_agency else "")
    codes = form.many("co-quan") if scope == "agencies" else []
    if scope == "agencies" and not codes:
        form.refuse("co-quan", "form_agency_needed")
    by_code = {agency.code: agency.id for agency in await list_agencies()}
    days = form.text("nhac-truoc")
    if form.problems:
        return await _show(page, form, status=422)
    new = actions.NewFeed(
        actions.FeedChoices(
            name=name,
            language=page.language,
            alarm_days=[int(days)] if days in {str(n) for n in _ALARMS} else [],
            with_cancelled=form.has("ca-da-huy"),
            consolidated=form.has("gop"),
        ),
        scope=scope,
        agency_ids=[by_code.get(code, 0) for code in codes],
    )
    try:
        made = await actions.create(page.actor, new, page.now)
    except Invalid as error:
        form.take(error, {"/name": "ten", "/scope": "pham-vi", "": "co-quan"})
        return await _show(page, form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, form, status=409)
    return await _show(page, Form({"ca-da-huy": "1"}), _made(made, is_new=True), status=201)


def _made(made: actions.Made, *, is_new: bool) -> MadeView:
    webcal = "webcal://" + made.url.partition("://")[2]
    return MadeView(made.feed.name, is_new, made.url, webcal, drawing(made.url))


@post(PATH + "/{feed_id:str}/thu-hoi", include_in_schema=False)
async def revoke(request: WebRequest, feed_id: FromPath[str]) -> Response[bytes]:
    """End a link at once."""
    page = await open_page(request)
    await read_form(page)
    await actions.revoke(page.actor, parse_id(feed_id), page.now)
    return page.see(PATH, "notice.feed_revoked")


@post(PATH + "/{feed_id:str}/doi-dia-chi", include_in_schema=False)
async def rotate(request: WebRequest, feed_id: FromPath[str]) -> Response[bytes]:
    """Another address for a link: the old one ends, the new one is in this answer and nowhere else."""
    page = await open_page(request)
    await read_form(page)
    try:
        made = await actions.rotate(page.actor, parse_id(feed_id), page.now)
    except actions.FeedRevoked as error:
        ended = Form({"ca-da-huy": "1"}, problems=[Problem("", error.code, None, error.params)])
        return await _show(page, ended, status=409)
    return await _show(page, Form({"ca-da-huy": "1"}), _made(made, is_new=False), status=201)


routes = [feeds, make, revoke, rotate]
