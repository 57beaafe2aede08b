"""People: who is written down, with which role, agency and duty; invited, switched off, acting for others.

Administrators only. What a person sets of themselves is on their own page (web/me.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath
from markupsafe import Markup

from tracker.actions import accounts
from tracker.actions import mandates as mandate_actions
from tracker.actions import officials as actions
from tracker.db import accounts as accounts_db
from tracker.db import mandates as mandates_db
from tracker.db import people as people_db
from tracker.db import reads_api, reads_settings
from tracker.db.directory import find_official, list_agencies
from tracker.db.mandates import Mandate
from tracker.db.reads_api import OfficialView
from tracker.domain.access import Verb, may, require
from tracker.domain.directory import AGENCY_ROLES, Duty, Role
from tracker.domain.errors import Conflict, Invalid, Problem, StaleVersion
from tracker.domain.people import PersonDraft
from tracker.domain.zone import civil_day
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, local_path, open_page, parse_id, real_now
from tracker.web.paging import last_seen, place
from tracker.web.state import WebRequest
from tracker.web.submissions import once
from tracker.web.wording import moment, short_day

PAGE_ROWS = 50
_STATES: dict[str, tuple[bool | None, str | None]] = {
    "": (True, None),
    "da-khoa": (False, None),
    "thu-hong": (True, "dead"),
    "tat-ca": (None, None),
}
_FIELDS = {
    "/name": "ten",
    "/position": "chuc-vu",
    "/email": "thu",
    "/role": "vai-tro",
    "/agency": "co-quan",
    "/duty": "nhiem-vu",
    "/contact_order": "thu-tu",
    "/language": "ngon-ngu",
    "/absence/absent_from": "vang-tu",
    "/absence/absent_to": "vang-den",
    "/deputy_id": "nguoi-thay",
}
_MANDATE_FIELDS = {
    "/agency": "lam-thay",
    "/on_behalf_of": "thay-nguoi",
    "/valid_from": "tu-ngay",
    "/valid_to": "den-ngay",
    "/document": "can-cu",
}
Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PersonRow:
    """A person in the list."""

    id: int
    name: str
    position: str
    email: str
    role: str
    duty: str
    agency: str
    is_active: bool
    is_dead: bool


@dataclass(frozen=True)
class MandateView:
    """A mandate of a person, in words."""

    id: int
    agency: str
    principal: str
    valid_from: date
    valid_to: date | None
    document: str
    state: str
    is_in_force: bool
    can_end: bool


def administrators_only(page: Page) -> None:
    """Pass for who manages people. Raises SignInNeeded, NotPermitted."""
    require(page.actor, Verb.MANAGE_PEOPLE)


# -- the list ------------------------------------------------------------------------------------------


@get("/nguoi", include_in_schema=False)
async def people(request: WebRequest) -> Response[bytes]:
    """Who is written down?"""
    page = await open_page(request)
    administrators_only(page)
    form = Form({key: page.query.get(key, "") for key in ("tu", "co-quan", "vai-tro", "tinh-trang")})
    is_active, mailbox = _STATES.get(form.text("tinh-trang"), (True, None))
    code = form.text("co-quan")
    rows = await reads_api.list_officials_page(
        page.actor,
        agency_id=(await reads_api.find_agency_id(code) or 0) if code else None,
        words=form.text("tu"),
        limit=PAGE_ROWS + 1,
        after=await _after(page),
        role=form.text("vai-tro") if form.text("vai-tro") in set(Role) else None,
        is_active=is_active,
        mailbox=mailbox,
    )
    shown, more = rows[:PAGE_ROWS], len(rows) > PAGE_ROWS
    return page.render(
        "people.html",
        form=form,
        rows=[_row(page, view) for view in shown],
        next_address=page.address(sau=shown[-1].id) if more else None,
        agencies=await agency_options(page, "filter.any_agency"),
        roles=_roles(page, "people.any_role"),
        states=[(state, page.word("people.state", state or "dang-lam")) for state in _STATES],
        is_filtered=any(form.values.values()),
    )


async def _after(page: Page) -> tuple[str, int] | None:
    async def get_person(official_id: int) -> OfficialView:
        return await reads_api.get_official_view(page.actor, official_id)

    return place(await last_seen(page, get_person))


def _row(page: Page, view: OfficialView) -> PersonRow:
    return PersonRow(
        view.id,
        view.full_name,
        view.position,
        view.email,
        page.word("role", view.role),
        page.word("duty", view.duty) if view.duty else "",
        view.agency_name or "",
        view.is_active,
        view.mailbox == "dead",
    )


async def agency_options(page: Page, first: str) -> Options:
    """The agencies that exist today, by code, after a line of no choice."""
    today = civil_day(page.now)
    standing = [agency for agency in await list_agencies() if agency.is_valid_on(today)]
    return [("", page.s(first)), *((agency.code, agency.name) for agency in standing)]


def _roles(page: Page, first: str) -> Options:
    return [("", page.s(first)), *((role.value, page.word("role", role)) for role in Role)]


# -- a new person --------------------------------------------------------------------------------------


@get("/nguoi/moi", include_in_schema=False)
async def new_person(request: WebRequest) -> Response[bytes]:
    """The empty form; `?co-quan=` fills in the agency."""
    page = await open_page(request)
    administrators_only(page)
    code = page.query.get("co-quan", "")
    values = {"ngon-ngu": "vi", "thu-tu": "1", "co-quan": code}
    if code:
        values |= {"vai-tro": Role.AGENCY_OFFICER.value, "nhiem-vu": Duty.FOCAL.value}
    return await _show_new(page, Form(values))


async def _show_new(page: Page, form: Form, status: int = 200) -> Response[bytes]:
    page.shown_path = "/nguoi/moi"
    return page.render(
        "person-new.html",
        status=status,
        form=form,
        submission=new_submission(),
        **await _choices(page, form),
    )


async def _choices(page: Page, form: Form) -> dict[str, Any]:
    code, agency = form.text("co-quan"), await agency_options(page, "people.no_agency")
    if code and all(value != code for value, _ in agency):
        # An agency that ended still stands with its people.
        agency = [*agency, (code, code)]
    return {
        "roles": _roles(page, "people.choose_role"),
        "agencies": agency,
        "duties": [("", page.s("people.no_duty")), *((duty.value, page.word("duty", duty)) for duty in Duty)],
        "languages": [("vi", page.s("people.language.vi")), ("en", page.s("people.language.en"))],
    }


@post("/nguoi", include_in_schema=False)
async def create(request: WebRequest) -> Response[bytes]:
    """Write a person down; the next page offers to invite them."""
    page = await open_page(request)
    administrators_only(page)
    form = await read_form(page)
    draft = _draft(form, PersonDraft("", "", ""))
    if form.problems:
        return await _show_new(page, form, status=422)

    async def work() -> str:
        return str((await actions.create(page.actor, draft, page.now)).id)

    try:
        official_id = await once(page, form, work)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_new(page, form, status=422)
    return page.see(f"/nguoi/{official_id}", "notice.person_created", name=draft.name)


def _draft(form: Form, stands: PersonDraft) -> PersonDraft:
    """What was typed, as a draft; what cannot be read is noted."""
    order = form.text("thu-tu") or "1"
    if not re.fullmatch(r"[0-9]{1,6}", order):
        form.refuse("thu-tu", "form_bad_number")
        order = "1"
    if not form.text("vai-tro"):
        form.refuse("vai-tro", "form_role_needed")
    return replace(
        stands,
        name=form.text("ten"),
        position=form.text("chuc-vu"),
        email=form.text("thu"),
        role=form.text("vai-tro"),
        agency=form.text("co-quan") or None,
        duty=form.text("nhiem-vu") or None,
        contact_order=int(order),
        language=form.text("ngon-ngu") or "vi",
    )


# -- one person ----------------------------------------------------------------------------------------


@get("/nguoi/{official_id:str}", include_in_schema=False)
async def person(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """One person: everything that can be set, invited, ended."""
    page, view = await _open(request, official_id)
    return await _show(page, view, _filled(view))


async def _open(request: WebRequest, official_id: str) -> tuple[Page, OfficialView]:
    page = await open_page(request)
    administrators_only(page)
    return page, await reads_api.get_official_view(page.actor, parse_id(official_id))


def _filled(view: OfficialView) -> Form:
    return Form(
        {
            "ten": view.full_name,
            "chuc-vu": view.position,
            "thu": view.email,
            "vai-tro": view.role,
            "co-quan": view.agency_code or "",
            "nhiem-vu": view.duty or "",
            "thu-tu": str(view.contact_order),
            "ngon-ngu": view.language,
            "vang-tu": short_day(view.absent_from) if view.absent_from else "",
            "vang-den": short_day(view.absent_to) if view.absent_to else "",
            "nguoi-thay": "" if view.deputy_id is None else str(view.deputy_id),
        }
    )


async def _show(
    page: Page,
    view: OfficialView,
    form: Form,
    *,
    mandate_form: Form | None = None,
    status: int = 200,
) -> Response[bytes]:
    page.shown_path = f"/nguoi/{view.id}"
    is_stale = any(problem.code == StaleVersion.code for problem in form.problems)
    return page.render(
        "person.html",
        status=status,
        person=view,
        form=form,
        mandate_form=mandate_form or Form({"tu-ngay": short_day(civil_day(real_now()))}),
        stale=_differences(page, view, form) if is_stale else [],
        submission=new_submission(),
        deputies=await deputy_options(page, view),
        mandates=[mandate_view(page, m) for m in await mandates_db.list_mandates(view.id)],
        account=await _account(page, view),
        can_act_for_others=view.role in AGENCY_ROLES and view.is_active,
        all_agencies=await agency_options(page, "people.no_agency"),
        principals=await _principals(page, view),
        **await _choices(page, form),
    )


@dataclass(frozen=True)
class AccountView:
    """How a person comes in: what is known of it in a sentence, and whether they can be invited."""

    said: Markup
    icon: str
    can_invite: bool
    was_invited: bool


async def _account(page: Page, view: OfficialView) -> AccountView:
    """Has the person come in, or been invited, and is the invitation still good?"""
    own = await accounts_db.find_account(view.id)
    can_come_in = await accounts_db.has_way_in(view.id)
    if own is not None and own.last_signed_in_at is not None:
        said = page.t("people.account.used", at=page.moment(own.last_signed_in_at))
        return AccountView(said, "done", not can_come_in, False)
    if own is not None and own.password_hash is not None:
        return AccountView(page.t("people.account.ready"), "done", False, False)
    invitation = await reads_settings.find_invitation(view.id)
    if invitation is None:
        return AccountView(page.t("people.account.never"), "out", True, False)
    made = page.moment(invitation.made_at)
    if invitation.ended_at is None and invitation.used_at is None and invitation.expires_at > real_now():
        said = page.t("people.account.invited", at=made, until=page.moment(invitation.expires_at))
        return AccountView(said, "wait", True, True)
    said = page.t("people.account.expired", at=made, until=page.moment(invitation.expires_at))
    return AccountView(said, "out", True, True)


def _differences(page: Page, view: OfficialView, form: Form) -> list[tuple[str, str]]:
    """What stands now where something else was typed, as label and value."""
    stands = _filled(view).values
    return [
        (page.s(f"people.field.{name}"), value or "–")
        for name, value in stands.items()
        if name in form.values and form.text(name) != value
    ]


async def deputy_options(page: Page, view: OfficialView) -> Options:
    """Who can be the deputy of a person, after a line of nobody; one who was switched off is told as such."""
    listed = await people_db.list_possible_deputies(Role(view.role), view.agency_id)
    return [
        ("", page.s("people.no_deputy")),
        *(
            (str(i), f"{name}, {position}" if position else name)
            for i, name, position in listed
            if i != view.id
        ),
        *await _departed_deputy(page, view, {i for i, _, _ in listed}),
    ]


async def _departed_deputy(page: Page, view: OfficialView, possible: set[int]) -> Options:
    deputy = None
    if view.deputy_id is not None and view.deputy_id not in possible:
        deputy = await find_official(view.deputy_id)
    if deputy is None:
        return []
    return [(str(deputy.id), page.s("people.deputy_gone", name=deputy.name))]


async def _principals(page: Page, view: OfficialView) -> Options:
    if view.role not in AGENCY_ROLES:
        return []
    listed = await people_db.list_principals(view.agency_id)
    return [("", page.s("people.no_principal")), *((str(i), f"{name} ({of})") for i, name, of in listed)]


def mandate_view(page: Page, mandate: Mandate) -> MandateView:
    """A mandate as a list shows it."""
    today = civil_day(real_now())
    if mandate.revoked_at is not None:
        state = "revoked"
    elif mandate.valid_to is not None and mandate.valid_to < today:
        state = "over"
    elif mandate.valid_from > today:
        state = "coming"
    else:
        state = "in_force" if mandate.is_in_force(today) else "principal_left"
    return MandateView(
        mandate.id,
        mandate.agency_name,
        mandate.principal_name or "",
        mandate.valid_from,
        mandate.valid_to,
        mandate.document,
        page.word("mandate.state", state),
        state == "in_force",
        state in ("in_force", "coming", "principal_left"),
    )


@post("/nguoi/{official_id:str}", include_in_schema=False)
async def change(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Change what is written of a person."""
    page, view = await _open(request, official_id)
    form = await read_form(page)
    draft = replace(
        _draft(form, actions.draft_of(view)),
        absent_from=form.date("vang-tu"),
        absent_until=form.date("vang-den"),
        deputy_id=deputy_of(form),
    )
    if form.problems:
        return await _show(page, view, form, status=422)
    try:
        changed = await actions.change(
            page.actor, view.id, draft, form.version(), page.now, mends_mailbox=form.has("thu-song")
        )
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show(page, view, form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        now_stands = await reads_api.get_official_view(page.actor, view.id)
        return await _show(page, now_stands, form, status=409)
    if changed.sessions_ended:
        return page.see(f"/nguoi/{view.id}", "notice.person_changed_out", count=changed.sessions_ended)
    return page.see(f"/nguoi/{view.id}", "notice.person_changed", name=changed.official.full_name)


def deputy_of(form: Form) -> int | None:
    """The chosen deputy; what is no number of a person is noted."""
    given = form.text("nguoi-thay")
    if not given:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,17}", given):
        form.refuse("nguoi-thay", "deputy_unknown", value=given[:40])
        return None
    return int(given)


