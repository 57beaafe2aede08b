"""Who was urged for what, as the history tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import fetch


async def list_urged(assignment_ids: Sequence[int], since: datetime) -> dict[int, dict[int, datetime]]:
    """For each assignment the people urged after `since`, each with the last time."""
    rows = await fetch(
        "SELECT assignment_id, at, detail::text AS detail FROM history"
        " WHERE verb = 'urge' AND assignment_id = ANY($1::bigint[]) AND at > $2 ORDER BY at",
        list(assignment_ids),
        since,
    )
    found: dict[int, dict[int, datetime]] = {}
    for row in rows:
        for official_id in json.loads(row["detail"]).get("to", []):
            found.setdefault(row["assignment_id"], {})[int(official_id)] = row["at"]
    return found


@dataclass(frozen=True, slots=True)
class Urged:
    """What somebody was urged with."""

    urged_by: str
    sentence: str
    answer_by: date | None


async def find_last_urge(assignment_id: int, official_id: int) -> Urged | None:
    """The last urge of this person for this assignment."""
    rows = await fetch(
        "SELECT actor_name, reason, (detail->>'answer_by')::date AS answer_by FROM history"
        " WHERE verb = 'urge' AND assignment_id = $1 AND detail->'to' ? $2::text ORDER BY at DESC, id DESC LIMIT 1",
        assignment_id,
        str(official_id),
    )
    return Urged(*rows[0].values()) if rows else None
