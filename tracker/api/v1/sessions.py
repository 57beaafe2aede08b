"""Your web sessions: listed and ended. A token begins none; with the scope to manage it may end them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from tracker import clock
from tracker.actions import sessions as actions
from tracker.api.endpoint import Call, Reply, endpoint
from tracker.api.strict import Id, NoBody, NoQuery
from tracker.domain.access import Verb


class WebSession(Struct):
    """A session in force, with where and by what it was begun."""

    id: Id
    method: Literal["password", "oidc", "demonstration"]
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ip: str
    user_agent: str
    has_second_factor: bool


class SessionList(Struct):
    """Your sessions in force, the last used first."""

    items: list[WebSession]


@endpoint(
    "GET",
    "/sessions",
    id="listSessions",
    summary="List your web sessions",
    tag="Sessions",
    verb=Verb.MANAGE_SESSIONS,
    answer=SessionList,
)
async def list_sessions(call: Call[NoQuery, NoBody]) -> Reply:
    """Every session of yours that is in force."""
    found = await actions.list_sessions(call.actor, call.now - clock.offset())
    return Reply(
        SessionList(
            [
                WebSession(
                    id=str(session.id),
                    method=session.method,
                    started_at=session.started_at,
                    last_seen_at=session.last_seen_at,
                    expires_at=session.expires_at,
                    ip=session.ip,
                    user_agent=session.user_agent,
                    has_second_factor=session.second_factor_at is not None,
                )
                for session in found
            ]
        )
    )


@endpoint(
    "DELETE",
    "/sessions/{session_id}",
    id="revokeSession",
    summary="End a web session",
    tag="Sessions",
    verb=Verb.MANAGE_SESSIONS,
    status=204,
    refusals=("not_found",),
    description="At once: the browser is led to the sign-in at its next step. A session changes in nothing else.",
)
async def revoke_session(call: Call[NoQuery, NoBody]) -> Reply:
    """End one of your sessions."""
    await actions.revoke_session(call.actor, call.ids["session_id"], call.now - clock.offset())
    return Reply(None)


handlers = [list_sessions, revoke_session]
