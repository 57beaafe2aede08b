"""Calendar feeds: `GET /calendars/{token}.ics`, no cookie, no sign-in; the token in the address is the right.

The order of RFC 9110 §13.2.2: If-None-Match decides where it is given, else If-Modified-Since.
A feed is never compressed: its bytes are what the entity tag names, and its secret never mixes with a page.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from litestar import Request, Response, get
from litestar.background_tasks import BackgroundTask

from tracker import clock
from tracker.actions import feeds
from tracker.api.conditional import EntityTag, http_date, is_fresh, is_unmodified
from tracker.api.errors import Refusal
from tracker.api.limits import admit, admit_unknown, limits_of
from tracker.domain.errors import NotFound, Problem
from tracker.feeds.entries import Component

logger = logging.getLogger("tracker.api")

MEDIA_TYPE = "text/calendar"  # Litestar adds the charset
MAX_AGE_SECONDS = 900
_FILE = re.compile(r"(ddf_[a-z2-7]{32})\.ics")
_COMPONENTS: dict[str, Component] = {"event": "event", "todo": "todo"}


@get("/calendars/{file:str}", include_in_schema=False)
async def calendar(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The calendar of a link, or 304 without rendering when the client has it already."""
    now = clock.utc_now()
    named = _FILE.fullmatch(request.path_params["file"])
    if named is None:
        raise NotFound(noun="feed")
    component = _component(request)
    policy = limits_of(request).feed
    try:
        looked = await feeds.look(named[1], component, now, lambda feed_id: admit(request, policy, feed_id))
    except NotFound:
        await admit_unknown(request)
        raise
    note = _note(request, looked)
    if _has_it(request, looked):
        headers = _headers(looked.tag, looked.modified_at, now)
        return Response(content=b"", status_code=304, headers=headers, background=note)
    served = await feeds.render(looked)
    headers = _headers(served.tag, served.modified_at, now)
    headers["Content-Disposition"] = f'inline; filename="lich-{looked.feed.id}.ics"'
    headers["Content-Language"] = looked.feed.language
    return Response(content=served.body, headers=headers, media_type=MEDIA_TYPE, background=note)


def _component(request: Request[Any, Any, Any]) -> Component:
    """What `?as=` asks for; other parameters are ignored, since clients add their own."""
    query = request.scope["query_string"].decode("latin-1")
    given = parse_qs(query, keep_blank_values=True).get("as", ["event"])
    if len(given) != 1 or given[0] not in _COMPONENTS:
        allowed = {"allowed": ", ".join(_COMPONENTS)}
        raise Refusal("invalid_request", problems=[Problem("?as", "not_a_choice", ", ".join(given), allowed)])
    return _COMPONENTS[given[0]]


def _has_it(request: Request[Any, Any, Any], looked: feeds.Look) -> bool:
    """Whether the client's copy is current; a tag that is none of ours is no reason to refuse a calendar."""
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is not None:
        try:
            return is_fresh(if_none_match, EntityTag(looked.tag))
        except Refusal:
            return False
    return is_unmodified(request.headers.get("if-modified-since"), looked.modified_at, looked.now)


def _headers(tag: str, modified_at: datetime, now: datetime) -> dict[str, str]:
    headers = {
        "ETag": str(EntityTag(tag)),
        "Cache-Control": f"private, max-age={MAX_AGE_SECONDS}, must-revalidate",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
    }
    # A date after that of the answer must not go out (RFC 9110 §8.8.2.1): two changes within one second.
    if modified_at <= now:
        headers["Last-Modified"] = http_date(modified_at)
    return headers


def _note(request: Request[Any, Any, Any], looked: feeds.Look) -> BackgroundTask | None:
    """Noting the use after the answer has gone out, at most once a minute."""
    if not looked.is_use_worth_noting:
        return None
    return BackgroundTask(_note_use, looked, request.headers.get("user-agent", ""))


async def _note_use(looked: feeds.Look, user_agent: str) -> None:
    try:
        await feeds.note_use(looked.feed.id, user_agent, looked.now)
    except Exception:
        # The calendar has been delivered: a note that could not be written must not break the connection.
        logger.warning("the use of feed %s was not noted", looked.feed.id, exc_info=True)


routers = [calendar]
