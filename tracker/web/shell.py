"""What belongs to every page: the keys it knows, and the session that is kept while somebody writes."""

from __future__ import annotations

from litestar import Response, get

from tracker.web.page import SignInNeeded, open_page
from tracker.web.state import WebRequest

KEYS = ("/", "j", "k", "Enter", "x", "u", "a", "r", "n", "g h", "g v", "g k", "?", "Esc")


@get("/phim-tat", include_in_schema=False)
async def keys(request: WebRequest) -> Response[bytes]:
    """Which keys do what?"""
    page = await open_page(request)
    if page.visitor is None:
        raise SignInNeeded
    listed = [(key, page.s(f"keys.{key.lower().replace(' ', '_')}")) for key in KEYS]
    return page.render("keys.html", keys=listed)


@get("/phien", include_in_schema=False)
async def stay(request: WebRequest) -> Response[bytes]:
    """Keep the session: it was just used, and so many seconds are left of it (text)."""
    page = await open_page(request)
    if page.login is None:
        return Response(content=b"", status_code=401, media_type="text/plain")
    return Response(content=str(page.rest_seconds).encode(), media_type="text/plain")


routes = [keys, stay]
