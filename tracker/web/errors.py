"""Refusals and failures as pages in the house style; what they say comes from the same place as the API's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from tracker.api.errors import Refusal, problem_details
from tracker.api.negotiation import language_of, media_type_of
from tracker.api.security import refusal_as_problem
from tracker.domain.errors import NotPermitted
from tracker.web.forms import read_form
from tracker.web.page import HTML, KEPT_KEY, Page, SignInNeeded, local_path, open_page, open_plain_page
from tracker.web.rendering import render
from tracker.web.state import WebRequest
from tracker.web.uploads import MULTIPART, read_upload_form
from tracker.web.wording import sentence

HTML_TYPE = "text/html"

logger = logging.getLogger("tracker.web")


class ErrorPage(Response[bytes]):
    """An answer that is made when it is sent: Litestar's error handlers cannot wait, and a page asks who reads it."""

    def __init__(self, request: WebRequest, exception: Exception) -> None:
        super().__init__(content=b"")
        self._of = request, exception

    def to_asgi_response(self, *args: Any, **kwargs: Any) -> Any:
        """The page as an ASGI application."""
        request, exception = self._of

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            page = await page_of_error(request, exception)
            asgi: ASGIApp = page.to_asgi_response(*args, **kwargs)
            await asgi(scope, receive, send)

        return answer


async def page_of_error(request: WebRequest, exception: Exception) -> Response[bytes]:
    """The page that tells what went wrong; a page that needs a reader leads to the sign-in."""
    request_id = str(request.scope.get("state", {}).get("request_id", ""))
    try:
        page = await open_page(request)
    except Exception:
        # Whatever is broken, an answer is owed; without a reader it needs no database.
        page = await open_plain_page(request)
    if isinstance(exception, SignInNeeded):
        return sign_in(page, await _with_form(page, exception))
    problem, headers = problem_details(exception, page.language, request_id)
    if problem.status >= 500:
        logger.error("page failed", exc_info=exception, extra={"request_id": request_id})
    return page.render(
        "error.html",
        detail=_detail(page, exception, problem.detail),
        status=problem.status,
        headers={name: value for name, value in headers.items() if name.lower() != "content-type"},
        problem=problem,
        kind=_kind(problem.status),
    )


def _detail(page: Page, exception: Exception, told: str) -> str:
    """What the problem says; a refused role reads by their words which roles may."""
    if not isinstance(exception, NotPermitted) or exception.code != NotPermitted.code:
        return told
    allowed = exception.params.get("allowed")
    if not isinstance(allowed, tuple) or not allowed:
        return ""
    words = ", ".join(page.word("role", role) for role in allowed)
    if page.request.method in ("GET", "HEAD"):
        return page.s("error.403.only", allowed=words)
    return page.s("not_permitted", allowed=words)


def _kind(status: int) -> str:
    """Which explanation the page carries."""
    known = {401: "403", 403: "403", 404: "404", 405: "404", 409: "409", 412: "409", 503: "503"}
    return known.get(status, "500" if status >= 500 else "400")


async def _with_form(page: Page, needed: SignInNeeded) -> SignInNeeded:
    """The same, with the form kept that came too late, wherever its page had stopped reading it."""
    if page.request.method != "POST" or not page.has_ended or needed.kept_id is not None:
        return needed
    kind = page.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == MULTIPART:
            await read_upload_form(page, most_files=0, most_bytes=0)
        else:
            await read_form(page)
    except SignInNeeded as kept:
        return kept
    except (Refusal, NotPermitted):
        logger.info("a form that came too late could not be kept")
    return needed


def sign_in(page: Page, needed: SignInNeeded) -> Response[bytes]:
    """To the sign-in, and back afterwards; whoever must set up the second factor first, there."""
    there = page.address() if page.request.method in ("GET", "HEAD") else needed.kept_from or _came_from(page)
    if there and needed.kept_id is not None:
        there += f"{'&' if '?' in there else '?'}{KEPT_KEY}={needed.kept_id}"
    door = "/dang-nhap" if page.enrolling is None else "/toi/bao-mat/hai-buoc"
    return page.see(f"{door}?{urlencode({'tiep': there})}" if there else door)


def _came_from(page: Page) -> str:
    """The page that a form stood on, when it was one of ours: what the form is sent to may be no page."""
    referer = urlsplit(page.request.headers.get("referer", ""))
    if referer.netloc != page.request.headers.get("host"):
        return ""
    return local_path(referer.path + (f"?{referer.query}" if referer.query else ""), "")


def refused_page(
    scope: Scope, refusal: Refusal | Exception, request_id: str
) -> tuple[int, Mapping[str, str], bytes]:
    """The answer to a request that the guard refused before any page saw it: short, and still in the house style."""
    headers = dict(scope["headers"])
    accept = headers.get(b"accept", b"").decode("latin-1")
    if (
        scope["path"].startswith("/api/")
        or media_type_of(accept, ("application/json", HTML_TYPE)) != HTML_TYPE
    ):
        return refusal_as_problem(scope, refusal, request_id)
    language = language_of(headers.get(b"accept-language", b"").decode("latin-1"))
    problem, extra = problem_details(refusal, language, request_id)
    body = render(
        "refused.html", {"language": language, "problem": problem, "t": partial(sentence, language)}
    )
    return (
        problem.status,
        {**extra, "Content-Type": f"{HTML}; charset=utf-8", "Content-Language": language},
        body,
    )
