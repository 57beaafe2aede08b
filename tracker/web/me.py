"""My own page: who I am here, how I sign in, my sessions, my API tokens.

The second factor, the recovery codes and proving again who one is are beside this, in web/sign_in.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import accounts, sessions
from tracker.actions import officials as officials_actions
from tracker.actions import tokens as token_actions
from tracker.api.errors import waiting
from tracker.db import mandates as mandates_db
from tracker.db import reads_api
from tracker.db.sessions import Session as Login
from tracker.db.tokens import ApiToken
from tracker.domain.access import Scope
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.web.devices import device_of
from tracker.web.forms import Form, new_submission, read_form
from tracker.web.page import Page, open_page, parse_id, real_now
from tracker.web.people import deputy_of, deputy_options, mandate_view
from tracker.web.sign_in import AGAIN
from tracker.web.state import WebRequest
from tracker.web.wording import short_day

SECURITY = "/toi/bao-mat"
TOKENS = "/toi/ma-truy-cap"
DEFAULT_DAYS = 90
_DAYS = (7, 30, 90, 180, 365)
_FIELDS = {
    "/absence/absent_from": "vang-tu",
    "/absence/absent_to": "vang-den",
    "/deputy_id": "nguoi-thay",
    "/language": "ngon-ngu",
}


# -- who am I ------------------------------------------------------------------------------------------


@get("/toi", include_in_schema=False)
async def me(request: WebRequest) -> Response[bytes]:
    """Who am I here, for which agencies, and who stands in for me?"""
    page = await open_page(request)
    return await _show_me(page, None)


async def _show_me(page: Page, form: Form | None, status: int = 200) -> Response[bytes]:
    page.shown_path = "/toi"
    actor = page.actor
    assert actor.official_id is not None
    view = await reads_api.get_official_view(actor, actor.official_id)
    filled = Form(
        {
            "ngon-ngu": view.language,
            "vang-tu": short_day(view.absent_from) if view.absent_from else "",
            "vang-den": short_day(view.absent_to) if view.absent_to else "",
            "nguoi-thay": "" if view.deputy_id is None else str(view.deputy_id),
        }
    )
    return page.render(
        "me.html",
        status=status,
        person=view,
        form=form or filled,
        deputies=await deputy_options(page, view),
        languages=[("vi", page.s("people.language.vi")), ("en", page.s("people.language.en"))],
        mandates=[
            shown
            for mandate in await mandates_db.list_mandates(view.id)
            if (shown := mandate_view(page, mandate)).is_in_force
        ],
        submission=new_submission(),
    )


@post("/toi", include_in_schema=False)
async def change_me(request: WebRequest) -> Response[bytes]:
    """My language, my absence and who stands in."""
    page = await open_page(request)
    actor = page.actor
    assert actor.official_id is not None
    form = await read_form(page)
    view = await reads_api.get_official_view(actor, actor.official_id)
    draft = replace(
        officials_actions.draft_of(view),
        language=form.text("ngon-ngu"),
        absent_from=form.date("vang-tu"),
        absent_until=form.date("vang-den"),
        deputy_id=deputy_of(form),
    )
    if form.problems:
        return await _show_me(page, form, 422)
    try:
        await officials_actions.change(actor, view.id, draft, form.version(), page.now)
    except Invalid as error:
        form.take(error, _FIELDS)
        return await _show_me(page, form, 422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show_me(page, form, 409)
    return page.see("/toi", "notice.me_changed")


# -- how I sign in -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionView:
    """A session in the list."""

    id: int
    method: str
    started_at: datetime
    last_seen_at: datetime
    ip: str
    device: str
    is_this: bool


@get(SECURITY, include_in_schema=False)
async def security(request: WebRequest) -> Response[bytes]:
    """How do I sign in, and where am I signed in now?"""
    page = await open_page(request)
    return await _show_security(page, Form({}))


async def _show_security(
    page: Page, form: Form, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    page.shown_path = SECURITY
    actor = page.actor
    own = await accounts.own(actor)
    this = None if page.login is None else page.login.id
    listed = await sessions.list_sessions(actor, real_now())
    return page.render(
        "me-security.html",
        status=status,
        headers=headers,
        form=form,
        has_password=own.password_hash is not None,
        password_changed_at=own.password_changed_at,
        second_factor_since=own.totp_confirmed_at,
        codes_left=await accounts.count_recovery_codes(actor),
        has_provider=bool(page.state.settings.oidc_issuer),
        sessions=[_session(page, login, this) for login in listed],
    )


def _session(page: Page, login: Login, this: int | None) -> SessionView:
    return SessionView(
        login.id,
        page.word("session.method", login.method),
        login.started_at,
        login.last_seen_at,
        login.ip,
        device_of(login.user_agent),
        login.id == this,
    )


@post(SECURITY + "/mat-khau", include_in_schema=False)
async def change_password(request: WebRequest) -> Response[bytes]:
    """Another password: every other session ends, this one gets a new token."""
    page = await open_page(request)
    actor = page.actor
    form = await read_form(page)
    current, new, repeated = form.secret("mat-khau-cu"), form.secret("mat-khau-moi"), form.secret("nhap-lai")
    if new != repeated:
        form.problems.append(Problem("nhap-lai", "password_differs"))
        return await _show_security(page, form, 422)
    assert page.login is not None
    try:
        await accounts.change_password(actor, page.login.id, current, new, real_now(), ip=page.ip)
    except Invalid as error:
        # The value of a password is shown to nobody, its owner's screen included.
        problems = [Problem(p.field, p.code, None, p.params) for p in error.problems]
        form.take(Invalid(problems), {"/current": "mat-khau-cu", "/password": "mat-khau-moi"})
        return await _show_security(page, form, 422)
    except sessions.TooManyTries as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show_security(page, form, 429, waiting(error))
    await page.renew()
    return page.see(SECURITY, "notice.password_changed")


@post(SECURITY + "/phien/{session_id:str}/ket-thuc", include_in_schema=False)
async def revoke_session(request: WebRequest, session_id: FromPath[str]) -> Response[bytes]:
    """End one of my sessions; ending this one is signing out."""
    page = await open_page(request)
    actor = page.actor
    await read_form(page)
    wanted = parse_id(session_id)
    await sessions.revoke_session(actor, wanted, real_now())
    if page.login is not None and page.login.id == wanted:
        page.forget()
        return page.see("/")
    return page.see(SECURITY, "notice.session_ended")


@post(SECURITY + "/phien/ket-thuc-khac", include_in_schema=False)
async def revoke_others(request: WebRequest) -> Response[bytes]:
    """End all my sessions but this one."""
    page = await open_page(request)
    actor = page.actor
    await read_form(page)
    assert page.login is not None
    ended = await sessions.revoke_others(actor, page.login.id, real_now())
    return page.see(SECURITY, "notice.sessions_ended", count=ended)


# -- my tokens -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TokenView:
    """A token in the list; of its secret only the end is known."""

    id: int
    name: str
    hint: str
    scopes: str
    networks: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    used_from: str
    state: str


@get(TOKENS, include_in_schema=False)
async def tokens(request: WebRequest) -> Response[bytes]:
    """Which programs may speak for me?"""
    page = await open_page(request)
    return await _show_tokens(page, Form({"so-ngay": str(DEFAULT_DAYS)}))


async def _show_tokens(
    page: Page, form: Form, made: token_actions.Made | None = None, status: int = 200
) -> Response[bytes]:
    page.shown_path = TOKENS
    now = real_now()
    return page.render(
        "me-tokens.html",
        status=status,
        form=form,
        made=made,
        tokens=[_token(page, token, now) for token in await token_actions.list_own(page.actor)],
        scopes=[(scope.value, page.word("scope", scope)) for scope in Scope],
        must_prove_again=_must_prove_again(page),
        again=f"{AGAIN}?{urlencode({'tiep': TOKENS})}",
        lives=[(str(days), page.s("mytoken.days", days=days)) for days in _DAYS],
    )


def _must_prove_again(page: Page) -> bool:
    """Whether the password comes first: a stolen session must not become a token that outlives it."""
    if page.login is None:
        return True
    if page.login.method == "demonstration":
        return False
    return real_now() - page.login.authenticated_at > sessions.RECENT


def _token(page: Page, token: ApiToken, now: datetime) -> TokenView:
    state = "in_force"
    if token.revoked_at is not None:
        state = "revoked"
    elif token.expires_at is not None and token.expires_at <= now:
        state = "expired"
    return TokenView(
        token.id,
        token.name,
        token.hint,
        " · ".join(page.word("scope", scope) for scope in Scope if scope.value in token.scopes),
        ", ".join(token.allowed_networks),
        token.created_at,
        token.expires_at,
        token.last_used_at,
        token.last_used_ip,
        state,
    )


@post(TOKENS, include_in_schema=False)
async def make_token(request: WebRequest) -> Response[bytes]:
    """Make a token. It is in this answer and nowhere else, so there is no redirect."""
    page = await open_page(request)
    actor = page.actor
    form = await read_form(page, repeatable=frozenset({"pham-vi"}))
    if _must_prove_again(page):
        return page.see(f"{AGAIN}?{urlencode({'tiep': TOKENS})}")
    assert actor.official_id is not None
    name = form.required("ten", "form_name_needed")
    days = form.text("so-ngay")
    if days not in {str(n) for n in _DAYS}:
        form.refuse("so-ngay", "not_a_choice", allowed=", ".join(str(n) for n in _DAYS))
    if form.problems:
        return await _show_tokens(page, form, status=422)
    now = real_now()
    new = token_actions.NewToken(
        actor.official_id,
        name,
        form.many("pham-vi"),
        now + timedelta(days=int(days)),
        form.text("dia-chi-mang").replace(",", " ").split(),
    )
    try:
        made = await token_actions.create(actor, new, now, ip=page.ip)
    except Invalid as error:
        form.take(error, {"/name": "ten", "/expires_at": "so-ngay", **_many_fields(new)})
        return await _show_tokens(page, form, status=422)
    except Conflict as error:
        form.problems.append(Problem("", error.code, None, error.params))
        return await _show_tokens(page, form, status=409)
    return await _show_tokens(page, Form({"so-ngay": str(DEFAULT_DAYS)}), made, status=201)


def _many_fields(new: token_actions.NewToken) -> dict[str, str]:
    """The pointers of lists, each led to the one field that holds the list."""
    fields = {"/scopes": "pham-vi", "/allowed_networks": "dia-chi-mang"}
    fields |= {f"/scopes/{n}": "pham-vi" for n in range(len(new.scopes))}
    return fields | {f"/allowed_networks/{n}": "dia-chi-mang" for n in range(len(new.allowed_networks))}


@post(TOKENS + "/{token_id:str}/thu-hoi", include_in_schema=False)
async def revoke_token(request: WebRequest, token_id: FromPath[str]) -> Response[bytes]:
    """End a token at once."""
    page = await open_page(request)
    actor = page.actor
    await read_form(page)
    await token_actions.revoke(actor, parse_id(token_id), real_now())
    return page.see(TOKENS, "notice.token_revoked")


routes = [
    me,
    change_me,
    security,
    change_password,
    revoke_session,
    revoke_others,
    tokens,
    make_token,
    revoke_token,
]
