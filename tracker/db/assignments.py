"""Assignments: one task at one agency, with its deadline, its state and its reports' dates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from asyncpg import Record

from tracker.db.engine import execute, executemany, fetch, fetchrow
from tracker.db.visibility import visible_to
from tracker.domain.assignments import OPEN_STATES, Part, State
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound
from tracker.domain.wording import Words, words_from_json, words_to_json

OPEN = "('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')"
"""The open states as SQL, spelt as in the partial indexes so that the planner uses them."""
RUNNING = "('assigned', 'acknowledged', 'in_progress', 'returned')"
"""The states in which the agency's clock runs, spelt as in the sweep's index."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment with what its task, directive and agency say; dates civil, instants UTC."""

    id: int
    uid: UUID
    task_id: int
    task_uid: UUID
    directive_id: int
    agency_id: int
    part: Part
    via_class: str
    occurrence: int
    state: State
    due_kind: str
    due_on: date | None
    due_time: time | None
    starts_on: date | None
    recurrence: str | None
    original_due_on: date | None
    original_due_time: time | None
    due_words: Words
    due_document: str
    due_event: str
    early_due_confirmed: bool
    deadline_version: int
    deadline_set_at: datetime
    extension_count: int
    committed_on: date | None
    committed_document: str
    cause: str
    ladder_version_id: int
    settled_rank: int
    review_rank: int
    assigned_on: date
    assigned_at: datetime
    acknowledged_at: datetime | None
    reported_at: datetime | None
    confirmed_at: datetime | None
    closed_at: datetime | None
    close_reason: str
    transferred_to: int | None
    completed_on: date | None
    completed_time: time | None
    last_report_at: datetime | None
    last_report_summary: str
    sequence: int
    row_version: int
    changed_at: datetime
    short_name: str
    full_text: str
    place: str
    product: str
    report_to: str
    deadline_phrase: str
    restricted: bool
    secretariat_officer_id: int | None
    directive_number: str
    directive_issued_on: date
    directive_received_on: date | None
    directive_urgency: str
    directive_abstract: str
    agency_code: str
    agency_name: str
    agency_short_name: str
    extension_pending: bool


SELECT = """
SELECT a.*, t.uid AS task_uid, t.short_name, t.full_text, t.place, t.product, t.report_to, t.deadline_phrase,
       t.restricted, t.secretariat_officer_id, d.number AS directive_number, d.issued_on AS directive_issued_on,
       d.received_on AS directive_received_on, d.urgency AS directive_urgency, d.abstract AS directive_abstract,
       g.code AS agency_code, g.name AS agency_name, g.short_name AS agency_short_name,
       EXISTS (SELECT 1 FROM extension e WHERE e.assignment_id = a.id AND e.state = 'pending') AS extension_pending
FROM assignment a JOIN task t ON t.id = a.task_id JOIN directive d ON d.id = a.directive_id
JOIN agency g ON g.id = a.agency_id
"""
"""The one reading of an assignment with its surroundings; conditions and order follow."""

_FIELDS = tuple(Assignment.__dataclass_fields__)
_CONVERTED = {"part", "state", "due_words"}
_PLAIN = tuple(f for f in _FIELDS if f not in _CONVERTED)


def from_row(row: Record) -> Assignment:
    """The value of a row that `SELECT` read."""
    return Assignment(
        **{name: row[name] for name in _PLAIN},
        part=Part(row["part"]),
        state=State(row["state"]),
        due_words=words_from_json(json.loads(row["due_words"])),
    )


async def get_assignment(viewer: Actor, assignment_id: int) -> Assignment:
    """One assignment. Raises NotFound, also where the viewer may not know of it."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(f"{SELECT} WHERE a.id = $1 AND {condition}", assignment_id, *arguments)
    if row is None:
        raise NotFound(noun="assignment", id=assignment_id)
    return from_row(row)


async def lock_assignment(viewer: Actor, assignment_id: int) -> Assignment:
    """As `get_assignment`, and nobody else changes it until this transaction ends."""
    condition, arguments = visible_to(viewer, "a", first=2)
    row = await fetchrow(
        f"{SELECT} WHERE a.id = $1 AND {condition} FOR UPDATE OF a", assignment_id, *arguments
    )
    if row is None:
        # What is read and not acted for (an agency below) cannot be locked: the right is refused, not the sight.
        return await get_assignment(viewer, assignment_id)
    return from_row(row)


async def lock_assignments(viewer: Actor, ids: Sequence[int]) -> dict[int, Assignment]:
    """As `lock_assignment` for many, in order of id: two orders over the same rows wait for each other."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"{SELECT} WHERE a.id = ANY($1::bigint[]) AND {condition} ORDER BY a.id FOR UPDATE OF a",
        list(ids),
        *arguments,
    )
    found = {row["id"]: from_row(row) for row in rows}
    if len(found) < len(set(ids)):
        # As above: what is only read is told apart from what is not there.
        read = await fetch(f"{SELECT} WHERE a.id = ANY($1::bigint[]) AND {condition}", list(ids), *arguments)
        found = {row["id"]: from_row(row) for row in read} | found
    return found


