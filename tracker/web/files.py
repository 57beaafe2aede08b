"""The stylesheet, the script and the pictures: made once, kept by browsers for as long as their address stays."""

from litestar import Response, get
from litestar.params import FromPath

from tracker.domain.errors import NotFound
from tracker.web.rendering import static_files


def _answer(name: str, cache_control: str) -> Response[bytes]:
    found = static_files().get(name)
    if found is None:
        raise NotFound()
    body, media_type = found
    return Response(content=body, media_type=media_type, headers={"Cache-Control": cache_control})


@get("/static/{name:path}", include_in_schema=False)
async def static_file(name: FromPath[str]) -> Response[bytes]:
    """A file whose address carries a mark of its content."""
    return _answer(str(name).lstrip("/"), "public, max-age=31536000, immutable")


@get("/favicon.ico", include_in_schema=False)
async def favicon() -> Response[bytes]:
    """What browsers ask for unasked."""
    return _answer("mark.svg", "public, max-age=86400")


routes = [static_file, favicon]