@post("/nguoi/{official_id:str}/thu", include_in_schema=False)
async def mend_mailbox(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """A new address for somebody whose mail comes back, from wherever the dead mailbox was shown."""
    page = await open_page(request)
    manages = may(page.actor, Verb.MANAGE_PEOPLE)
    if not manages:
        require(page.actor, Verb.MEND_ADDRESS)
    view = await reads_api.get_official_view(page.actor, parse_id(official_id))
    if not await actions.may_mend_address(page.actor, view.id):
        require(page.actor, Verb.MANAGE_PEOPLE)
    form = await read_form(page)
    address = form.required("thu", "form_address_needed")
    draft = replace(actions.draft_of(view), email=address)
    if not form.problems:
        try:
            await actions.change(page.actor, view.id, draft, form.version(), page.now, mends_mailbox=True)
        except Invalid as error:
            form.take(error, _FIELDS)
        except Conflict as error:
            form.problems.append(Problem("", error.code, None, error.params))
    back = local_path(form.text("ve"), f"/nguoi/{view.id}" if manages else "/can-xu-ly")
    if form.problems and not manages:
        return page.see(back, "notice.mailbox_not_mended", why=page.say(form.problems[0]))
    if form.problems:
        filled = _filled(await reads_api.get_official_view(page.actor, view.id))
        filled.values["thu"] = form.text("thu")
        filled.problems = form.problems
        return await _show(page, view, filled, status=422)
    return page.see(back, "notice.mailbox_mended", name=view.full_name, address=address)


@post("/nguoi/{official_id:str}/loi-moi", include_in_schema=False)
async def invite(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Invite a person. Only their mailbox sees the link: whoever holds it becomes that person."""
    page, view = await _open(request, official_id)
    await read_form(page)
    form = _filled(view)
    try:
        invited = await accounts.invite(page.actor, view.id, real_now())
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, view, form, status=409)
    until = moment(page.language, invited.expires_at)
    return page.see(page.path.removesuffix("/loi-moi"), "notice.invited", email=view.email, until=until)


@post("/nguoi/{official_id:str}/khoa", include_in_schema=False)
async def disable(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Switch a person off: everything they hold is dead at once."""
    page, view = await _open(request, official_id)
    await read_form(page)
    try:
        ended = await accounts.disable(page.actor, view.id, real_now())
    except Conflict as error:
        form = _filled(view)
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, view, form, status=409)
    return page.see(
        f"/nguoi/{view.id}",
        "notice.person_disabled",
        name=view.full_name,
        sessions=ended.sessions,
        tokens=ended.tokens,
        feeds=ended.feeds,
    )


@post("/nguoi/{official_id:str}/mo", include_in_schema=False)
async def enable(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Switch a person on again; what was ended stays ended."""
    page, view = await _open(request, official_id)
    await read_form(page)
    try:
        await accounts.enable(page.actor, view.id, real_now())
    except Conflict as error:
        form = _filled(view)
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, view, form, status=409)
    return page.see(f"/nguoi/{view.id}", "notice.person_enabled", name=view.full_name)


@post("/nguoi/{official_id:str}/hai-buoc", include_in_schema=False)
async def reset_second_factor(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Take away the second factor of somebody who lost their phone and their codes."""
    page, view = await _open(request, official_id)
    await read_form(page)
    there_was = await accounts.reset_second_factor(page.actor, view.id, real_now())
    said = "notice.second_factor_reset" if there_was else "notice.second_factor_none"
    return page.see(f"/nguoi/{view.id}", said, name=view.full_name)


# -- mandates ------------------------------------------------------------------------------------------


@post("/nguoi/{official_id:str}/uy-quyen", include_in_schema=False)
async def grant(request: WebRequest, official_id: FromPath[str]) -> Response[bytes]:
    """Let a person act for another agency."""
    page, view = await _open(request, official_id)
    form = await read_form(page)
    valid_from = form.date("tu-ngay", required="form_start_needed")
    valid_to = form.date("den-ngay")
    principal = form.text("thay-nguoi")
    if principal and not re.fullmatch(r"[1-9][0-9]{0,17}", principal):
        form.refuse("thay-nguoi", "deputy_unknown", value=principal[:40])
    if form.problems or valid_from is None:
        return await _show(page, view, _filled(view), mandate_form=form, status=422)
    new = mandate_actions.NewMandate(
        valid_from=valid_from,
        valid_to=valid_to,
        agency=form.text("lam-thay") or None,
        on_behalf_of=int(principal) if principal else None,
        document=form.text("can-cu"),
    )

    async def work() -> str:
        made = await mandate_actions.grant(page.actor, view.id, new, None, real_now())
        return made.agency_name

    try:
        agency = await once(page, form, work)
    except Invalid as error:
        form.take(error, _MANDATE_FIELDS)
        return await _show(page, view, _filled(view), mandate_form=form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show(page, view, _filled(view), mandate_form=form, status=409)
    return page.see(f"/nguoi/{view.id}", "notice.mandate_granted", name=view.full_name, agency=agency)


@post("/uy-quyen/{mandate_id:str}/thu-hoi", include_in_schema=False)
async def revoke(request: WebRequest, mandate_id: FromPath[str]) -> Response[bytes]:
    """End a mandate at once."""
    page = await open_page(request)
    administrators_only(page)
    await read_form(page)
    mandate = await mandate_actions.get(page.actor, parse_id(mandate_id))
    await mandate_actions.revoke(page.actor, mandate.id, None, real_now())
    return page.see(f"/nguoi/{mandate.official_id}", "notice.mandate_revoked", agency=mandate.agency_name)


routes = [
    people,
    new_person,
    create,
    person,
    change,
    mend_mailbox,
    invite,
    disable,
    enable,
    reset_second_factor,
    grant,
    revoke,
]
