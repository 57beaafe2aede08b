"""Signing in and out: address and password, the code of the second factor, and its setting up."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from litestar import Response, get, post

from tracker.actions import accounts, sessions
from tracker.actions.sessions import NeedsCode, Refused, SignedIn
from tracker.api.errors import status_of_code, waiting
from tracker.db import reads_web
from tracker.domain.directory import Actor
from tracker.domain.errors import Conflict, Invalid, Problem
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, SignInNeeded, local_path, open_page, real_now
from tracker.web.qr import drawing
from tracker.web.start import choose, play
from tracker.web.state import WebRequest

TWO_STEP = "/toi/bao-mat/hai-buoc"
AGAIN = "/toi/bao-mat/nhap-lai"


# -- the door ------------------------------------------------------------------------------------------


@get("/dang-nhap", include_in_schema=False)
async def sign_in_page(request: WebRequest) -> Response[bytes]:
    """Who are you? Also when somebody is signed in."""
    page = await open_page(request)
    if page.is_demonstration:
        return await choose(page, Form({}))
    return _ask(page, Form({"tiep": page.query.get("tiep", "")}))


def _ask(page: Page, form: Form, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    page.shown_path = "/dang-nhap"
    settings = page.state.settings
    return page.render(
        "sign-in.html",
        status=status,
        headers=headers,
        form=form,
        next=local_path(form.text("tiep"), ""),
        provider=(settings.oidc_name or page.s("signin.some_provider")) if settings.oidc_issuer else "",
    )


@post("/dang-nhap", include_in_schema=False)
async def sign_in(request: WebRequest) -> Response[bytes]:
    """Address and password; in the demonstration, who to be."""
    page = await open_page(request)
    form = await read_form(page)
    if page.is_demonstration:
        return await play(page, form)
    outcome = await sessions.sign_in(
        form.text("thu-dien-tu"),
        form.secret("mat-khau"),
        ip=page.ip,
        user_agent=page.user_agent,
        now=real_now(),
        device=page.cookie(page.state.device_cookie),
    )
    if isinstance(outcome, Refused):
        return _refuse(page, form, outcome, "signin_refused", _ask)
    return await go_on(page, outcome, form.text("tiep"))


async def go_on(page: Page, outcome: SignedIn | NeedsCode, next_path: str) -> Response[bytes]:
    """Follow a first step that was right: to the code, or in. Single sign-on comes here too."""
    wanted = local_path(next_path, "")
    if isinstance(outcome, NeedsCode):
        page.set_cookie(
            page.state.code_cookie, outcome.pending, max_age=int(sessions.CODE_LIFE.total_seconds())
        )
        return page.see("/dang-nhap/ma" + (f"?{urlencode({'tiep': wanted})}" if wanted else ""))
    await page.adopt(outcome)
    page.set_cookie(page.state.code_cookie, "", max_age=0)
    visitor = await reads_web.find_visitor(outcome.official_id)
    page.visitor = visitor
    return page.see(wanted or page.home)


def _refuse(
    page: Page, form: Form, refused: Refused, code: str, show: Callable[..., Response[bytes]]
) -> Response[bytes]:
    """The same form with one sentence, which is the same whatever the cause."""
    seconds = refused.retry_after_seconds
    if seconds:
        form.problems.append(Problem("", "signin_wait", None, {"seconds": seconds}))
        return show(page, form, 429, {"Retry-After": str(seconds)})
    form.problems.append(Problem("", code))
    return show(page, form, 422)


@get("/dang-nhap/ma", include_in_schema=False)
async def code_page(request: WebRequest) -> Response[bytes]:
    """Which code does your phone show?"""
    page = await open_page(request)
    if not page.cookie(page.state.code_cookie):
        return page.see("/dang-nhap")
    return _ask_code(page, Form({"tiep": page.query.get("tiep", "")}))


def _ask_code(
    page: Page, form: Form, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    page.shown_path = "/dang-nhap/ma"
    return page.render(
        "sign-in-code.html", status=status, headers=headers, form=form, next=local_path(form.text("tiep"), "")
    )


@post("/dang-nhap/ma", include_in_schema=False)
async def give_code(request: WebRequest) -> Response[bytes]:
    """The code, or a recovery code."""
    page = await open_page(request)
    form = await read_form(page)
    outcome = await sessions.give_code(
        page.cookie(page.state.code_cookie),
        form.secret("ma"),
        ip=page.ip,
        user_agent=page.user_agent,
        now=real_now(),
        device=page.cookie(page.state.device_cookie),
    )
    if isinstance(outcome, SignedIn):
        return await go_on(page, outcome, form.text("tiep"))
    if outcome.is_over:
        page.set_cookie(page.state.code_cookie, "", max_age=0)
        return _refuse(page, form, Refused(), "code_over", _ask)
    return _refuse(page, form, outcome, "code_refused", _ask_code)


@post("/dang-xuat", include_in_schema=False)
async def sign_out(request: WebRequest) -> Response[bytes]:
    """End the session."""
    page = await open_page(request)
    if page.login is not None:
        await read_form(page)
        await sessions.end(_person(page), page.login.id, real_now())
    page.forget()
    answer = page.see("/")
    # Not "cookies": the language and the mark of a known device are worth keeping, and nobody's secret.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


# -- the second factor ---------------------------------------------------------------------------------


def _person(page: Page) -> Actor:
    """Who has signed in, also when this page is the only one open to them. Raises SignInNeeded."""
    person = page.visitor or page.enrolling
    if person is None or page.login is None:
        raise SignInNeeded
    return person.actor


def _must_prove_again(page: Page) -> bool:
    """Whether the last proof of who this is lies too far back."""
    assert page.login is not None
    return real_now() - page.login.authenticated_at > sessions.RECENT


@get(TWO_STEP, include_in_schema=False)
async def two_step(request: WebRequest) -> Response[bytes]:
    """Is my second factor set up?"""
    page = await open_page(request)
    return await _show_two_step(page, Form({"tiep": page.query.get("tiep", "")}))


async def _show_two_step(
    page: Page, form: Form, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    page.shown_path = TWO_STEP
    actor = _person(page)
    assert page.login is not None
    enrolment = await accounts.read_enrolment(actor, page.login.id)
    own = await accounts.own(actor)
    return page.render(
        "two-step.html",
        status=status,
        headers=headers,
        form=form,
        enrolment=enrolment,
        secret=_in_fours(enrolment.secret) if enrolment else "",
        qr=drawing(enrolment.uri) if enrolment else "",
        on_since=own.totp_confirmed_at,
        left=await accounts.count_recovery_codes(actor),
        next=local_path(form.text("tiep"), ""),
    )


def _in_fours(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


@post(TWO_STEP, include_in_schema=False)
async def begin_two_step(request: WebRequest) -> Response[bytes]:
    """Make a secret to copy into the phone."""
    page = await open_page(request)
    actor = _person(page)
    form = await read_form(page)
    wanted = local_path(form.text("tiep"), "")
    query = "?" + urlencode({"tiep": wanted}) if wanted else ""
    if _must_prove_again(page):
        return page.see(f"{AGAIN}?{urlencode({'tiep': TWO_STEP + query})}")
    await accounts.begin_totp(actor, real_now())
    return page.see(TWO_STEP + query)


@post(TWO_STEP + "/xac-nhan", include_in_schema=False)
async def confirm_two_step(request: WebRequest) -> Response[bytes]:
    """The first code. The recovery codes are in this answer and nowhere else, so there is no redirect."""
    page = await open_page(request)
    actor = _person(page)
    form = await read_form(page)
    assert page.login is not None
    try:
        codes = await accounts.confirm_totp(actor, page.login.id, form.secret("ma"), real_now(), ip=page.ip)
    except accounts.ReauthenticationNeeded:
        return page.see(f"{AGAIN}?{urlencode({'tiep': TWO_STEP})}")
    except Invalid as refused:
        form.take(refused, {"/code": "ma"})
        return await _show_two_step(page, form, 422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _show_two_step(page, form, status_of_code(refused.code), waiting(refused))
    await page.renew()
    page.visitor = page.visitor or page.enrolling
    return _show_codes(page, codes, local_path(form.text("tiep"), page.home))


def _show_codes(page: Page, codes: tuple[str, ...], next_path: str) -> Response[bytes]:
    page.shown_path = TWO_STEP
    return page.render("recovery-codes.html", status=201, codes=codes, next=next_path)


@post("/toi/bao-mat/ma-khoi-phuc", include_in_schema=False)
async def renew_recovery_codes(request: WebRequest) -> Response[bytes]:
    """New recovery codes, shown in this answer and nowhere else."""
    page = await open_page(request)
    actor = page.actor
    form = await read_form(page)
    try:
        codes = await accounts.renew_recovery_codes(actor, form.secret("ma-moi"), real_now(), ip=page.ip)
    except Invalid as refused:
        form.take(refused, {"/code": "ma-moi"})
        return await _show_two_step(page, form, 422)
    except Conflict as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _show_two_step(page, form, status_of_code(refused.code), waiting(refused))
    return _show_codes(page, codes, TWO_STEP)


@get(AGAIN, include_in_schema=False)
async def again(request: WebRequest) -> Response[bytes]:
    """Is it still you?"""
    page = await open_page(request)
    return await _ask_again(page, Form({"tiep": page.query.get("tiep", "")}))


async def _ask_again(
    page: Page, form: Form, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    page.shown_path = AGAIN
    own = await accounts.own(_person(page))
    return page.render(
        "enter-again.html",
        status=status,
        headers=headers,
        form=form,
        email=own.email,
        has_password=own.password_hash is not None,
        next=local_path(form.text("tiep"), ""),
    )


@post(AGAIN, include_in_schema=False)
async def enter_again(request: WebRequest) -> Response[bytes]:
    """The password once more; the session gets a new token."""
    page = await open_page(request)
    actor = _person(page)
    form = await read_form(page)
    assert page.login is not None
    try:
        await sessions.reauthenticate(actor, page.login.id, form.secret("mat-khau"), real_now())
    except Invalid as refused:
        form.take(refused, {"/password": "mat-khau"})
        return await _ask_again(page, form, 422)
    except sessions.TooManyTries as refused:
        form.problems.append(Problem("", refused.code, None, refused.params))
        return await _ask_again(page, form, 429, waiting(refused))
    await page.renew()
    return page.see(local_path(form.text("tiep"), TWO_STEP))


routes = [
    sign_in_page,
    sign_in,
    code_page,
    give_code,
    sign_out,
    two_step,
    begin_two_step,
    confirm_two_step,
    renew_recovery_codes,
    again,
    enter_again,
]
