"""Settings that people turn while the service runs, and the heartbeats of its jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tracker.db.engine import execute, fetch, fetchval


async def get_switch(key: str) -> object:
    """The stored value, or None."""
    value = await fetchval("SELECT value::text FROM setting WHERE key = $1", key)
    return None if value is None else json.loads(value)


async def set_switch(key: str, value: object) -> None:
    """Store `value` under `key`."""
    await execute(
        "INSERT INTO setting (key, value, changed_at) VALUES ($1, $2::jsonb, now())"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value, changed_at = now()",
        key,
        json.dumps(value),
    )


async def lock_switch(key: str, default: object) -> object:
    """The stored value, `default` where none stands; nobody else changes it until this transaction ends."""
    await execute(
        "INSERT INTO setting (key, value, changed_at) VALUES ($1, $2::jsonb, now()) ON CONFLICT DO NOTHING",
        key,
        json.dumps(default),
    )
    return json.loads(await fetchval("SELECT value::text FROM setting WHERE key = $1 FOR UPDATE", key))


async def is_sending_paused() -> bool:
    """Whether an operator has paused sending; nothing is lost meanwhile."""
    return bool(await get_switch("sending_paused"))


async def why_sending_is_paused() -> str | None:
    """The words given when sending was paused, "" where none were; None while it goes on."""
    rows = await fetch(
        "SELECT key, value::text AS value FROM setting WHERE key IN ('sending_paused', 'sending')"
    )
    told = {row["key"]: json.loads(row["value"]) for row in rows}
    if not told.get("sending_paused"):
        return None
    stands = told.get("sending")
    return str(stands.get("reason", "")) if isinstance(stands, dict) else ""


@dataclass(frozen=True)
class Heartbeat:
    """When a job last ended well (the database's clock), how long ago in seconds, and what it counted."""

    name: str
    at: datetime
    age_seconds: float
    detail: dict[str, object]


async def beat(name: str, detail: Mapping[str, object]) -> None:
    """Say that the job `name` ended well just now."""
    await execute(
        "INSERT INTO heartbeat (name, at, detail) VALUES ($1, now(), $2::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET at = now(), detail = excluded.detail",
        name,
        json.dumps(detail),
    )


async def list_heartbeats() -> list[Heartbeat]:
    """Every job that ever ended well, by name."""
    rows = await fetch(
        "SELECT name, at, detail::text AS detail, extract(epoch FROM now() - at)::float8 AS age"
        " FROM heartbeat ORDER BY name"
    )
    return [Heartbeat(r["name"], r["at"], r["age"], json.loads(r["detail"])) for r in rows]