async def list_by_ids(ids: Sequence[int], *, lock: bool = False) -> list[Assignment]:
    """The assignments with these ids for a job, in order of id; locked until the transaction ends if asked."""
    tail = " ORDER BY a.id" + (" FOR UPDATE OF a" if lock else "")
    return [from_row(r) for r in await fetch(f"{SELECT} WHERE a.id = ANY($1::bigint[]){tail}", list(ids))]


async def list_for_task(viewer: Actor, task_id: int) -> list[Assignment]:
    """The assignments of one task: leads first, then by agency in Vietnamese order."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""{SELECT} WHERE a.task_id = $1 AND {condition}
        ORDER BY a.occurrence, array_position('{{lead,joint_lead,cooperating}}', a.part), g.sort_key, a.id""",
        task_id,
        *arguments,
    )
    return [from_row(r) for r in rows]


@dataclass(frozen=True, slots=True)
class AssignmentRow:
    """An assignment to be inserted; what is not named starts at its default."""

    task_id: int
    agency_id: int
    part: str
    via_class: str
    occurrence: int
    due_kind: str
    due_on: date | None
    due_time: time | None
    starts_on: date | None
    recurrence: str | None
    due_words: Words
    due_event: str
    early_due_confirmed: bool
    ladder_version_id: int
    settled_rank: int
    original_due_on: date | None = None
    original_due_time: time | None = None


async def insert_assignments(
    directive_id: int, rows: Sequence[AssignmentRow], assigned_on: date, now: datetime, set_by: int | None
) -> list[int]:
    """All rows in one INSERT, with the first version of each deadline; ids in the order of `rows`."""
    inserted = await fetch(
        """
        WITH added AS (
            INSERT INTO assignment (directive_id, assigned_on, assigned_at, deadline_set_at, changed_at,
                task_id, agency_id, part, via_class, occurrence, due_kind, due_on, due_time, starts_on, recurrence,
                due_words, due_event, early_due_confirmed, ladder_version_id, settled_rank,
                original_due_on, original_due_time)
            SELECT $1, $2, $3, $3, $3, r.* FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::int[],
                $9::text[], $10::date[], $11::time[], $12::date[], $13::text[], $14::jsonb[], $15::text[],
                $16::bool[], $17::bigint[], $18::int[], $20::date[], $21::time[]) AS r
            RETURNING id, task_id, agency_id, part, occurrence, due_on, due_time
        ), versions AS (
            INSERT INTO deadline_change (assignment_id, deadline_version, due_on, due_time, set_at, set_by, kind)
            SELECT id, 1, due_on, due_time, $3, $19, 'original' FROM added
        )
        SELECT id, task_id, agency_id, part, occurrence FROM added
        """,
        directive_id,
        assigned_on,
        now,
        [r.task_id for r in rows],
        [r.agency_id for r in rows],
        [r.part for r in rows],
        [r.via_class for r in rows],
        [r.occurrence for r in rows],
        [r.due_kind for r in rows],
        [r.due_on for r in rows],
        [r.due_time for r in rows],
        [r.starts_on for r in rows],
        [r.recurrence for r in rows],
        [json.dumps(words_to_json(r.due_words), ensure_ascii=False) for r in rows],
        [r.due_event for r in rows],
        [r.early_due_confirmed for r in rows],
        [r.ladder_version_id for r in rows],
        [r.settled_rank for r in rows],
        set_by,
        [r.original_due_on or r.due_on for r in rows],
        [r.original_due_time or r.due_time for r in rows],
    )
    ids = {(r["task_id"], r["agency_id"], r["part"], r["occurrence"]): r["id"] for r in inserted}
    return [ids[r.task_id, r.agency_id, r.part, r.occurrence] for r in rows]


