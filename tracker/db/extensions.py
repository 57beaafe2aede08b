"""Requests for more time, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.drafts import NewExtension
from tracker.domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class Extension:
    """One request; `asked_late` says that it came after the deadline."""

    id: int
    assignment_id: int
    requested_by: int
    requested_at: datetime
    reason: str
    due_before: date
    proposed_on: date
    asked_late: bool
    state: str
    granted_on: date | None
    decided_by: int | None
    decided_at: datetime | None
    document: str
    decision_reason: str


_COLUMNS = ", ".join(f"e.{name}" for name in Extension.__dataclass_fields__)


async def insert_extension(
    assignment_id: int,
    new: NewExtension,
    due_before: date,
    asked_late: bool,
    requested_by: int,
    now: datetime,
) -> int:
    """One pending request."""
    extension_id: int = await fetchval(
        "INSERT INTO extension (assignment_id, requested_by, requested_at, reason, due_before, proposed_on, asked_late)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        assignment_id,
        requested_by,
        now,
        new.reason,
        due_before,
        new.proposed_on,
        asked_late,
    )
    return extension_id


async def get_extension(viewer: Actor, extension_id: int) -> Extension:
    """One request. Raises NotFound, also where the viewer may not know of it."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(
        f"SELECT {_COLUMNS} FROM extension e JOIN assignment a ON a.id = e.assignment_id"
        f" WHERE e.id = $1 AND {condition}",
        extension_id,
        *arguments,
    )
    if row is None:
        raise NotFound(noun="extension", id=extension_id)
    return Extension(**dict(row))


async def find_pending_extension(assignment_id: int) -> Extension | None:
    """The request that waits for an answer."""
    row = await fetchrow(
        f"SELECT {_COLUMNS} FROM extension e WHERE e.assignment_id = $1 AND e.state = 'pending'",
        assignment_id,
    )
    return None if row is None else Extension(**dict(row))


async def decide_extension(
    extension_id: int,
    state: str,
    granted_on: date | None,
    decided_by: int,
    document: str,
    reason: str,
    now: datetime,
) -> bool:
    """Answer a pending request; False when somebody was first."""
    touched = await execute(
        "UPDATE extension SET state = $2, granted_on = $3, decided_by = $4, document = $5, decision_reason = $6,"
        " decided_at = $7 WHERE id = $1 AND state = 'pending'",
        extension_id,
        state,
        granted_on,
        decided_by,
        document,
        reason,
        now,
    )
    return touched == 1


async def list_extensions(viewer: Actor, assignment_id: int) -> list[Extension]:
    """The requests of one assignment, oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM extension e JOIN assignment a ON a.id = e.assignment_id"
        f" WHERE e.assignment_id = $1 AND {condition} ORDER BY e.requested_at, e.id",
        assignment_id,
        *arguments,
    )
    return [Extension(**dict(r)) for r in rows]
