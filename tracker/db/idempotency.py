"""Answers kept under a client's key, written in the transaction of the effect they tell of (bar A3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tracker.db.engine import execute, fetchrow, fetchval

KEPT_FOR = "24 hours"


@dataclass(frozen=True)
class KeptAnswer:
    """The answer to a request that was carried out, and the fingerprint of that request."""

    request_hash: bytes
    status: int
    headers: dict[str, str]
    body: bytes


async def try_lock_key(official_id: int, key: str) -> bool:
    """Take the key until the open transaction ends; False while another request holds it."""
    taken: bool = await fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 710))", f"idempotency {official_id} {key}"
    )
    return taken


async def find_answer(official_id: int, key: str) -> KeptAnswer | None:
    """The answer kept under the key, if it is not too old."""
    row = await fetchrow(
        "SELECT request_hash, status, headers::text AS headers, body FROM idempotency_key"
        f" WHERE official_id = $1 AND key = $2 AND created_at > now() - interval '{KEPT_FOR}'",
        official_id,
        key,
    )
    if row is None:
        return None
    return KeptAnswer(row["request_hash"], row["status"], json.loads(row["headers"]), row["body"])


async def insert_answer(
    official_id: int, key: str, request_hash: bytes, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Keep an answer; one that is too old gives way."""
    await execute(
        """
        INSERT INTO idempotency_key (official_id, key, request_hash, status, headers, body)
        VALUES ($1, $2, $3, $4, $5::jsonb, $6)
        ON CONFLICT (official_id, key) DO UPDATE SET request_hash = excluded.request_hash,
            status = excluded.status, headers = excluded.headers, body = excluded.body, created_at = now()
        """,
        official_id,
        key,
        request_hash,
        status,
        json.dumps(dict(headers)),
        body,
    )


async def delete_old_answers(limit: int = 1000) -> int:
    """Remove answers nobody may ask for again, at most `limit`; returns how many."""
    return await execute(
        "DELETE FROM idempotency_key WHERE (official_id, key) IN (SELECT official_id, key FROM idempotency_key"
        f" WHERE created_at <= now() - interval '{KEPT_FOR}' ORDER BY created_at LIMIT $1)",
        limit,
    )
