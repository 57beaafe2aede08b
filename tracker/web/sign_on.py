"""Single sign-on as pages: the way to the identity provider and back, and one's own links.

The way there is a page with a link and a Refresh, not a redirect: our own rule `form-action 'self'` stops a
form whose answer leads elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import accounts, sessions
from tracker.actions import sign_on as actions
from tracker.actions.hashing import token_hash
from tracker.actions.sign_on import CALLBACK_PATH, NewlyLinked, Refused, SingleSignOn, Started
from tracker.domain.claims import Cause
from tracker.domain.errors import Conflict, NotFound
from tracker.web.forms import read_form
from tracker.web.page import Page, SignInNeeded, local_path, open_page, parse_id, real_now
from tracker.web.sign_in import AGAIN, go_on
from tracker.web.state import WebRequest

START_PATH = "/dang-nhap-mot-lan"
LINKS_PATH = "/toi/bao-mat/dang-nhap-mot-lan"
_KEPT = ("code", "state", "iss", "error")


@dataclass(frozen=True)
class IdentityView:
    """A linked identity in the list."""

    id: int
    label: str
    issuer: str
    is_in_force: bool
    linked_at: datetime
    used_at: datetime | None


def provider_name(page: Page) -> str:
    """What people call the provider."""
    return page.state.settings.oidc_name or page.s("signin.some_provider")


def _single_sign_on(page: Page) -> SingleSignOn:
    """The provider; without one none of these pages is there."""
    sso = actions.single_sign_on(page.state.settings)
    if sso is None:
        raise NotFound()
    return sso


def _browser_cookie(page: Page) -> str:
    """The name of the cookie that binds the way back to this browser."""
    return page.state.cookie_named("dang-nhap-mot-lan")


def _session_id(page: Page) -> int:
    """The session in force. Raises SignInNeeded."""
    if page.login is None:
        raise SignInNeeded
    return page.login.id


def _prove_again(page: Page) -> Response[bytes]:
    """To the page where one proves who one is, and back to the links."""
    return page.see(f"{AGAIN}?{urlencode({'tiep': LINKS_PATH})}")


def _leave(page: Page, started: Started | Refused) -> Response[bytes]:
    """The page that leads to the provider."""
    if isinstance(started, Refused):
        return _refuse(page, started.cause)
    page.set_cookie(_browser_cookie(page), started.browser, max_age=int(actions.FLOW_LIFE.total_seconds()))
    return page.render(
        "sign-on-leave.html",
        headers={"Refresh": f"0; url={started.address}", "Referrer-Policy": "no-referrer"},
        address=started.address,
        name=provider_name(page),
    )


def _refuse(page: Page, cause: Cause) -> Response[bytes]:
    """One page for every cause; only too many attempts are told apart."""
    # The addresses on the page must not carry the code and the state on.
    page.query.clear()
    is_too_often = cause is Cause.TOO_OFTEN
    return page.render(
        "sign-on-refused.html",
        status=429 if is_too_often else 403,
        headers={"Retry-After": "60"} if is_too_often else None,
        name=provider_name(page),
        is_too_often=is_too_often,
    )


@post(START_PATH, include_in_schema=False)
async def start(request: WebRequest) -> Response[bytes]:
    """Sign in with the provider."""
    page = await open_page(request)
    sso = _single_sign_on(page)
    # Whoever signs in again need not have been signed in before.
    page.has_ended = False
    form = await read_form(page)
    page.shown_path = "/dang-nhap"
    next_path = local_path(form.text("tiep"), "")
    return _leave(page, await actions.start_sign_in(sso, next_path, page.ip, page.language, real_now()))


@post("/loi-moi/{token:str}/dang-nhap-mot-lan", include_in_schema=False)
async def accept(request: WebRequest, token: FromPath[str]) -> Response[bytes]:
    """Accept an invitation with the provider instead of a password."""
    page = await open_page(request)
    sso = _single_sign_on(page)
    page.has_ended = False
    await read_form(page)
    page.shown_path = "/dang-nhap"
    invitation = token_hash(token)
    return _leave(page, await actions.start_invited(sso, invitation, page.ip, page.language, real_now()))


@get(CALLBACK_PATH, include_in_schema=False)
async def come_back(request: WebRequest) -> Response[bytes]:
    """The provider's answer. It is used once, and only in the browser that began."""
    page = await open_page(request)
    sso = _single_sign_on(page)
    page.shown_path = "/dang-nhap" if page.visitor is None else LINKS_PATH
    browser = page.cookie(_browser_cookie(page))
    # A code may be longer than what other pages take from an address.
    raw = request.scope.get("query_string", b"").decode("ascii", "replace")
    answer = {name: value for name, value in parse_qsl(raw) if name in _KEPT}
    viewer_id = None if page.visitor is None else page.visitor.actor.official_id
    done = await actions.finish(sso, answer, browser, viewer_id, real_now(), ip=page.ip)
    page.set_cookie(_browser_cookie(page), "", max_age=0)
    if isinstance(done, Refused):
        return _refuse(page, done.cause)
    if isinstance(done, NewlyLinked):
        return page.see(LINKS_PATH, "notice.sign_on_linked", name=provider_name(page))
    begun = await sessions.begin(
        done.official_id,
        "oidc",
        ip=page.ip,
        user_agent=page.user_agent,
        now=real_now(),
        second_factor=done.is_second_factor_proved,
    )
    return await go_on(page, begun, done.next_path)


@get(LINKS_PATH, include_in_schema=False)
async def links(request: WebRequest) -> Response[bytes]:
    """Which identities open my account?"""
    page = await open_page(request)
    return await _show_links(page, _single_sign_on(page))


async def _show_links(page: Page, sso: SingleSignOn, refused: Conflict | None = None) -> Response[bytes]:
    page.shown_path = LINKS_PATH
    issuer = sso.provider.config.issuer
    own = await actions.list_own(page.actor)
    return page.render(
        "sign-on-links.html",
        status=409 if refused else 200,
        name=provider_name(page),
        identities=[
            IdentityView(
                linked.id,
                linked.label or linked.subject,
                linked.issuer,
                linked.issuer == issuer,
                linked.linked_at,
                linked.last_used_at,
            )
            for linked in own
        ],
        can_link=all(linked.issuer != issuer for linked in own),
        refused=refused,
    )


@post(LINKS_PATH, include_in_schema=False)
async def link(request: WebRequest) -> Response[bytes]:
    """Link my identity."""
    page = await open_page(request)
    sso = _single_sign_on(page)
    actor = page.actor
    await read_form(page)
    try:
        started = await actions.start_link(actor, _session_id(page), sso, page.ip, page.language, real_now())
    except accounts.ReauthenticationNeeded:
        return _prove_again(page)
    page.shown_path = LINKS_PATH
    return _leave(page, started)


@post(LINKS_PATH + "/{identity_id:str}/go", include_in_schema=False)
async def unlink(request: WebRequest, identity_id: FromPath[str]) -> Response[bytes]:
    """End a link of mine."""
    page = await open_page(request)
    sso = _single_sign_on(page)
    actor = page.actor
    await read_form(page)
    try:
        await actions.unlink(actor, _session_id(page), sso, parse_id(identity_id), real_now(), ip=page.ip)
    except accounts.ReauthenticationNeeded:
        return _prove_again(page)
    except actions.LastWayIn as refused:
        return await _show_links(page, sso, refused)
    return page.see(LINKS_PATH, "notice.sign_on_unlinked")


routes = [start, accept, come_back, links, link, unlink]
