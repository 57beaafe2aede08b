"""API tokens: only their SHA-256 is kept, with what they may do and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from tracker.db.actors import ACTOR_COLUMNS, actor_from
from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound


@dataclass(frozen=True)
class ApiToken:
    """A token as its owner sees it; the secret itself is shown once, at creation."""

    id: int
    official_id: int
    official_name: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    expires_at: datetime | None
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str = ""
    allowed_networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bearer:
    """Who speaks with a token that is in force, and from which networks they may; none means any."""

    token_id: int
    actor: Actor
    last_used_at: datetime | None
    last_used_ip: str = ""
    allowed_networks: tuple[str, ...] = ()


def _token(row: Record) -> ApiToken:
    return ApiToken(
        id=row["id"],
        official_id=row["official_id"],
        official_name=row["full_name"],
        name=row["name"],
        hint=row["token_hint"],
        scopes=tuple(row["scopes"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        last_used_ip=row["last_used_ip"],
        allowed_networks=tuple(row["allowed_networks"]),
    )


async def find_bearer(token_hash: bytes, now: datetime) -> Bearer | None:
    """The holder of a token, unless it ran out, or it or its official was switched off."""
    row = await fetchrow(
        f"""
        SELECT t.id AS token_id, t.scopes, t.last_used_at, t.last_used_ip, t.allowed_networks, {ACTOR_COLUMNS}
        FROM api_token t JOIN official o ON o.id = t.official_id
        WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND o.is_active
          AND (t.expires_at IS NULL OR t.expires_at > $2)
        """,
        token_hash,
        now,
    )
    if row is None:
        return None
    return Bearer(
        row["token_id"],
        actor_from(row, row["scopes"]),
        row["last_used_at"],
        row["last_used_ip"],
        tuple(row["allowed_networks"]),
    )


async def mark_token_used(token_id: int, ip: str, now: datetime) -> None:
    """Remember the last use, and from which address."""
    await execute(
        "UPDATE api_token SET last_used_at = $2, last_used_ip = $3 WHERE id = $1", token_id, now, ip
    )


async def count_tokens_in_force(official_id: int, now: datetime) -> int:
    """How many tokens a person could use."""
    count: int = await fetchval(
        "SELECT count(*) FROM api_token WHERE official_id = $1 AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > $2)",
        official_id,
        now,
    )
    return count


async def insert_token(
    official_id: int,
    name: str,
    token_hash: bytes,
    hint: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    allowed_networks: Sequence[str],
    now: datetime,
) -> int:
    """A new token of an official; its id."""
    token_id: int = await fetchval(
        """
        INSERT INTO api_token (official_id, name, token_hash, token_hint, scopes, expires_at, allowed_networks,
                               created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
        """,
        official_id,
        name,
        token_hash,
        hint,
        list(scopes),
        expires_at,
        list(allowed_networks),
        now,
    )
    return token_id


def _owned(viewer: Actor) -> tuple[str, list[object]]:
    """Everybody sees their own tokens; the system sees all."""
    return ("true", []) if viewer.is_system else ("t.official_id = $1", [viewer.official_id])


async def list_tokens(viewer: Actor) -> list[ApiToken]:
    """The viewer's tokens, newest first; revoked ones too, so that their last use can be seen."""
    condition, arguments = _owned(viewer)
    rows = await fetch(
        "SELECT t.*, o.full_name FROM api_token t JOIN official o ON o.id = t.official_id"
        f" WHERE {condition} ORDER BY t.id DESC LIMIT 500",
        *arguments,
    )
    return [_token(row) for row in rows]


async def get_token(viewer: Actor, token_id: int) -> ApiToken:
    """One of the viewer's tokens. Raises NotFound."""
    condition, arguments = _owned(viewer)
    row = await fetchrow(
        "SELECT t.*, o.full_name FROM api_token t JOIN official o ON o.id = t.official_id"
        f" WHERE {condition} AND t.id = ${len(arguments) + 1}",
        *arguments,
        token_id,
    )
    if row is None:
        raise NotFound(noun="token", id=token_id)
    return _token(row)


async def mark_token_revoked(token_id: int, now: datetime) -> bool:
    """Switch a token off; False when it was off already."""
    return (
        await execute(
            "UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", token_id, now
        )
        == 1
    )