async def update_assignment(
    assignment: Assignment, changes: Mapping[str, object], now: datetime, *, shows_in_calendar: bool = True
) -> bool:
    """Set `changes` if the row is still in the state and version it was read in; whether it was.

    A change that a calendar shows moves SEQUENCE too.
    """
    settings = [f"{column} = ${n}" for n, column in enumerate(changes, start=5)]
    settings += ["row_version = row_version + 1", "changed_at = $4"]
    if shows_in_calendar:
        settings.append("sequence = sequence + 1")
    touched = await execute(
        f"UPDATE assignment SET {', '.join(settings)} WHERE id = $1 AND state = $2 AND row_version = $3",
        assignment.id,
        assignment.state.value,
        assignment.row_version,
        now,
        *changes.values(),
    )
    return touched == 1


_TYPES = {
    "state": "text",
    "due_kind": "text",
    "due_on": "date",
    "due_time": "time",
    "due_document": "text",
    "original_due_on": "date",
    "original_due_time": "time",
    "early_due_confirmed": "bool",
    "deadline_version": "int",
    "deadline_set_at": "timestamptz",
    "extension_count": "int",
    "committed_on": "date",
    "committed_document": "text",
    "cause": "text",
    "settled_rank": "int",
    "review_rank": "int",
    "acknowledged_at": "timestamptz",
    "reported_at": "timestamptz",
    "confirmed_report_id": "bigint",
    "confirmed_at": "timestamptz",
    "completed_on": "date",
    "completed_time": "time",
    "closed_at": "timestamptz",
    "close_reason": "text",
    "transferred_to": "bigint",
}
"""The columns that `update_assignments` can set, as PostgreSQL names their types."""


async def update_assignments(
    rows: Sequence[tuple[Assignment, Mapping[str, object]]], now: datetime, *, shows_in_calendar: bool = True
) -> int:
    """As `update_assignment` for many rows, each with values of its own for the same columns; how many were."""
    columns = list(rows[0][1])
    settings = [f"{column} = r.{column}" for column in columns]
    settings += ["row_version = a.row_version + 1", "changed_at = $4"]
    if shows_in_calendar:
        settings.append("sequence = a.sequence + 1")
    arrays = ["$1::bigint[]", "$2::text[]", "$3::int[]"]
    arrays += [f"${n}::{_TYPES[column]}[]" for n, column in enumerate(columns, start=5)]
    names = ", ".join(["id", "was", "version", *columns])
    return await execute(
        f"UPDATE assignment a SET {', '.join(settings)} FROM unnest({', '.join(arrays)}) AS r ({names})"
        " WHERE a.id = r.id AND a.state = r.was AND a.row_version = r.version",
        [row.id for row, _ in rows],
        [row.state.value for row, _ in rows],
        [row.row_version for row, _ in rows],
        now,
        *([changes[column] for _, changes in rows] for column in columns),
    )


@dataclass(frozen=True, slots=True)
class NewDeadline:
    """A version of a deadline and what moved it."""

    assignment_id: int
    deadline_version: int
    due_on: date | None
    due_time: time | None
    kind: str
    document: str
    reason: str
    set_by: int | None


async def insert_deadline_changes(rows: Sequence[NewDeadline], now: datetime) -> None:
    """Remember versions of deadlines and what moved them."""
    await execute(
        "INSERT INTO deadline_change (assignment_id, deadline_version, due_on, due_time, kind, document, reason,"
        " set_by, set_at) SELECT r.*, $9 FROM unnest($1::bigint[], $2::int[], $3::date[], $4::time[], $5::text[],"
        " $6::text[], $7::text[], $8::bigint[]) AS r",
        [r.assignment_id for r in rows],
        [r.deadline_version for r in rows],
        [r.due_on for r in rows],
        [r.due_time for r in rows],
        [r.kind for r in rows],
        [r.document for r in rows],
        [r.reason for r in rows],
        [r.set_by for r in rows],
        now,
    )


@dataclass(frozen=True, slots=True)
class DeadlineChange:
    """One version of a deadline; `kind` says what made it."""

    assignment_id: int
    deadline_version: int
    due_on: date | None
    due_time: time | None
    set_at: datetime
    kind: str
    document: str
    reason: str


