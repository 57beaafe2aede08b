"""Reading for the rehearsal of a ladder: the courses of assignments over past days, and what was really sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.rehearsal import Course, DeadlineSet, Waiting

_ALIVE = """
a.assigned_at <= $2 AND (a.closed_at IS NULL OR a.closed_at >= $1) AND ($3::bigint IS NULL OR a.agency_id = $3)
"""


async def count_alive(start: datetime, end: datetime, agency_id: int | None) -> int:
    """How many assignments were open at some time between the two instants."""
    found: int = await fetchval(f"SELECT count(*) FROM assignment a WHERE {_ALIVE}", start, end, agency_id)
    return found


async def list_courses(start: datetime, end: datetime, agency_id: int | None) -> list[Course]:
    """The courses of those assignments, in order of id."""
    rows = await fetch(
        f"""
        SELECT a.id, a.agency_id, t.secretariat_officer_id, a.assigned_at, a.closed_at,
               ARRAY(SELECT ROW(c.deadline_version, c.set_at, c.due_on, c.due_time) FROM deadline_change c
                     WHERE c.assignment_id = a.id ORDER BY c.deadline_version) AS deadlines,
               ARRAY(SELECT ROW(r.submitted_at, r.decided_at, r.acceptance = 'returned') FROM report r
                     WHERE r.assignment_id = a.id AND r.kind = 'completion' ORDER BY r.submitted_at, r.id) AS waits
        FROM assignment a JOIN task t ON t.id = a.task_id WHERE {_ALIVE} ORDER BY a.id
        """,
        start,
        end,
        agency_id,
    )
    return [
        Course(
            assignment_id=r["id"],
            agency_id=r["agency_id"],
            officer_id=r["secretariat_officer_id"],
            given_at=r["assigned_at"],
            closed_at=r["closed_at"],
            deadlines=tuple(DeadlineSet(*d) for d in r["deadlines"]),
            waits=tuple(Waiting(*w) for w in r["waits"]),
        )
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class ReallySent:
    """Reminders of the ledger that were given, counted by step, agency and week (its Monday)."""

    step_code: str
    agency_id: int
    monday: date
    reminders: int


async def count_really_sent(start: datetime, end: datetime, agency_id: int | None) -> list[ReallySent]:
    """What the ledger gave between the two instants; each step of each assignment counts once."""
    rows = await fetch(
        """
        SELECT step_code, agency_id, monday, count(*) AS reminders FROM (
            SELECT r.step_code, a.agency_id, r.assignment_id, r.occurrence, r.deadline_version,
                   date_trunc('week', min(r.decided_at) AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS monday
            FROM reminder r JOIN assignment a ON a.id = r.assignment_id
            WHERE r.verdict = 'sent' AND r.decided_at BETWEEN $1 AND $2
              AND ($3::bigint IS NULL OR a.agency_id = $3)
            GROUP BY r.step_code, a.agency_id, r.assignment_id, r.occurrence, r.deadline_version
        ) AS given GROUP BY step_code, agency_id, monday
        """,
        start,
        end,
        agency_id,
    )
    return [ReallySent(*r.values()) for r in rows]


async def count_people_told(start: datetime, end: datetime, agency_id: int | None) -> tuple[int, int]:
    """How many people were told of reminders, and in how many messages."""
    rows = await fetch(
        "SELECT count(DISTINCT r.recipient_id) AS people, count(DISTINCT r.outbox_id) AS messages"
        " FROM reminder r JOIN assignment a ON a.id = r.assignment_id WHERE r.verdict = 'sent'"
        " AND r.decided_at BETWEEN $1 AND $2 AND ($3::bigint IS NULL OR a.agency_id = $3)",
        start,
        end,
        agency_id,
    )
    return rows[0]["people"], rows[0]["messages"]


# -- re-planning -------------------------------------------------------------------------------------------


async def list_on_older_versions(
    code: str, newest_id: int, ids: Sequence[int] | None, limit: int
) -> tuple[list[int], int]:
    """Open assignments that follow an older version of the ladder, in order of id; and how many there are."""
    condition = """
        a.ladder_version_id IN (SELECT v.id FROM ladder_version v JOIN ladder l ON l.id = v.ladder_id
                                WHERE l.code = $1 AND v.id <> $2)
        AND a.state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')
        AND ($3::bigint[] IS NULL OR a.id = ANY($3))
    """
    given = None if ids is None else list(ids)
    total: int = await fetchval(
        f"SELECT count(*) FROM assignment a WHERE {condition}", code, newest_id, given
    )
    rows = await fetch(
        f"SELECT a.id FROM assignment a WHERE {condition} ORDER BY a.id LIMIT $4",
        code,
        newest_id,
        given,
        limit,
    )
    return [r["id"] for r in rows], total


@dataclass(frozen=True, slots=True)
class Replanned:
    """An assignment under its lock, with the version and the ranks it goes over to."""

    assignment_id: int
    ladder_version_id: int
    settled_rank: int
    review_rank: int


async def put_on_version(rows: Sequence[Replanned]) -> int:
    """Let assignments follow another version from now on; what calendars and pages show of them stays."""
    return await execute(
        """
        UPDATE assignment a SET ladder_version_id = r.version, settled_rank = r.settled, review_rank = r.review
        FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[]) AS r (id, version, settled, review)
        WHERE a.id = r.id
        """,
        [r.assignment_id for r in rows],
        [r.ladder_version_id for r in rows],
        [r.settled_rank for r in rows],
        [r.review_rank for r in rows],
    )
