"""What was urged: who was asked when, what can still be taken back, which explanations are owed and given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from tracker.db.engine import as_service, execute, fetch, fetchrow
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound

_NOT_UNDONE = (
    "NOT EXISTS (SELECT FROM urging u WHERE u.id = (h.detail->>'group')::uuid AND u.undone_at IS NOT NULL)"
)
# Nothing of it was ever handed to a mail server, nor claimed for that: a digest that was mended had been claimed.
_UNTOUCHED = (
    "((o.state = 'pending' AND o.attempts = 0 AND NOT o.maybe_duplicate)"
    " OR (o.state = 'superseded' AND o.reason <> 'partly_changed') OR (o.state = 'failed' AND o.attempts = 0))"
)


async def list_urged(
    assignment_ids: Sequence[int], since: datetime, kind: str | None = None
) -> dict[int, dict[int, datetime]]:
    """For each assignment the people urged after `since`, each with the last time; what was taken back is not.

    `kind` counts only urges of that kind.
    """
    rows = await fetch(
        "SELECT h.assignment_id, h.at, h.detail::text AS detail FROM history h"
        f" WHERE h.verb = 'urge' AND h.assignment_id = ANY($1::bigint[]) AND h.at > $2 AND {_NOT_UNDONE}"
        " AND ($3::text IS NULL OR h.detail->>'kind' = $3) ORDER BY h.at",
        list(assignment_ids),
        since,
        kind,
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
    """The last urge of this person for this assignment that was not taken back."""
    rows = await fetch(
        "SELECT h.actor_name, h.reason, (h.detail->>'answer_by')::date AS answer_by FROM history h"
        f" WHERE h.verb = 'urge' AND h.assignment_id = $1 AND h.detail->'to' ? $2::text AND {_NOT_UNDONE}"
        " ORDER BY h.at DESC, h.id DESC LIMIT 1",
        assignment_id,
        str(official_id),
    )
    return Urged(*rows[0].values()) if rows else None


# -- one urging ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewUrging:
    """What is asked of several agencies at once; `answer_by` makes it a request to explain."""

    id: UUID
    kind: str
    sentence: str
    answer_by: date | None


@as_service()
async def insert_urging(
    actor: Actor, new: NewUrging, pairs: Sequence[tuple[int, int | None]], now: datetime
) -> None:
    """Keep an urging with its assignments, each with the message that carries it."""
    await execute(
        "INSERT INTO urging (id, kind, urged_by, urged_by_name, sentence, answer_by, urged_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.id,
        new.kind,
        actor.official_id,
        actor.name,
        new.sentence,
        new.answer_by,
        now,
    )
    await execute(
        "INSERT INTO urged (urging_id, assignment_id, outbox_id, is_owed)"
        " SELECT $1, p.assignment_id, p.outbox_id, $4"
        " FROM unnest($2::bigint[], $3::bigint[]) AS p (assignment_id, outbox_id)",
        new.id,
        [assignment_id for assignment_id, _ in pairs],
        [outbox_id for _, outbox_id in pairs],
        new.answer_by is not None,
    )


@dataclass(frozen=True, slots=True)
class Urging:
    """One urging as it stands."""

    id: UUID
    kind: str
    urged_by: int | None
    sentence: str
    urged_at: datetime
    undone_at: datetime | None


async def lock_urging(urging_id: UUID) -> Urging:
    """One urging; nobody else takes it back until this transaction ends. Raises NotFound."""
    row = await fetchrow(
        "SELECT id, kind, urged_by, sentence, urged_at, undone_at FROM urging WHERE id = $1 FOR UPDATE",
        urging_id,
    )
    if row is None:
        raise NotFound(noun="urging", id=urging_id)
    return Urging(*row.values())


@dataclass(frozen=True, slots=True)
class UrgedRow:
    """One assignment of an urging, and where it belongs."""

    assignment_id: int
    task_id: int
    directive_id: int
    agency_id: int
    outbox_id: int | None


async def list_urged_rows(urging_id: UUID) -> list[UrgedRow]:
    """The assignments of an urging."""
    rows = await fetch(
        "SELECT u.assignment_id, a.task_id, t.directive_id, a.agency_id, u.outbox_id FROM urged u"
        " JOIN assignment a ON a.id = u.assignment_id JOIN task t ON t.id = a.task_id"
        " WHERE u.urging_id = $1 ORDER BY u.assignment_id",
        urging_id,
    )
    return [UrgedRow(*row.values()) for row in rows]


@as_service()
async def take_back(urging_id: UUID, now: datetime) -> int | None:
    """Take back every message of an urging; how many would have left, None where one was claimed before.

    The rows are locked first: a worker that has claimed one is waited for, and one that looks now passes them over.
    """
    rows = await fetch(
        f"SELECT o.id, o.state, {_UNTOUCHED} AS is_untouched FROM outbox o"
        " WHERE o.id IN (SELECT outbox_id FROM urged WHERE urging_id = $1) ORDER BY o.id FOR UPDATE OF o",
        urging_id,
    )
    waiting = [row["id"] for row in rows if row["state"] == "pending"]
    if not waiting or not all(row["is_untouched"] for row in rows):
        return None
    await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'undone' WHERE id = ANY($1::bigint[]) AND state = 'pending'",
        waiting,
    )
    await execute("UPDATE urging SET undone_at = $2 WHERE id = $1", urging_id, now)
    await execute("UPDATE urged SET is_owed = false WHERE urging_id = $1", urging_id)
    return len(waiting)


# -- how one assignment was urged ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UrgingOf:
    """An urging as one assignment's story tells it; `is_waiting` while all of it can be taken back."""

    id: UUID
    assignment_id: int
    kind: str
    urged_by: int | None
    urged_by_name: str
    sentence: str
    answer_by: date | None
    urged_at: datetime
    undone_at: datetime | None
    outbox_id: int | None
    is_owed: bool
    answer: str
    answered_by_name: str
    answered_at: datetime | None
    is_waiting: bool