async def list_deadline_changes(ids: Sequence[int]) -> dict[int, tuple[DeadlineChange, ...]]:
    """The versions of each assignment's deadline, oldest first."""
    rows = await fetch(
        "SELECT assignment_id, deadline_version, due_on, due_time, set_at, kind, document, reason"
        " FROM deadline_change WHERE assignment_id = ANY($1::bigint[]) ORDER BY assignment_id, deadline_version",
        list(ids),
    )
    found: dict[int, list[DeadlineChange]] = {}
    for row in rows:
        found.setdefault(row["assignment_id"], []).append(DeadlineChange(**dict(row)))
    return {key: tuple(changes) for key, changes in found.items()}


# The sweep ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owed:
    """An assignment whose next moment may have come; the rule decides exactly."""

    id: int
    agency_id: int
    due_on: date
    due_time: time | None
    settled_rank: int
    deadline_version: int


async def list_owed(
    ladder_version_id: int, rank: int, due_until: date, timed_until: datetime | None, limit: int
) -> list[Owed]:
    """Running assignments settled up to `rank` whose next moment may have come, oldest deadline first.

    `due_until` is the latest due day whose day-moment has come; `timed_until` (naive, official wall clock) the
    same for deadlines with an hour, where the moment hangs on it.
    """
    rows = await fetch(
        f"""
        SELECT id, agency_id, due_on, due_time, settled_rank, deadline_version FROM assignment
        WHERE ladder_version_id = $1 AND settled_rank = $2 AND due_kind = 'dated' AND state IN {RUNNING}
          AND due_on <= greatest($3::date, $4::timestamp::date)
          AND (due_on <= $3 AND (due_time IS NULL OR $4 IS NULL) OR due_on + due_time <= $4)
        ORDER BY due_on, id LIMIT $5
        """,
        ladder_version_id,
        rank,
        due_until,
        timed_until,
        limit,
    )
    return [Owed(*r.values()) for r in rows]


async def settle(ranks: Sequence[tuple[int, int, int]]) -> None:
    """Move `settled_rank` forward: (assignment, deadline_version, rank); a changed deadline is left alone."""
    await executemany(
        "UPDATE assignment SET settled_rank = $3 WHERE id = $1 AND deadline_version = $2 AND settled_rank < $3",
        ranks,
    )


async def list_waiting_for_review(ladder_version_id: int, rank: int, reported_before: datetime) -> list[int]:
    """Assignments whose report has waited for the moment `rank`, and of which it is not told yet."""
    rows = await fetch(
        "SELECT id FROM assignment WHERE state = 'reported' AND review_rank < $2 AND ladder_version_id = $1"
        " AND reported_at < $3 ORDER BY reported_at, id",
        ladder_version_id,
        rank,
        reported_before,
    )
    return [r["id"] for r in rows]


async def settle_review(ids: Sequence[int], rank: int) -> None:
    """These reports' waiting has been told up to `rank`."""
    await execute(
        "UPDATE assignment SET review_rank = $2 WHERE id = ANY($1::bigint[]) AND review_rank < $2",
        list(ids),
        rank,
    )


def is_open(state: State) -> bool:
    """Whether the assignment still counts as open."""
    return state in OPEN_STATES


async def touch_task(task_id: int, now: datetime) -> None:
    """The task's words changed: what calendars show of its open assignments changes with them."""
    await execute(
        f"UPDATE assignment SET sequence = sequence + 1, row_version = row_version + 1, changed_at = $2"
        f" WHERE task_id = $1 AND state IN {OPEN}",
        task_id,
        now,
    )


async def list_recurrent_due(today: date, limit: int) -> list[Assignment]:
    """The newest occurrence of each recurrent series whose day has come, or that is done already."""
    rows = await fetch(
        f"""{SELECT} WHERE a.recurrence IS NOT NULL AND NOT a.recurred
          AND a.state NOT IN ('withdrawn', 'transferred', 'superseded')
          AND (a.due_on <= $1 OR a.state = 'confirmed') ORDER BY a.due_on, a.id LIMIT $2""",
        today,
        limit,
    )
    return [from_row(r) for r in rows]


async def take_recurrence(assignment_id: int, version: int) -> bool:
    """Claim the making of the next occurrence; False when another process was first."""
    touched = await execute(
        "UPDATE assignment SET recurred = true WHERE id = $1 AND row_version = $2 AND NOT recurred",
        assignment_id,
        version,
    )
    return touched == 1
