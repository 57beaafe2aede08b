"""The history: who did what, when and why, written in the transaction that did it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from tracker.db.engine import execute, fetch
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor


@dataclass(frozen=True)
class HistoryEntry:
    """One change to be written; `detail` keeps the values before and after, as JSON."""

    verb: str
    directive_id: int | None = None
    task_id: int | None = None
    assignment_id: int | None = None
    reason: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class HistoryRow:
    """One change as it was written."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    verb: str
    assignment_id: int | None
    task_id: int | None
    reason: str
    detail: dict[str, object]


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)


async def insert_history(actor: Actor, entries: Sequence[HistoryEntry], now: datetime) -> None:
    """Write `entries` as done by `actor` at `now`, in one statement."""
    await execute(
        """
        INSERT INTO history (at, actor_id, actor_name, verb, directive_id, task_id, assignment_id, reason, detail)
        SELECT $1, $2, $3, e.* FROM unnest($4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
                                           $9::jsonb[]) AS e
        """,
        now,
        actor.official_id,
        actor.name,
        [e.verb for e in entries],
        [e.directive_id for e in entries],
        [e.task_id for e in entries],
        [e.assignment_id for e in entries],
        [e.reason for e in entries],
        [json.dumps(e.detail, ensure_ascii=False, default=_plain) for e in entries],
    )


async def list_history(viewer: Actor, assignment_id: int) -> list[HistoryRow]:
    """The story of one assignment, oldest first: its own changes and those of its task and directive."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT h.* FROM assignment a
        JOIN history h ON h.assignment_id = a.id
             OR (h.assignment_id IS NULL AND h.task_id = a.task_id)
             OR (h.assignment_id IS NULL AND h.task_id IS NULL AND h.directive_id = a.directive_id)
        WHERE a.id = $1 AND {condition} ORDER BY h.at, h.id
        """,
        assignment_id,
        *arguments,
    )
    return [
        HistoryRow(
            id=r["id"],
            at=r["at"],
            actor_id=r["actor_id"],
            actor_name=r["actor_name"],
            verb=r["verb"],
            assignment_id=r["assignment_id"],
            task_id=r["task_id"],
            reason=r["reason"],
            detail=json.loads(r["detail"]) if isinstance(r["detail"], str) else dict(r["detail"]),
        )
        for r in rows
    ]
