"""Files that prove a report, opened from a page: pictures and PDF in place, everything else as a download."""

from __future__ import annotations

from urllib.parse import quote

from litestar import Response, get
from litestar.params import FromPath

from tracker.actions.attachments import fetch
from tracker.web.deciding import INLINE, INLINE_IMAGES
from tracker.web.page import open_page, parse_id
from tracker.web.state import WebRequest

# Nothing in a file of somebody else runs, loads or is framed. A picture opened by itself has no origin at all; the
# browser's own reader of PDF does not work without one.
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@get("/minh-chung/{attachment_id:str}", include_in_schema=False)
async def evidence(request: WebRequest, attachment_id: FromPath[str]) -> Response[bytes]:
    """The file as it was sent."""
    page = await open_page(request)
    file, content = await fetch(page.actor, parse_id(attachment_id))
    shows = file.media_type in INLINE
    policy = _POLICY if shows and file.media_type not in INLINE_IMAGES else f"{_POLICY}; sandbox"
    way = "inline" if shows else "attachment"
    name = quote(file.name, safe="")
    return Response(
        content=content,
        media_type=file.media_type if shows else "application/octet-stream",
        headers={
            "Content-Disposition": f"{way}; filename*=UTF-8''{name}",
            "Content-Security-Policy": policy,
            # A file never changes: the queue shows the same picture again without asking for it.
            "Cache-Control": "private, max-age=3600",
        },
    )


routes = [evidence]
