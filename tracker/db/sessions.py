"""Web sessions: opaque tokens of which only the hash is kept, with a limit of rest and one of age.

Times are the database's; what is in time is asked of the later of two clocks, the database's and the caller's, and a
session that was seen in what is now the future has met a clock that was set back, and ends (attack case 86).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.directory import Role

Method = Literal["password", "oidc", "demonstration"]
Reason = Literal[
    "signed_out",
    "signed_in_again",
    "revoked",
    "password_changed",
    "password_reset",
    "second_factor",
    "disabled",
    "role_changed",
    "clock",
]

IDLE = timedelta(minutes=30)
LIFE = timedelta(hours=12)
TOUCH_EVERY = timedelta(minutes=1)
SKEW = timedelta(minutes=1)
"""By so much clocks may differ without harm."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session in force. `has_second_factor` speaks of the person's account, not of this session."""

    id: int
    official_id: int
    method: Method
    role: Role
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime
    second_factor_at: datetime | None
    ip: str
    user_agent: str
    has_second_factor: bool
    is_stale: bool


_SELECT = """
SELECT s.*, o.role, a.totp_confirmed_at IS NOT NULL AS has_second_factor,
       s.last_seen_at < now() - $2::interval AS is_stale
FROM web_session s JOIN official o ON o.id = s.official_id LEFT JOIN account a ON a.official_id = s.official_id
"""
_IN_FORCE = """
s.ended_at IS NULL AND o.is_active AND s.expires_at > greatest(now(), $1)
AND s.last_seen_at > greatest(now(), $1) - $3::interval AND s.last_seen_at <= now() + $4::interval
"""


def _session(row: Record) -> Session:
    return Session(
        id=row["id"],
        official_id=row["official_id"],
        method=row["method"],
        role=Role(row["role"]),
        started_at=row["started_at"],
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
        authenticated_at=row["authenticated_at"],
        second_factor_at=row["second_factor_at"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        has_second_factor=row["has_second_factor"],
        is_stale=row["is_stale"],
    )


async def insert_session(
    official_id: int,
    method: Method,
    token_hash: bytes,
    *,
    has_second_factor: bool,
    ip: str,
    user_agent: str,
) -> int:
    """A new session; its id."""
    row = await fetchrow(
        """
        INSERT INTO web_session (token_hash, official_id, method, expires_at, second_factor_at, ip, user_agent)
        VALUES ($1, $2, $3, now() + $4, CASE WHEN $5 THEN now() END, $6, $7) RETURNING id
        """,
        token_hash,
        official_id,
        method,
        LIFE,
        has_second_factor,
        ip,
        user_agent,
    )
    assert row is not None
    session_id: int = row["id"]
    return session_id


async def find_session(token_hash: bytes, now: datetime) -> Session | None:
    """The session of a token while it is in force and its person in office."""
    row = await fetchrow(
        f"{_SELECT} WHERE {_IN_FORCE} AND s.token_hash = $5", now, TOUCH_EVERY, IDLE, SKEW, token_hash
    )
    return None if row is None else _session(row)


async def find_owner_of_expired(token_hash: bytes) -> int | None:
    """Whose session it was, when it ended by rest or age alone and its person is still in office; else None."""
    owner: int | None = await fetchval(
        "SELECT s.official_id FROM web_session s JOIN official o ON o.id = s.official_id AND o.is_active"
        " WHERE s.token_hash = $1 AND s.ended_at IS NULL",
        token_hash,
    )
    return owner


async def end_met_by_clock(token_hash: bytes) -> bool:
    """End a session that was seen in the future: the clock was set back. Whether it was so."""
    touched = await execute(
        "UPDATE web_session SET ended_at = now(), ended_because = 'clock'"
        " WHERE token_hash = $1 AND ended_at IS NULL AND last_seen_at > now() + $2::interval",
        token_hash,
        SKEW,
    )
    return touched == 1


async def mark_seen(session_id: int) -> bool:
    """Remember that the session is used; at most once a minute something is written."""
    touched = await execute(
        "UPDATE web_session SET last_seen_at = now()"
        " WHERE id = $1 AND ended_at IS NULL AND last_seen_at < now() - $2::interval",
        session_id,
        TOUCH_EVERY,
    )
    return touched == 1


async def mark_renewed(session_id: int, token_hash: bytes) -> bool:
    """Give a session another token: the old one opens nothing any more."""
    touched = await execute(
        "UPDATE web_session SET token_hash = $2 WHERE id = $1 AND ended_at IS NULL", session_id, token_hash
    )
    return touched == 1


async def mark_authenticated(session_id: int, official_id: int, *, second_factor: bool = False) -> bool:
    """The person has just proved again who they are; with `second_factor` by that too."""
    touched = await execute(
        "UPDATE web_session SET authenticated_at = now(),"
        " second_factor_at = CASE WHEN $3 THEN now() ELSE second_factor_at END"
        " WHERE id = $1 AND official_id = $2 AND ended_at IS NULL",
        session_id,
        official_id,
        second_factor,
    )
    return touched == 1


async def is_recently_authenticated(session_id: int, official_id: int, within: timedelta) -> bool:
    """Whether the person of this session proved who they are lately."""
    row = await fetchrow(
        "SELECT FROM web_session WHERE id = $1 AND official_id = $2 AND ended_at IS NULL"
        " AND authenticated_at BETWEEN now() - $3::interval AND now() + $4::interval",
        session_id,
        official_id,
        within,
        SKEW,
    )
    return row is not None


async def list_sessions(official_id: int, now: datetime) -> list[Session]:
    """The person's sessions in force, the last used first."""
    rows = await fetch(
        f"{_SELECT} WHERE {_IN_FORCE} AND s.official_id = $5 ORDER BY s.last_seen_at DESC, s.id DESC LIMIT 200",
        now,
        TOUCH_EVERY,
        IDLE,
        SKEW,
        official_id,
    )
    return [_session(row) for row in rows]


async def end_session(session_id: int, official_id: int, because: Reason) -> bool:
    """End one session of a person; False when it is none of theirs, or had ended."""
    touched = await execute(
        "UPDATE web_session SET ended_at = now(), ended_because = $3"
        " WHERE id = $1 AND official_id = $2 AND ended_at IS NULL",
        session_id,
        official_id,
        because,
    )
    return touched == 1


async def end_sessions(official_id: int, because: Reason, *, except_id: int | None = None) -> int:
    """End all sessions of a person, or all but one; how many."""
    return await execute(
        "UPDATE web_session SET ended_at = now(), ended_because = $2"
        " WHERE official_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $3",
        official_id,
        because,
        except_id,
    )


async def delete_old_sessions(limit: int) -> int:
    """Forget sessions that ran out thirty days ago; how many, at most `limit`."""
    return await execute(
        "DELETE FROM web_session WHERE id IN (SELECT id FROM web_session"
        " WHERE expires_at < now() - interval '30 days' ORDER BY expires_at LIMIT $1)",
        limit,
    )
