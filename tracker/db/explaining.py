"""Explanations that inspection sessions asked for: which are owed, and of which an agency was reminded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tracker.db.engine import as_service, execute, fetch, fetchrow

_OWED = "u.is_owed AND g.undone_at IS NULL"


async def insert_asking(inspection_id: int, urging_id: UUID) -> None:
    """A session asked its agencies to explain by this urging."""
    await execute(
        "INSERT INTO inspection_asking (inspection_id, urging_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        inspection_id,
        urging_id,
    )


async def list_waiting_sessions(today: date) -> list[int]:
    """The sessions not frozen yet, with a day for explanations, that are owed any."""
    rows = await fetch(
        f"""
        SELECT i.id FROM inspection i
        WHERE i.state = 'planned' AND i.explain_by IS NOT NULL AND i.held_on >= $1 AND EXISTS (
            SELECT FROM inspection_asking k JOIN urging g ON g.id = k.urging_id JOIN urged u ON u.urging_id = g.id
            WHERE k.inspection_id = i.id AND {_OWED})
        ORDER BY i.explain_by, i.id
        """,
        today,
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Day:
    """The day for explanations as it is counted: how often it was set anew, and when last."""

    version: int
    set_at: datetime | None


async def get_day(inspection_id: int) -> Day:
    """The day of a session that exists."""
    row = await fetchrow(
        "SELECT explain_version, explain_set_at FROM inspection WHERE id = $1", inspection_id
    )
    assert row is not None
    return Day(*row.values())


@dataclass(frozen=True, slots=True)
class Owing:
    """An assignment that owes a session its explanation, and since when."""

    assignment_id: int
    asked_at: datetime


@as_service()
async def list_owing(inspection_id: int) -> list[Owing]:
    """What a session is still owed; who was asked several times owes since the first."""
    rows = await fetch(
        f"""
        SELECT u.assignment_id, min(g.urged_at) AS asked_at FROM inspection_asking k
        JOIN urging g ON g.id = k.urging_id JOIN urged u ON u.urging_id = g.id
        WHERE k.inspection_id = $1 AND {_OWED} GROUP BY u.assignment_id ORDER BY u.assignment_id
        """,
        inspection_id,
    )
    return [Owing(*row.values()) for row in rows]


async def list_settled(inspection_id: int, version: int) -> dict[int, frozenset[str]]:
    """The steps that the ledger knows for the day that counts now, by assignment."""
    rows = await fetch(
        "SELECT assignment_id, array_agg(step) AS steps FROM explanation_reminder"
        " WHERE inspection_id = $1 AND explain_version = $2 GROUP BY assignment_id",
        inspection_id,
        version,
    )
    return {row["assignment_id"]: frozenset(row["steps"]) for row in rows}


@dataclass(frozen=True, slots=True)
class NewRow:
    """A decision to be written; without a message the step was superseded by a later one."""

    assignment_id: int
    step: str
    moment: datetime
    recipient_id: int | None = None
    outbox_id: int | None = None


@as_service()
async def insert_rows(inspection_id: int, version: int, rows: Sequence[NewRow], now: datetime) -> int:
    """Write decisions; one that stands already is passed over. How many were new."""
    return await execute(
        """
        INSERT INTO explanation_reminder (inspection_id, assignment_id, explain_version, step, verdict, recipient_id,
                                          outbox_id, moment, decided_at)
        SELECT $1, r.assignment, $2, r.step, CASE WHEN r.message IS NULL THEN 'superseded' ELSE 'sent' END, r.recipient,
               r.message, r.moment, $3
        FROM unnest($4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[])
            AS r (assignment, step, recipient, message, moment)
        ON CONFLICT ON CONSTRAINT explanation_reminder_once DO NOTHING
        """,
        inspection_id,
        version,
        now,
        [r.assignment_id for r in rows],
        [r.step for r in rows],
        [r.recipient_id for r in rows],
        [r.outbox_id for r in rows],
        [r.moment for r in rows],
    )


@as_service()
async def move_day(inspection_id: int, explain_by: date, now: datetime) -> None:
    """Count anew from another day, and let every request of the session name it."""
    await execute(
        "UPDATE inspection SET explain_version = explain_version + 1, explain_set_at = $2 WHERE id = $1",
        inspection_id,
        now,
    )
    await execute(
        "UPDATE urging SET answer_by = $2 WHERE kind = 'explanation'"
        " AND id IN (SELECT urging_id FROM inspection_asking WHERE inspection_id = $1)",
        inspection_id,
        explain_by,
    )


_WAITS = "o.kind = 'explanation_due' AND o.state = 'pending'"


@as_service()
async def supersede_answered(assignment_id: int) -> int:
    """Take back waiting reminders that speak of this assignment, once nothing in them is owed any more."""
    return await execute(
        f"""
        UPDATE outbox o SET state = 'superseded', reason = 'no_longer_holds'
        WHERE {_WAITS}
          AND EXISTS (SELECT FROM outbox_entry e WHERE e.outbox_id = o.id AND e.assignment_id = $1)
          AND NOT EXISTS (SELECT FROM outbox_entry e JOIN urged u ON u.assignment_id = e.assignment_id
                          JOIN urging g ON g.id = u.urging_id WHERE e.outbox_id = o.id AND {_OWED})
        """,
        assignment_id,
    )


@as_service()
async def supersede_of_session(inspection_id: int) -> int:
    """Take back the waiting reminders of a session that takes no explanations any more."""
    return await execute(
        f"""
        UPDATE outbox o SET state = 'superseded', reason = 'no_longer_holds'
        WHERE {_WAITS} AND EXISTS (
            SELECT FROM explanation_reminder r WHERE r.outbox_id = o.id AND r.inspection_id = $1)
        """,
        inspection_id,
    )


async def find_reminded(outbox_id: int) -> tuple[int, str] | None:
    """The session and the step that a message reminds of."""
    row = await fetchrow(
        "SELECT inspection_id, step FROM explanation_reminder WHERE outbox_id = $1 LIMIT 1", outbox_id
    )
    return None if row is None else (row["inspection_id"], row["step"])
