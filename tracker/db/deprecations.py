"""Who still uses an operation that is to end: counted for each token and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracker.db.engine import execute, fetch


@dataclass(frozen=True)
class DeprecatedUse:
    """How often a token used an operation on a day (UTC), and whose token it is."""

    operation: str
    token_id: int
    token_name: str
    official_name: str
    day: date
    uses: int


async def note_deprecated_use(operation: str, token_id: int) -> None:
    """Count one use."""
    await execute(
        "INSERT INTO deprecated_use AS u (operation, token_id, day) VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date)"
        " ON CONFLICT ON CONSTRAINT deprecated_use_pk DO UPDATE SET uses = u.uses + 1",
        operation,
        token_id,
    )


async def list_deprecated_uses() -> list[DeprecatedUse]:
    """Who has to be told before the operations end, the most recent days first."""
    rows = await fetch(
        "SELECT u.operation, u.token_id, t.name, o.full_name, u.day, u.uses FROM deprecated_use u"
        " JOIN api_token t ON t.id = u.token_id JOIN official o ON o.id = t.official_id"
        " ORDER BY u.day DESC, u.operation, u.token_id LIMIT 1000"
    )
    return [DeprecatedUse(*row.values()) for row in rows]


async def delete_old_uses(limit: int) -> int:
    """Forget uses of more than 400 days ago: whoever has not come back since needs no telling."""
    return await execute(
        "DELETE FROM deprecated_use WHERE (operation, token_id, day) IN (SELECT operation, token_id, day"
        " FROM deprecated_use WHERE day < (now() AT TIME ZONE 'UTC')::date - 400 LIMIT $1)",
        limit,
    )
