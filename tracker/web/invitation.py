"""The page behind an invitation: set one's first password. Reading it changes nothing (attack case 89)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import accounts
from tracker.actions.accounts import LinkNotValid
from tracker.db.accounts import Purpose
from tracker.domain.errors import Invalid
from tracker.domain.passwords import SHORTEST
from tracker.web.forms import Form, read_form
from tracker.web.page import Page, open_page, real_now
from tracker.web.state import WebRequest


@get("/loi-moi/{token:str}", include_in_schema=False)
async def invitation(request: WebRequest, token: FromPath[str]) -> Response[bytes]:
    """Which password do you want?"""
    page = await open_page(request)
    return await show_link(page, token, "invitation", Form({}))


@post("/loi-moi/{token:str}", include_in_schema=False)
async def accept(request: WebRequest, token: FromPath[str]) -> Response[bytes]:
    """Set the first password; then one signs in with it."""
    page = await open_page(request)
    return await set_by_link(page, token, "invitation", accounts.accept_invitation)


async def show_link(
    page: Page, token: str, purpose: Purpose, form: Form, status: int = 200
) -> Response[bytes]:
    """The form of a link in force; for any other the same page, whatever is wrong with it."""
    try:
        owner = await accounts.read_link(token, purpose, real_now())
    except LinkNotValid:
        return page.render("link-ended.html", status=404, purpose=purpose)
    return page.render(
        "set-password.html",
        status=status,
        form=form,
        owner=owner,
        purpose=purpose,
        action=page.path,
        least=SHORTEST,
    )


async def set_by_link(
    page: Page, token: str, purpose: Purpose, act: Callable[[str, str, datetime], Awaitable[int]]
) -> Response[bytes]:
    """Take the new password, typed twice, and lead to the sign-in."""
    form = await read_form(page)
    password, repeated = form.secret("mat-khau-moi"), form.secret("nhap-lai")
    if password != repeated:
        form.refuse("nhap-lai", "password_differs")
        return await show_link(page, token, purpose, form, 422)
    try:
        await act(token, password, real_now())
    except LinkNotValid:
        return page.render("link-ended.html", status=404, purpose=purpose)
    except Invalid as refused:
        form.take(refused, {"/password": "mat-khau-moi"})
        return await show_link(page, token, purpose, form, 422)
    return page.see("/dang-nhap", "notice.password_set")


routes = [invitation, accept]
