"""A forgotten password: ask for a link, which goes to the person's own mailbox, and set another by it."""

from __future__ import annotations

from functools import partial

from litestar import Response, get, post
from litestar.params import FromPath

from tracker.actions import accounts
from tracker.web.forms import Form, read_form
from tracker.web.invitation import set_by_link, show_link
from tracker.web.page import open_page, real_now
from tracker.web.state import WebRequest


@get("/quen-mat-khau", include_in_schema=False)
async def forgotten(request: WebRequest) -> Response[bytes]:
    """Where shall the link go?"""
    page = await open_page(request)
    return page.render("forgotten.html", form=Form({}), is_done="xong" in page.query)


@post("/quen-mat-khau", include_in_schema=False)
async def ask(request: WebRequest) -> Response[bytes]:
    """Send a link; the answer and its time are the same for every address."""
    page = await open_page(request)
    form = await read_form(page)
    await accounts.ask_reset(form.text("thu-dien-tu"), page.ip, real_now())
    return page.see("/quen-mat-khau?xong=1")


@get("/dat-lai-mat-khau/{token:str}", include_in_schema=False)
async def reset_page(request: WebRequest, token: FromPath[str]) -> Response[bytes]:
    """Which password do you want instead?"""
    page = await open_page(request)
    return await show_link(page, token, "reset", Form({}))


@post("/dat-lai-mat-khau/{token:str}", include_in_schema=False)
async def reset(request: WebRequest, token: FromPath[str]) -> Response[bytes]:
    """Set another password; every session of the person ends."""
    page = await open_page(request)
    return await set_by_link(page, token, "reset", partial(accounts.reset_password, ip=page.ip))


routes = [forgotten, ask, reset_page, reset]