async def list_urgings_of(viewer: Actor, assignment_ids: Sequence[int]) -> list[UrgingOf]:
    """How these assignments were urged, oldest first, as far as the viewer may know of them."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT g.id, u.assignment_id, g.kind, g.urged_by, g.urged_by_name, g.sentence, g.answer_by, g.urged_at,
               g.undone_at, u.outbox_id, u.is_owed, u.answer, u.answered_by_name, u.answered_at,
               g.undone_at IS NULL AND coalesce((
                   SELECT bool_or(o.state = 'pending') AND bool_and({_UNTOUCHED}) FROM outbox o
                   WHERE o.id IN (SELECT x.outbox_id FROM urged x WHERE x.urging_id = g.id)), false) AS is_waiting
        FROM urged u JOIN urging g ON g.id = u.urging_id JOIN assignment a ON a.id = u.assignment_id
        WHERE u.assignment_id = ANY($1::bigint[]) AND {condition} ORDER BY g.urged_at, g.id
        """,
        list(assignment_ids),
        *arguments,
    )
    return [UrgingOf(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class ExplanationRow:
    """An explanation in a list: of which task and agency, asked by whom until when, and what was said."""

    urging_id: UUID
    assignment_id: int
    task_id: int
    short_name: str
    directive_number: str
    restricted: bool
    agency_code: str
    agency_name: str
    asked_by: str
    asked_at: datetime
    answer_by: date
    sentence: str
    is_owed: bool
    answer: str
    answered_by_name: str
    answered_at: datetime | None


async def list_explanations(
    viewer: Actor,
    *,
    asked_by: int | None = None,
    owed: bool | None = None,
    agency_ids: Sequence[int] | None = None,
    limit: int = 100,
) -> list[ExplanationRow]:
    """Requests to explain that the viewer may know of: the owed by their day, then the given, newest first."""
    condition, arguments = visible_to(viewer, "a", first=5)
    rows = await fetch(
        f"""
        SELECT g.id, u.assignment_id, a.task_id, t.short_name, d.number, t.restricted, y.code, y.name,
               g.urged_by_name, g.urged_at, g.answer_by, g.sentence, u.is_owed, u.answer, u.answered_by_name,
               u.answered_at
        FROM urged u JOIN urging g ON g.id = u.urging_id JOIN assignment a ON a.id = u.assignment_id
        JOIN task t ON t.id = a.task_id JOIN directive d ON d.id = t.directive_id JOIN agency y ON y.id = a.agency_id
        WHERE g.kind = 'explanation' AND g.undone_at IS NULL AND ($1::bigint IS NULL OR g.urged_by = $1)
          AND ($2::bool IS NULL OR u.is_owed = $2) AND ($3::bigint[] IS NULL OR a.agency_id = ANY($3))
          AND {condition}
        ORDER BY u.is_owed DESC, CASE WHEN u.is_owed THEN g.answer_by END, u.answered_at DESC NULLS LAST, g.urged_at
        LIMIT $4
        """,
        asked_by,
        owed,
        None if agency_ids is None else list(agency_ids),
        limit,
        *arguments,
    )
    return [ExplanationRow(*row.values()) for row in rows]


async def lock_owed(assignment_id: int) -> list[UUID]:
    """The urgings that an assignment owes an explanation to; nobody else answers until this transaction ends."""
    rows = await fetch(
        "SELECT urging_id FROM urged WHERE assignment_id = $1 AND is_owed ORDER BY urging_id FOR UPDATE",
        assignment_id,
    )
    return [row["urging_id"] for row in rows]


async def put_answer(assignment_id: int, actor: Actor, answer: str, now: datetime) -> None:
    """The explanation, to every request that is still owed one."""
    await execute(
        "UPDATE urged SET is_owed = false, answer = $2, answered_by = $3, answered_by_name = $4, answered_at = $5"
        " WHERE assignment_id = $1 AND is_owed",
        assignment_id,
        answer,
        actor.official_id,
        actor.name,
        now,
    )
