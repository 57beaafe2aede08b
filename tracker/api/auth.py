"""Who speaks: the holder of an API token, `Authorization: Bearer ddt_…` (bar A15)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from litestar import Request

from tracker.actions.tokens import TOKEN, hash_of, require_allowed
from tracker.api.errors import Refusal
from tracker.api.limits import admit_unknown
from tracker.db.engine import look_as
from tracker.db.tokens import Bearer, find_bearer, mark_token_used

# Writing every single use down would make every read a write.
USE_IS_NOTED_EVERY = timedelta(minutes=1)
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="tracker"'}


async def authenticate(request: Request[Any, Any, Any], now: datetime) -> Bearer:
    """The holder of the request's token. Raises Refusal unauthenticated, whatever is wrong with it.

    A token in force that is used from a network it was not made for is AddressNotAllowed: its holder must know.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    token = credentials.strip()
    if scheme.lower() != "bearer" or not TOKEN.fullmatch(token):
        raise Refusal("unauthenticated", headers=_CHALLENGE)
    bearer = await find_bearer(hash_of(token), now)
    if bearer is None:
        await admit_unknown(request)
        raise Refusal(
            "unauthenticated", headers={"WWW-Authenticate": 'Bearer realm="tracker", error="invalid_token"'}
        )
    address = request.client.host if request.client is not None else ""
    require_allowed(bearer, address)
    look_as(bearer.actor)
    is_news = address != bearer.last_used_ip
    if is_news or bearer.last_used_at is None or now - bearer.last_used_at >= USE_IS_NOTED_EVERY:
        await mark_token_used(bearer.token_id, address, now)
    return bearer
