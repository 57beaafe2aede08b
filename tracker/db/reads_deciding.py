"""Reads for the pages where somebody decides: what waits, in the order in which it came, and a task's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.assignments import OPEN, SELECT, Assignment, from_row
from tracker.db.engine import fetch
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor

MOST_WAITING = 1000
"""So many are counted and walked through; nobody decides more in a day."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits for a decision: since when, from whom."""

    assignment_id: int
    since: datetime
    by: int


async def list_waiting_reports(viewer: Actor) -> list[Waiting]:
    """Every completion report that waits, the oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        "SELECT r.assignment_id, r.submitted_at, r.submitted_by FROM report r"
        " JOIN assignment a ON a.id = r.assignment_id"
        f" WHERE r.acceptance = 'pending' AND a.state = 'reported' AND {condition}"
        " ORDER BY r.submitted_at, r.id LIMIT $1",
        MOST_WAITING,
        *arguments,
    )
    return [Waiting(*row.values()) for row in rows]


async def list_waiting_extensions(viewer: Actor) -> list[Waiting]:
    """Every request for more time that waits, the oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        "SELECT e.assignment_id, e.requested_at, e.requested_by FROM extension e"
        f" JOIN assignment a ON a.id = e.assignment_id WHERE e.state = 'pending' AND a.state IN {OPEN} AND {condition}"
        " ORDER BY e.requested_at, e.id LIMIT $1",
        MOST_WAITING,
        *arguments,
    )
    return [Waiting(*row.values()) for row in rows]


async def list_asked(viewer: Actor, assignment_ids: Sequence[int]) -> dict[int, tuple[date, str]]:
    """The day that each of these assignments waits for, and why."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        "SELECT e.assignment_id, e.proposed_on, e.reason FROM extension e JOIN assignment a ON a.id = e.assignment_id"
        f" WHERE e.state = 'pending' AND e.assignment_id = ANY($1::bigint[]) AND {condition}",
        list(assignment_ids),
        *arguments,
    )
    return {row["assignment_id"]: (row["proposed_on"], row["reason"]) for row in rows}


async def list_assignments(viewer: Actor, ids: Sequence[int]) -> dict[int, Assignment]:
    """Those of these assignments that the viewer may see."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(f"{SELECT} WHERE a.id = ANY($1::bigint[]) AND {condition}", list(ids), *arguments)
    return {row["id"]: from_row(row) for row in rows}


async def count_files(assignment_ids: Sequence[int]) -> dict[int, int]:
    """How many files the waiting report of each assignment has."""
    rows = await fetch(
        "SELECT f.assignment_id, count(*) AS files FROM attachment f JOIN report r ON r.id = f.report_id"
        " WHERE f.assignment_id = ANY($1::bigint[]) AND r.acceptance = 'pending' GROUP BY 1",
        list(assignment_ids),
    )
    return {row["assignment_id"]: row["files"] for row in rows}


async def find_last_act(viewer: Actor, assignment_id: int) -> tuple[str, datetime, str] | None:
    """Who did the last thing to an assignment, when, and what."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        "SELECT h.actor_name, h.at, h.verb FROM history h JOIN assignment a ON a.id = h.assignment_id"
        f" WHERE h.assignment_id = $1 AND {condition} ORDER BY h.id DESC LIMIT 1",
        assignment_id,
        *arguments,
    )
    return (rows[0]["actor_name"], rows[0]["at"], rows[0]["verb"]) if rows else None


async def find_last_edit(task_id: int) -> tuple[str, datetime] | None:
    """Who last corrected the words of a task, and when."""
    rows = await fetch(
        "SELECT actor_name, at FROM history WHERE task_id = $1 AND verb = 'edit_task' ORDER BY id DESC LIMIT 1",
        task_id,
    )
    return (rows[0]["actor_name"], rows[0]["at"]) if rows else None


async def list_officers() -> list[tuple[int, str]]:
    """Who may follow a task on the assigning side, by name."""
    rows = await fetch(
        "SELECT id, full_name FROM official WHERE is_active AND role IN ('secretariat', 'administrator')"
        " ORDER BY sort_key, id"
    )
    return [(row["id"], row["full_name"]) for row in rows]


async def list_transfer_choices(task_id: int, today: date) -> list[tuple[str, str]]:
    """Code and name of the agencies that exist today and have no open part in the task, in Vietnamese order."""
    rows = await fetch(
        "SELECT g.code, g.name FROM agency g WHERE (g.valid_to IS NULL OR g.valid_to >= $2) AND NOT EXISTS"
        f" (SELECT 1 FROM assignment a WHERE a.task_id = $1 AND a.agency_id = g.id AND a.state IN {OPEN})"
        " ORDER BY g.sort_key, g.id",
        task_id,
        today,
    )
    return [(row["code"], row["name"]) for row in rows]


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """One version of a deadline, with who set it ("" where nobody is remembered)."""

    due_on: date | None
    set_at: datetime
    who: str
    kind: str
    document: str
    reason: str


async def list_deadlines_set(assignment_id: int) -> list[DeadlineSet]:
    """The versions of an assignment's deadline, oldest first."""
    rows = await fetch(
        "SELECT c.due_on, c.set_at, coalesce(o.full_name, '') AS who, c.kind, c.document, c.reason"
        " FROM deadline_change c LEFT JOIN official o ON o.id = c.set_by"
        " WHERE c.assignment_id = $1 ORDER BY c.deadline_version",
        assignment_id,
    )
    return [DeadlineSet(*row.values()) for row in rows]
