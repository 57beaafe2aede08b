"""What the pages of inspection sessions read besides the sessions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tracker.db.engine import fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.inspections import Verdict


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can take part in a session."""

    id: int
    name: str
    position: str
    role: str


async def list_people() -> list[Person]:
    """The active people of the assigning side and the inspectors, by name."""
    rows = await fetch(
        "SELECT id, full_name, position, role FROM official"
        " WHERE is_active AND role IN ('secretariat', 'member', 'inspector') ORDER BY sort_key, id"
    )
    return [Person(*row.values()) for row in rows]


async def list_topics(viewer: Actor) -> list[str]:
    """The fields that open tasks are of, the most frequent first."""
    condition, arguments = visible_to(viewer, "a")
    rows = await fetch(
        f"""
        SELECT t.field FROM task t JOIN assignment a ON a.task_id = t.id WHERE t.field <> '' AND {condition}
        GROUP BY t.field ORDER BY count(*) DESC, t.field LIMIT 100
        """,
        *arguments,
    )
    return [row["field"] for row in rows]


async def list_reasons(inspection_id: int) -> dict[str, str]:
    """Why each agency of a session was proposed, as JSON, by its code."""
    rows = await fetch(
        "SELECT g.code, n.reasons::text AS reasons FROM inspection_agency n JOIN agency g ON g.id = n.agency_id"
        " WHERE n.inspection_id = $1",
        inspection_id,
    )
    return {row["code"]: row["reasons"] for row in rows}


