"""Agencies: who can be charged, whom mail goes to there, who stands above and below, who carried on whose work.

Everybody may read the list; an agency's people see the contacts of their own agencies and of those below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import agencies as actions
from tracker.actions.officials import may_mend_address
from tracker.db import agencies as agencies_db
from tracker.db import mandates as mandates_db
from tracker.db import reads_api, reads_settings
from tracker.db.agencies import Contact
from tracker.db.reads_api import AgencyView
from tracker.db.reads_settings import LastLetter, Standing
from tracker.domain.access import Verb, may, require
from tracker.domain.directory import AGENCY_DUTIES, AGENCY_ROLES, AgencyKind, Duty
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.people import AgencyDraft
from tracker.domain.zone import EARLIEST_DAY, civil_day, civil_now
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id, real_now
from tracker.web.paging import last_seen, place
from tracker.web.people import agency_options
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import short_day

PAGE_ROWS = 50
_FIELDS = {
    "/code": "ma",
    "/name": "ten",
    "/short_name": "ten-tat",
    "/name_en": "ten-anh",
    "/kind": "loai",
    "/parent": "cap-tren",
    "/valid_from": "tu-ngay",
    "/valid_to": "den-ngay",
    "/source": "can-cu",
}


@dataclass(frozen=True)
class AgencyRow:
    """An agency in the list with whom mail goes to."""

    id: int
    code: str
    name: str
    kind: str
    ended_on: date | None
    contacts: tuple[Contact, ...]
    may_see: bool
    has_nobody: bool
    standing: Standing | None


@get("/co-quan", include_in_schema=False)
async def agencies(request: WebRequest) -> Response[bytes]:
    """Who can be charged, and whom does mail reach there?"""
    page = await open_page(request)
    require(page.actor, Verb.LIST)
    form = Form({key: page.query.get(key, "") for key in ("tu", "loai", "tinh-trang")})
    kind, state = form.text("loai"), form.text("tinh-trang")
    last = await last_seen(page, reads_api.get_agency_view)
    today = civil_day(page.now)
    rows = await reads_api.list_agencies_page(
        kind=kind if kind in set(AgencyKind) else None,
        on=None if state == "ca-cu" else today,
        words=form.text("tu"),
        limit=PAGE_ROWS + 1,
        after=place(last),
        with_dead_mailbox=state == "thu-hong" and not page.is_agency,
        # Where mail reaches nobody, somebody has to be found: those come before all others.
        unreached_first=not page.is_agency,
        after_reached=last is None or await _is_reached(page, last.id),
        only_unreached=state == "khong-toi" and not page.is_agency,
    )
    shown, more = rows[:PAGE_ROWS], len(rows) > PAGE_ROWS
    ids = [view.id for view in shown]
    contacts = await agencies_db.list_people_of(page.actor, ids)
    standings = {} if page.is_agency else await reads_settings.list_standings(ids, _wall(page))
    states = ("", "ca-cu") if page.is_agency else ("", "khong-toi", "thu-hong", "ca-cu")
    return page.render(
        "agencies.html",
        form=form,
        rows=[_row(page, view, contacts.get(view.id, ()), standings.get(view.id)) for view in shown],
        next_address=page.address(sau=shown[-1].id) if more else None,
        kinds=[("", page.s("agency.any_kind")), *_kinds(page)],
        states=[(value, page.word("agency.state", value or "hien-nay")) for value in states],
        may_manage=may(page.actor, Verb.MANAGE_AGENCIES),
        is_filtered=any(form.values.values()),
        reach=None if page.is_agency else await reads_settings.count_reach(today),
        is_lacking=state == "khong-toi",
    )


def _wall(page: Page) -> datetime:
    """The wall-clock instant of the page, naive, in the official zone."""
    return civil_now(page.now).replace(tzinfo=None)


async def _is_reached(page: Page, agency_id: int) -> bool:
    people = (await agencies_db.list_people_of(page.actor, [agency_id])).get(agency_id, ())
    return any(contact.duty is not None and not contact.is_dead for contact in people)


def _kinds(page: Page) -> list[tuple[str, str]]:
    return [(kind.value, page.word("agency_kind", kind)) for kind in AgencyKind]


def _may_see_people(page: Page, agency_id: int) -> bool:
    return page.actor.role not in AGENCY_ROLES or agency_id in page.actor.visible_agency_ids


def _row(page: Page, view: AgencyView, people: tuple[Contact, ...], standing: Standing | None) -> AgencyRow:
    contacts = tuple(contact for contact in people if contact.duty is not None)
    ended = view.valid_to if view.valid_to is not None and view.valid_to < civil_day(page.now) else None
    may_see = _may_see_people(page, view.id)
    has_nobody = may_see and ended is None and all(contact.is_dead for contact in contacts)
    return AgencyRow(
        view.id,
        view.code,
        view.name,
        page.word("agency_kind", view.kind),
        ended,
        contacts,
        may_see,
        has_nobody,
        standing,
    )


# -- one agency ----------------------------------------------------------------------------------------


@get("/co-quan/{agency_id:str}", include_in_schema=False)
async def agency(request: WebRequest, agency_id: FromPath[str]) -> Response[bytes]:
    """One agency: contacts, the agencies around it, who else acts for it."""
    page = await open_page(request)
    require(page.actor, Verb.READ)
    view = await reads_api.get_agency_view(parse_id(agency_id))
    may_see = _may_see_people(page, view.id)
    people = (await agencies_db.list_people_of(page.actor, [view.id])).get(view.id, ())
    today = civil_day(real_now())
    mandates = await mandates_db.list_mandates_for_agency(view.id, today) if may_see else []
    is_ended = view.valid_to is not None and view.valid_to < civil_day(page.now)
    letters = {} if page.is_agency else await reads_settings.list_last_letters([c.id for c in people])
    standings = await reads_settings.list_standings([view.id], _wall(page)) if may_see else {}
    return page.render(
        "agency.html",
        agency=view,
        kind=page.word("agency_kind", view.kind),
        family=await agencies_db.read_family(view.id),
        groups=_by_duty(page, people),
        reach=_reach(page, people, letters) if may_see and not is_ended else None,
        letters=letters,
        standing=standings.get(view.id, Standing(0, 0, 0)) if may_see else None,
        people=people,
        may_see=may_see,
        mandates=mandates,
        is_ended=is_ended,
        is_always=view.valid_from <= EARLIEST_DAY,
        may_manage=may(page.actor, Verb.MANAGE_AGENCIES),
        may_manage_people=may(page.actor, Verb.MANAGE_PEOPLE),
        mendable={c.id for c in people if c.is_dead and await may_mend_address(page.actor, c.id)},
    )


@dataclass(frozen=True)
class DutyGroup:
    """Who holds a duty at an agency; `nobody` says where the letters go when nobody does."""

    name: str
    people: tuple[Contact, ...]
    nobody: str = ""


def _by_duty(page: Page, people: tuple[Contact, ...]) -> list[DutyGroup]:
    """The duties that letters go to, whether held or not, then everybody else."""
    groups = []
    for duty in (duty for duty in Duty if duty in AGENCY_DUTIES):
        held = tuple(contact for contact in people if contact.duty == duty)
        nobody = "" if held else page.s("agency.duty_vacant")
        groups.append(DutyGroup(_opening(page.word("duty", duty)), held, nobody))
    others = tuple(contact for contact in people if contact.duty not in set(AGENCY_DUTIES))
    return [*groups, DutyGroup(page.s("agency.no_duty"), others)] if others else groups


def _opening(words: str) -> str:
    return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Reach:
    """Whether mail reaches an agency: the answer, what follows from it, and when a letter last arrived."""

    tone: str
    icon: str
    answer: str
    detail: str
    last: datetime | None


def _reach(page: Page, people: tuple[Contact, ...], letters: dict[int, LastLetter]) -> Reach:
    contacts = [contact for contact in people if contact.duty is not None]
    living = [contact for contact in contacts if not contact.is_dead]
    arrived = [at for c in contacts if c.id in letters and (at := letters[c.id].accepted_at) is not None]
    last = max(arrived, default=None)
    if not living:
        key = "agency.reach.nobody" if not contacts else "agency.reach.none"
        return Reach(
            "none", "nomail", page.s(key, count=len(contacts)), page.s("agency.reach.none_detail"), last
        )
    held = {contact.duty for contact in living}
    vacant = [page.word("duty", duty) for duty in Duty if duty in AGENCY_DUTIES and duty not in held]
    detail = page.s("agency.reach.vacant", duties=", ".join(vacant)) if vacant else ""
    if len(living) < len(contacts):
        said = page.s("agency.reach.some", count=len(living), total=len(contacts))
    else:
        said = page.s("agency.reach.all", count=len(living))
    return Reach("good", "mail", said, detail, last)


@get("/co-quan/moi", include_in_schema=False)
async def new_agency(request: WebRequest) -> Response[bytes]:
    """The empty form."""
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_AGENCIES)
    return await _show_form(page, Form({"tu-ngay": short_day(civil_day(page.now))}), None)


@get("/co-quan/{agency_id:str}/sua", include_in_schema=False)
async def edit_agency(request: WebRequest, agency_id: FromPath[str]) -> Response[bytes]:
    """The form with what stands."""
    page, view = await _open(request, agency_id)
    return await _show_form(page, _filled(view), view)


async def _open(request: WebRequest, agency_id: str) -> tuple[Page, AgencyView]:
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_AGENCIES)
    return page, await reads_api.get_agency_view(parse_id(agency_id))


def _filled(view: AgencyView) -> Form:
    return Form(
        {
            "ma": view.code,
            "ten": view.name,
            "ten-tat": view.short_name,
            "ten-anh": view.name_en,
            "loai": view.kind,
            "cap-tren": view.parent_code or "",
            "tu-ngay": short_day(view.valid_from),
            "den-ngay": short_day(view.valid_to) if view.valid_to else "",
            "can-cu": view.source,
        }
    )


async def _show_form(page: Page, form: Form, view: AgencyView | None, status: int = 200) -> Response[bytes]:
    page.shown_path = "/co-quan/moi" if view is None else f"/co-quan/{view.id}/sua"
    parents = await agency_options(page, "agency.no_parent")
    chosen = form.text("cap-tren")
    if chosen and all(value != chosen for value, _ in parents):
        # A parent that has ended still stands there.
        parents = [*parents, (chosen, chosen)]
    is_stale = view is not None and any(problem.code == StaleVersion.code for problem in form.problems)
    stale = [] if view is None or not is_stale else list(_filled(view).values.items())
    return page.render(
        "agency-form.html",
        status=status,
        agency=view,
        form=form,
        kinds=_kinds(page),
        parents=parents,
        submission=new_submission(),
        stale=[
            (page.s(f"agency.field.{name}"), value or "–")
            for name, value in stale
            if form.text(name) != value
        ],
    )


def _draft(form: Form, stands: AgencyDraft) -> AgencyDraft:
    return replace(
        stands,
        name=form.text("ten"),
        short_name=form.text("ten-tat"),
        name_en=form.text("ten-anh"),
        kind=form.text("loai"),
        parent=form.text("cap-tren") or None,
        valid_from=form.date("tu-ngay") or EARLIEST_DAY,
        valid_until=form.date("den-ngay"),
        source=form.text("can-cu"),
    )


@post("/co-quan", include_in_schema=False)
async def create(request: WebRequest) -> Response[bytes]:
    """Write an agency down."""
    page = await open_page(request)
    require(page.actor, Verb.MANAGE_AGENCIES)
    form = await read_form(page)
    draft = _draft(form, AgencyDraft(form.text("ma"), "", "", ""))
    if form.problems:
        return await _show_form(page, form, None, status=422)

    async def work() -> str:
        return str((await actions.create(page.actor, draft, page.now)).id)

    try:
        agency_id = await once(page, form, work)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_form(page, form, None, status=422)
    return page.see(f"/co-quan/{agency_id}", "notice.agency_created", name=draft.name)


@post("/co-quan/{agency_id:str}/sua", include_in_schema=False)
async def change(request: WebRequest, agency_id: FromPath[str]) -> Response[bytes]:
    """Correct an agency's names, kind, place in the tree, days."""
    page, view = await _open(request, agency_id)
    form = await read_form(page)
    draft = _draft(form, actions.draft_of(view))
    if form.problems:
        return await _show_form(page, form, view, status=422)
    try:
        changed = await actions.change(page.actor, view.id, draft, form.version(), page.now)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_form(page, form, view, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        now_stands = await reads_api.get_agency_view(view.id)
        return await _show_form(page, form, now_stands, status=409)
    return page.see(f"/co-quan/{view.id}", "notice.agency_changed", name=changed.name)


routes = [agencies, new_agency, create, agency, edit_agency, change]
