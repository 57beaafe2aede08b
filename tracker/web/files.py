"""The stylesheet, the script and the pictures: made once, kept by browsers for as long as their address stays."""

import gzip
from functools import cache

from litestar import Response, get
from litestar.params import FromPath

from tracker.domain.errors import NotFound
from tracker.web.rendering import static_files
from tracker.web.state import WebRequest


@cache
def _zipped(name: str) -> bytes:
    """A file as it goes over the line; the same bytes whoever starts the service."""
    return gzip.compress(static_files()[name][0], 9, mtime=0)


def _answer(request: WebRequest, name: str, cache_control: str) -> Response[bytes]:
    """The file, zipped where that is taken. Pages are not: what is secret on them could be guessed by their length."""
    found = static_files().get(name)
    if found is None:
        raise NotFound()
    body, media_type = found
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(_zipped(name)) < len(body):
        body = _zipped(name)
        headers["Content-Encoding"] = "gzip"
    return Response(content=body, media_type=media_type, headers=headers)


@get("/static/{name:path}", include_in_schema=False)
async def static_file(request: WebRequest, name: FromPath[str]) -> Response[bytes]:
    """A file whose address carries a mark of its content."""
    return _answer(request, str(name).lstrip("/"), "public, max-age=31536000, immutable")


@get("/favicon.ico", include_in_schema=False)
async def favicon(request: WebRequest) -> Response[bytes]:
    """What browsers ask for unasked."""
    return _answer(request, "mark.svg", "public, max-age=86400")


routes = [static_file, favicon]