async def list_own_codes(inspection_id: int, agency_ids: Sequence[int]) -> list[tuple[str, str]]:
    """(code, name) of those of these agencies that a session inspects."""
    rows = await fetch(
        "SELECT g.code, g.name FROM inspection_agency n JOIN agency g ON g.id = n.agency_id"
        " WHERE n.inspection_id = $1 AND n.agency_id = ANY($2::bigint[]) ORDER BY n.position",
        inspection_id,
        list(agency_ids),
    )
    return [(row["code"], row["name"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """One item that an agency was asked about before a session, and what it answered."""

    assignment_id: int
    title: str
    answer_by: date
    is_owed: bool
    answer: str


async def list_asked(viewer: Actor, urging_id: UUID) -> list[Asked]:
    """What the agencies of this viewer were asked by the session that made this request, also by its earlier ones."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT assignment_id, short_name, answer_by, is_owed, answer FROM (
            SELECT DISTINCT ON (a.id) u.assignment_id, t.short_name, g.answer_by, u.is_owed, u.answer, a.due_on
            FROM urged u JOIN urging g ON g.id = u.urging_id JOIN assignment a ON a.id = u.assignment_id
            JOIN task t ON t.id = a.task_id
            WHERE g.id IN (SELECT k.urging_id FROM inspection_asking x
                           JOIN inspection_asking k ON k.inspection_id = x.inspection_id WHERE x.urging_id = $1)
              AND g.undone_at IS NULL AND {condition}
            ORDER BY a.id, u.is_owed DESC, g.urged_at DESC) asked
        ORDER BY due_on NULLS LAST, assignment_id
        """,
        urging_id,
        *arguments,
    )
    return [Asked(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class LastConcluded:
    """What the last session of an agency concluded; `assignment_id` is the work that it is about or that it made.

    `explained_at` is when an explanation that it asked for came. A conclusion for all agencies has no name.
    """

    inspection_id: int
    held_on: date
    agency_name: str
    title: str
    verdict: Verdict
    text: str
    due_on: date | None
    assignment_id: int | None
    explained_at: datetime | None = None


async def list_last_concluded(
    agency_codes: Sequence[str], inspection_id: int, held_on: date
) -> list[LastConcluded]:
    """What the last session before this one concluded on each of these agencies, in the order of its agenda."""
    rows = await fetch(
        """
        WITH last AS (
            SELECT DISTINCT ON (n.agency_id) n.agency_id, i.id, i.held_on
            FROM inspection_agency n JOIN inspection i ON i.id = n.inspection_id JOIN agency g ON g.id = n.agency_id
            WHERE g.code = ANY($1::text[]) AND i.state = 'concluded' AND i.id <> $2 AND i.held_on <= $3
            ORDER BY n.agency_id, i.held_on DESC, i.id DESC
        )
        SELECT c.id AS conclusion_id, c.agency_id IS NULL AND c.item_id IS NULL AS is_for_all,
               last.id, last.held_on, g.name, coalesce(n.content::jsonb ->> 'title', '') AS title, c.verdict, c.text,
               c.due_on,
               coalesce((SELECT a.id FROM assignment a WHERE a.task_id = c.task_id AND a.agency_id = g.id
                         ORDER BY a.id LIMIT 1), n.assignment_id) AS assignment_id,
               (SELECT max(u.answered_at) FROM urged u JOIN urging r ON r.id = u.urging_id
                WHERE c.verdict = 'explanation' AND u.assignment_id = n.assignment_id
                  AND r.urged_at >= c.applied_at) AS explained_at
        FROM last JOIN agency g ON g.id = last.agency_id
        JOIN inspection_conclusion c ON c.inspection_id = last.id AND c.struck_at IS NULL
        LEFT JOIN inspection_item n ON n.id = c.item_id
        WHERE coalesce(n.agency_id, c.agency_id, last.agency_id) = last.agency_id
        ORDER BY g.sort_key, g.id, n.position NULLS LAST, c.id
        """,
        list(agency_codes),
        inspection_id,
        held_on,
    )
    told: dict[int, LastConcluded] = {}
    for r in rows:
        # What is concluded for all agencies of a session stands there once.
        told.setdefault(
            r["conclusion_id"],
            LastConcluded(
                r["id"], r["held_on"], "" if r["is_for_all"] else r["name"], r["title"], Verdict(r["verdict"]),
                r["text"], r["due_on"], r["assignment_id"], r["explained_at"],
            ),
        )  # fmt: skip
    return list(told.values())


async def find_notice_id(inspection_id: int) -> int | None:
    """The directive that announces the conclusions of a session."""
    found: int | None = await fetchval("SELECT id FROM directive WHERE inspection_id = $1", inspection_id)
    return found


async def list_agency_names(agency_ids: Sequence[int]) -> dict[int, str]:
    """The names of some agencies."""
    rows = await fetch("SELECT id, name FROM agency WHERE id = ANY($1::bigint[])", list(agency_ids))
    return {row["id"]: row["name"] for row in rows}


@dataclass(frozen=True, slots=True)
class Coming:
    """A session to come that inspects an agency; `owed` are the explanations that it still owes before."""

    id: int
    title: str
    held_on: date
    explain_by: date | None
    owed: int


async def list_coming(viewer: Actor, today: date) -> list[Coming]:
    """The sessions to come that inspect an agency of this viewer, the next first."""
    condition, arguments = visible_to(viewer, "a", first=3)
    rows = await fetch(
        f"""
        SELECT i.id, i.title, i.held_on, i.explain_by,
               (SELECT count(DISTINCT a.id) FROM inspection_asking k JOIN urging g ON g.id = k.urging_id
                JOIN urged u ON u.urging_id = g.id JOIN assignment a ON a.id = u.assignment_id
                WHERE k.inspection_id = i.id AND i.state = 'planned' AND g.undone_at IS NULL AND u.is_owed
                  AND {condition}) AS owed
        FROM inspection i
        WHERE i.held_on >= $1 AND i.state IN ('planned', 'frozen')
          AND EXISTS (SELECT FROM inspection_agency n WHERE n.inspection_id = i.id AND n.agency_id = ANY($2::bigint[]))
        ORDER BY i.held_on, i.id LIMIT 5
        """,
        today,
        sorted(viewer.visible_agency_ids),
        *arguments,
    )
    return [Coming(*row.values()) for row in rows]


async def list_sessions_about(viewer: Actor, assignment_id: int) -> list[tuple[int, str, date]]:
    """(id, title, day) of the sessions that asked about an assignment, froze it or gave it, the latest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT i.id, i.title, i.held_on FROM inspection i, assignment a
        WHERE a.id = $1 AND {condition} AND i.state <> 'cancelled' AND (
            EXISTS (SELECT FROM inspection_item n WHERE n.inspection_id = i.id AND n.assignment_id = a.id)
            OR EXISTS (SELECT FROM inspection_asking k JOIN urged u ON u.urging_id = k.urging_id
                       WHERE k.inspection_id = i.id AND u.assignment_id = a.id)
            OR EXISTS (SELECT FROM inspection_conclusion c WHERE c.inspection_id = i.id AND c.task_id = a.task_id))
        ORDER BY i.held_on DESC, i.id DESC LIMIT 5
        """,
        assignment_id,
        *arguments,
    )
    return [(row["id"], row["title"], row["held_on"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Origin:
    """The item of a session that a task was given for; of a restricted task no words."""

    title: str
    task_id: int
    agency_code: str


async def find_origin(viewer: Actor, task_id: int) -> Origin | None:
    """What a task that a session gave was concluded on; None for others, and where the viewer may not know of it."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(
        f"""
        SELECT n.content::jsonb ->> 'title' AS title, a.task_id, g.code
        FROM inspection_conclusion c JOIN inspection_item n ON n.id = c.item_id
        JOIN assignment a ON a.id = n.assignment_id JOIN agency g ON g.id = a.agency_id
        WHERE c.task_id = $1 AND {condition}
        """,
        task_id,
        *arguments,
    )
    return None if row is None else Origin(*row.values())
