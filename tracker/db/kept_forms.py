"""What somebody typed into a form whose session had ended: kept for a day, for the person who typed it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from tracker.db.engine import execute, fetchval

LIFE = timedelta(days=1)
MOST_OF_ONE = 20
"""So many forms are kept for a person; the oldest go first."""


async def insert_kept_form(official_id: int, path: str, fields: Mapping[str, Sequence[str]]) -> int:
    """Keep the fields of a form; its id."""
    kept: int = await fetchval(
        "INSERT INTO kept_form (official_id, path, fields) VALUES ($1, $2, $3::jsonb) RETURNING id",
        official_id,
        path,
        json.dumps(fields),
    )
    await execute(
        "DELETE FROM kept_form WHERE official_id = $1 AND id NOT IN"
        " (SELECT id FROM kept_form WHERE official_id = $1 ORDER BY id DESC LIMIT $2)",
        official_id,
        MOST_OF_ONE,
    )
    return kept


async def find_kept_form(official_id: int, kept_id: int) -> dict[str, list[str]] | None:
    """The fields that a person typed; None for what is somebody else's, or too old."""
    fields = await fetchval(
        "SELECT fields::text FROM kept_form WHERE id = $1 AND official_id = $2 AND kept_at > now() - $3::interval",
        kept_id,
        official_id,
        LIFE,
    )
    return None if fields is None else json.loads(fields)


async def delete_old_kept_forms(limit: int) -> int:
    """Forget forms that nobody came back for; how many, at most `limit`."""
    return await execute(
        "DELETE FROM kept_form WHERE id IN"
        " (SELECT id FROM kept_form WHERE kept_at < now() - $1::interval ORDER BY kept_at LIMIT $2)",
        LIFE,
        limit,
    )
