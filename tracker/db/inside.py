"""Who inside an agency works on an assignment, and the notes its people write; row-level security keeps them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.assignments import WORKING_STATES
from tracker.domain.directory import AGENCY_ROLES, Actor


@dataclass(frozen=True, slots=True)
class InternalAssignment:
    """Somebody inside works on an assignment, until `due_on` if that is set; `ended_at` when somebody else does."""

    id: int
    assignment_id: int
    official_id: int
    name: str
    position: str
    due_on: date | None
    assigned_by: int
    giver: str
    assigned_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class InternalNote:
    """A note; the assigning side sees it once it is shared."""

    id: int
    assignment_id: int
    official_id: int
    author: str
    body: str
    created_at: datetime
    shared_at: datetime | None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody a task can be passed on to; `unit` where they belong to another body than the one charged."""

    id: int
    name: str
    position: str
    unit: str


@dataclass(frozen=True, slots=True)
class Reminded:
    """An internal date of which somebody is to be reminded."""

    id: int
    assignment_id: int
    official_id: int


_SELECT = """
SELECT i.id, i.assignment_id, i.official_id, o.full_name AS name, o.position, i.due_on, i.assigned_by,
       g.full_name AS giver, i.assigned_at, i.ended_at
FROM internal_assignment i JOIN official o ON o.id = i.official_id JOIN official g ON g.id = i.assigned_by
"""
_NOTE = """
SELECT n.id, n.assignment_id, n.official_id, o.full_name AS author, n.body, n.created_at, n.shared_at
FROM internal_note n JOIN official o ON o.id = n.official_id
"""


def mine(viewer: Actor, first: int = 1) -> tuple[str, list[object]]:
    """A condition over assignment `a`: passed on to the viewer inside the agency, and still with them."""
    condition = (
        "EXISTS (SELECT 1 FROM internal_assignment i WHERE i.assignment_id = a.id"
        f" AND i.official_id = ${first} AND i.ended_at IS NULL)"
    )
    return condition, [viewer.official_id]


async def find_live(assignment_id: int) -> InternalAssignment | None:
    """Who works on it now."""
    row = await fetchrow(f"{_SELECT} WHERE i.assignment_id = $1 AND i.ended_at IS NULL", assignment_id)
    return None if row is None else InternalAssignment(**dict(row))


async def find_passed_on(internal_id: int) -> InternalAssignment | None:
    """One handing over by its id."""
    row = await fetchrow(f"{_SELECT} WHERE i.id = $1", internal_id)
    return None if row is None else InternalAssignment(**dict(row))


async def list_story(assignment_id: int) -> list[InternalAssignment]:
    """Who has worked on it, the latest first."""
    rows = await fetch(f"{_SELECT} WHERE i.assignment_id = $1 ORDER BY i.id DESC LIMIT 50", assignment_id)
    return [InternalAssignment(**dict(row)) for row in rows]


async def insert_live(
    assignment_id: int,
    official_id: int,
    due_on: date | None,
    remind_on: date | None,
    assigned_by: int,
    now: datetime,
) -> int:
    """Somebody works on it from now on."""
    internal_id: int = await fetchval(
        "INSERT INTO internal_assignment (assignment_id, official_id, due_on, remind_on, assigned_by, assigned_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        assignment_id,
        official_id,
        due_on,
        remind_on,
        assigned_by,
        now,
    )
    return internal_id


async def end_live(assignment_id: int, now: datetime) -> bool:
    """Nobody in particular works on it any more; False when nobody did."""
    # A demonstration's clock may have been set back: nothing ends before it began.
    touched = await execute(
        "UPDATE internal_assignment SET ended_at = greatest($2, assigned_at)"
        " WHERE assignment_id = $1 AND ended_at IS NULL",
        assignment_id,
        now,
    )
    return touched == 1


async def list_colleagues(agency_id: int, on: date) -> list[Colleague]:
    """The active people who act for an agency on a day: its own, and those with a mandate for it."""
    rows = await fetch(
        """
        SELECT o.id, o.full_name AS name, o.position,
               CASE WHEN o.agency_id = $1 THEN '' ELSE coalesce(g.name, '') END AS unit
        FROM official o LEFT JOIN agency g ON g.id = o.agency_id
        WHERE o.is_active AND o.role = ANY($3::text[]) AND (o.agency_id = $1 OR EXISTS (
            SELECT 1 FROM mandate m LEFT JOIN official p ON p.id = m.on_behalf_of
            WHERE m.official_id = o.id AND m.agency_id = $1 AND m.revoked_at IS NULL AND m.valid_from <= $2
              AND (m.valid_to IS NULL OR m.valid_to >= $2) AND (m.on_behalf_of IS NULL OR p.is_active)))
        ORDER BY o.agency_id = $1 DESC, o.sort_key, o.id LIMIT 500
        """,
        agency_id,
        on,
        [role.value for role in AGENCY_ROLES],
    )
    return [Colleague(**dict(row)) for row in rows]


# Notes -------------------------------------------------------------------------------------------------------


async def list_notes(assignment_id: int, *, shared_only: bool) -> list[InternalNote]:
    """The notes of an assignment, the latest first."""
    rows = await fetch(
        f"{_NOTE} WHERE n.assignment_id = $1 AND (NOT $2 OR n.shared_at IS NOT NULL) ORDER BY n.id DESC LIMIT 200",
        assignment_id,
        shared_only,
    )
    return [InternalNote(**dict(row)) for row in rows]


async def find_note(note_id: int) -> InternalNote | None:
    """One note by its id."""
    row = await fetchrow(f"{_NOTE} WHERE n.id = $1", note_id)
    return None if row is None else InternalNote(**dict(row))


async def insert_note(assignment_id: int, official_id: int, body: str, now: datetime) -> int:
    """A note that stays inside."""
    note_id: int = await fetchval(
        "INSERT INTO internal_note (assignment_id, official_id, body, created_at) VALUES ($1, $2, $3, $4)"
        " RETURNING id",
        assignment_id,
        official_id,
        body,
        now,
    )
    return note_id


async def mark_shared(note_id: int, official_id: int, now: datetime) -> bool:
    """The assigning side may read the note from now on; False when it could already."""
    touched = await execute(
        "UPDATE internal_note SET shared_by = $2, shared_at = $3 WHERE id = $1 AND shared_at IS NULL",
        note_id,
        official_id,
        now,
    )
    return touched == 1


# Reminders ---------------------------------------------------------------------------------------------------


async def claim_due(on: date, now: datetime, limit: int = 1000) -> list[Reminded]:
    """Internal dates whose reminder is due on a day, marked as reminded; other sweeps leave them alone."""
    rows = await fetch(
        """
        UPDATE internal_assignment SET reminded_at = $2 WHERE id IN (
            SELECT i.id FROM internal_assignment i JOIN assignment a ON a.id = i.assignment_id
            WHERE i.remind_on <= $1 AND i.ended_at IS NULL AND i.reminded_at IS NULL
              AND a.state = ANY($3::text[])
            ORDER BY i.remind_on, i.id LIMIT $4 FOR UPDATE OF i SKIP LOCKED)
        RETURNING id, assignment_id, official_id
        """,
        on,
        now,
        [state.value for state in WORKING_STATES],
        limit,
    )
    return sorted((Reminded(**dict(row)) for row in rows), key=lambda r: r.id)
