"""Inspection sessions: plans, what was frozen, corrections, conclusions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from asyncpg import Record

from tracker.db.assignments import SELECT, Assignment, from_row
from tracker.db.engine import execute, executemany, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound
from tracker.domain.inspections import (
    AgendaItem,
    Conclusion,
    Evidence,
    Frozen,
    ItemKind,
    Plan,
    State,
    Topic,
    Verdict,
)
from tracker.domain.zone import civil_day

_OPEN = "a.state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')"
FREEZING = 5_214_001
"""The key of the advisory lock under which agendas are frozen, one at a time."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A session; days are civil days, instants UTC. `agencies` stand in the order of the agenda."""

    id: int
    title: str
    topic: Topic
    directive_id: int | None
    field: str
    held_on: date
    held_at: time | None
    ends_at: time | None
    place: str
    chair_id: int | None
    secretary_id: int | None
    as_of: date
    due_until: date
    explain_by: date | None
    urging_id: UUID | None
    state: State
    sequence: int
    frozen_at: datetime | None
    totals: Mapping[str, Any] | None
    digest: str
    notice_number: str
    concluded_at: datetime | None
    row_version: int
    changed_at: datetime
    agency_codes: tuple[str, ...]
    agency_names: tuple[str, ...]
    member_ids: tuple[int, ...]


_INSPECTION = """
SELECT i.*, i.totals::text AS totals_text,
       (SELECT coalesce(array_agg(g.code ORDER BY n.position), '{}') FROM inspection_agency n
        JOIN agency g ON g.id = n.agency_id WHERE n.inspection_id = i.id) AS agency_codes,
       (SELECT coalesce(array_agg(g.name ORDER BY n.position), '{}') FROM inspection_agency n
        JOIN agency g ON g.id = n.agency_id WHERE n.inspection_id = i.id) AS agency_names,
       (SELECT coalesce(array_agg(m.official_id ORDER BY m.official_id), '{}') FROM inspection_member m
        WHERE m.inspection_id = i.id) AS member_ids
FROM inspection i
"""


def _inspection(row: Record) -> Inspection:
    return Inspection(
        id=row["id"],
        title=row["title"],
        topic=Topic(row["topic"]),
        directive_id=row["directive_id"],
        field=row["field"],
        held_on=row["held_on"],
        held_at=row["held_at"],
        ends_at=row["ends_at"],
        place=row["place"],
        chair_id=row["chair_id"],
        secretary_id=row["secretary_id"],
        as_of=row["as_of"],
        due_until=row["due_until"],
        explain_by=row["explain_by"],
        urging_id=row["urging_id"],
        state=State(row["state"]),
        sequence=row["sequence"],
        frozen_at=row["frozen_at"],
        totals=None if row["totals_text"] is None else json.loads(row["totals_text"]),
        digest=row["digest"],
        notice_number=row["notice_number"],
        concluded_at=row["concluded_at"],
        row_version=row["row_version"],
        changed_at=row["changed_at"],
        agency_codes=tuple(row["agency_codes"]),
        agency_names=tuple(row["agency_names"]),
        member_ids=tuple(row["member_ids"]),
    )


# --- plans ---


async def insert_inspection(actor: Actor, plan: Plan, now: datetime) -> int:
    """A planned session without agencies and members yet; its id."""
    made: int = await fetchval(
        """
        INSERT INTO inspection (title, topic, directive_id, field, held_on, held_at, ends_at, place, chair_id,
            secretary_id, as_of, due_until, explain_by, created_by, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15) RETURNING id
        """,
        *_values(plan),
        actor.official_id,
        now,
    )
    return made


def _values(plan: Plan) -> tuple[object, ...]:
    return (
        plan.title,
        plan.topic.value,
        plan.directive_id,
        plan.field,
        plan.held_on,
        plan.held_at,
        plan.ends_at,
        plan.place,
        plan.chair_id,
        plan.secretary_id,
        plan.as_of,
        plan.due_until,
        plan.explain_by,
    )


async def update_plan(inspection_id: int, plan: Plan, *, moves: bool, now: datetime) -> None:
    """Change the plan of a locked session; `moves` makes a new sequence of its calendar entry."""
    await execute(
        """
        UPDATE inspection SET title = $1, topic = $2, directive_id = $3, field = $4, held_on = $5, held_at = $6,
            ends_at = $7, place = $8, chair_id = $9, secretary_id = $10, as_of = $11, due_until = $12,
            explain_by = $13, changed_at = $14, row_version = row_version + 1,
            sequence = sequence + CASE WHEN $15 THEN 1 ELSE 0 END
        WHERE id = $16
        """,
        *_values(plan),
        now,
        moves,
        inspection_id,
    )


async def put_agencies(
    inspection_id: int, agency_ids: Sequence[int], reasons: Mapping[int, Sequence[tuple[str, int]]]
) -> None:
    """The agencies of a session in their order, with the reasons they were proposed for."""
    await execute("DELETE FROM inspection_agency WHERE inspection_id = $1", inspection_id)
    await executemany(
        "INSERT INTO inspection_agency (inspection_id, agency_id, position, reasons) VALUES ($1, $2, $3, $4::jsonb)",
        [
            (inspection_id, agency_id, position, json.dumps(reasons.get(agency_id, ())))
            for position, agency_id in enumerate(agency_ids)
        ],
    )


async def put_members(inspection_id: int, official_ids: Sequence[int]) -> None:
    """The people who take part."""
    await execute("DELETE FROM inspection_member WHERE inspection_id = $1", inspection_id)
    await executemany(
        "INSERT INTO inspection_member (inspection_id, official_id) VALUES ($1, $2)",
        [(inspection_id, official_id) for official_id in official_ids],
    )


async def get_inspection(inspection_id: int) -> Inspection:
    """One session. Raises NotFound."""
    row = await fetchrow(f"{_INSPECTION} WHERE i.id = $1", inspection_id)
    if row is None:
        raise NotFound(noun="inspection", id=inspection_id)
    return _inspection(row)


async def lock_inspection(inspection_id: int) -> Inspection:
    """One session, which nobody else changes until this transaction ends. Raises NotFound."""
    await fetchrow("SELECT FROM inspection WHERE id = $1 FOR UPDATE", inspection_id)
    return await get_inspection(inspection_id)


async def list_inspections(
    *,
    agency_ids: Sequence[int] | None = None,
    after: tuple[date, int] | None = None,
    limit: int = 100,
) -> list[Inspection]:
    """The sessions, the latest day first; those that inspect one of some agencies where they are named.

    `after` is the (held_on, id) of the last row seen.
    """
    rows = await fetch(
        f"""
        {_INSPECTION} WHERE ($1::bigint[] IS NULL
            OR EXISTS (SELECT FROM inspection_agency n WHERE n.inspection_id = i.id AND n.agency_id = ANY($1)))
            AND ($2::date IS NULL OR (i.held_on, i.id) < ($2, $3))
        ORDER BY i.held_on DESC, i.id DESC LIMIT $4
        """,
        None if agency_ids is None else list(agency_ids),
        *(after or (None, None)),
        limit,
    )
    return [_inspection(row) for row in rows]


async def set_state(inspection_id: int, state: State, now: datetime) -> None:
    """Move a locked session on; a cancelled one is a new sequence of its calendar entry."""
    await execute(
        """
        UPDATE inspection SET state = $2, changed_at = $3, row_version = row_version + 1,
            sequence = sequence + CASE WHEN $2 = 'cancelled' THEN 1 ELSE 0 END,
            concluded_at = CASE WHEN $2 = 'concluded' THEN $3 ELSE concluded_at END
        WHERE id = $1
        """,
        inspection_id,
        state.value,
        now,
    )


async def set_urging(inspection_id: int, urging_id: UUID) -> None:
    """Remember by which request the agencies were asked to explain themselves."""
    await execute("UPDATE inspection SET urging_id = $2 WHERE id = $1", inspection_id, urging_id)


# --- who is proposed ---


@dataclass(frozen=True, slots=True)
class AgencyFigures:
    """What speaks for inspecting an agency beside its overdue list; counts of open assignments."""

    agency_code: str
    extended_again: int
    returned: int
    last_session_on: date | None


async def list_agency_figures() -> list[AgencyFigures]:
    """For every agency with open work: extended more than once, returned and open, the last session held."""
    rows = await fetch(
        f"""
        SELECT g.code, count(*) FILTER (WHERE a.extension_count > 1) AS extended_again,
               count(*) FILTER (WHERE a.state = 'returned') AS returned,
               (SELECT max(i.held_on) FROM inspection_agency n JOIN inspection i ON i.id = n.inspection_id
                WHERE n.agency_id = g.id AND i.state IN ('frozen', 'concluded')) AS last_session_on
        FROM assignment a JOIN agency g ON g.id = a.agency_id
        WHERE {_OPEN} GROUP BY g.id
        """
    )
    return [AgencyFigures(*row.values()) for row in rows]


# --- the agenda ---


async def list_open_of(
    viewer: Actor, agency_ids: Sequence[int], directive_id: int | None, field: str, due_until: date
) -> list[Assignment]:
    """Open assignments of these agencies that are due by a day, are standing, or wait for an answer."""
    condition, seen = visible_to(viewer, "a", first=5)
    rows = await fetch(
        f"""
        {SELECT} WHERE a.agency_id = ANY($1::bigint[]) AND ($2::bigint IS NULL OR a.directive_id = $2)
            AND ($3 = '' OR t.field = $3) AND {_OPEN}
            AND (a.due_on <= $4 OR a.due_kind = 'standing'
                OR EXISTS (SELECT FROM extension x WHERE x.assignment_id = a.id AND x.state = 'pending'))
            AND {condition}
        """,
        list(agency_ids),
        directive_id,
        field,
        due_until,
        *seen,
    )
    return [from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Told:
    """What an agency said of an assignment when it was asked."""

    text: str
    by: str
    at: datetime


async def list_explanations_of(assignment_ids: Sequence[int], until: datetime) -> dict[int, Told]:
    """The last explanation of each assignment."""
    rows = await fetch(
        """
        SELECT DISTINCT ON (assignment_id) assignment_id, answer, answered_by_name, answered_at FROM urged
        WHERE assignment_id = ANY($1::bigint[]) AND answered_at <= $2 ORDER BY assignment_id, answered_at DESC
        """,
        list(assignment_ids),
        until,
    )
    return {r["assignment_id"]: Told(r["answer"], r["answered_by_name"], r["answered_at"]) for r in rows}


async def list_restricted(assignment_ids: Sequence[int]) -> frozenset[int]:
    """Those of these assignments whose task is restricted: its words are not for paper."""
    rows = await fetch(
        "SELECT a.id FROM assignment a JOIN task t ON t.id = a.task_id"
        " WHERE a.id = ANY($1::bigint[]) AND t.restricted",
        list(assignment_ids),
    )
    return frozenset(row["id"] for row in rows)


async def list_evidence(assignment_ids: Sequence[int]) -> dict[int, tuple[Evidence, ...]]:
    """The files of the reports of each assignment, oldest first."""
    rows = await fetch(
        "SELECT f.assignment_id, f.name, f.size, f.sha256, f.created_at, o.full_name FROM attachment f"
        " JOIN official o ON o.id = f.official_id"
        " WHERE f.assignment_id = ANY($1::bigint[]) AND f.state = 'attached' ORDER BY f.id",
        list(assignment_ids),
    )
    found: dict[int, tuple[Evidence, ...]] = {}
    for r in rows:
        one = Evidence(r["name"], r["size"], r["sha256"].hex(), civil_day(r["created_at"]), r["full_name"])
        found[r["assignment_id"]] = (*found.get(r["assignment_id"], ()), one)
    return found


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request for more time that nobody has answered."""

    proposed_on: date
    reason: str
    requested_at: datetime


async def list_waiting_requests(assignment_ids: Sequence[int]) -> dict[int, Waiting]:
    """The requests for more time that wait, by assignment."""
    rows = await fetch(
        "SELECT assignment_id, proposed_on, reason, requested_at FROM extension"
        " WHERE assignment_id = ANY($1::bigint[]) AND state = 'pending'",
        list(assignment_ids),
    )
    return {r["assignment_id"]: Waiting(r["proposed_on"], r["reason"], r["requested_at"]) for r in rows}


async def count_returns(assignment_ids: Sequence[int]) -> dict[int, int]:
    """How often reports of each assignment were returned."""
    rows = await fetch(
        "SELECT assignment_id, count(*) AS returned FROM report"
        " WHERE assignment_id = ANY($1::bigint[]) AND acceptance = 'returned' GROUP BY assignment_id",
        list(assignment_ids),
    )
    return {r["assignment_id"]: r["returned"] for r in rows}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the last session before concluded on an assignment."""

    held_on: date
    verdict: Verdict
    text: str
    due_on: date | None


async def list_earlier_conclusions(assignment_ids: Sequence[int], before: int | None) -> dict[int, Earlier]:
    """The last conclusion on each assignment, of sessions other than `before`."""
    rows = await fetch(
        """
        SELECT DISTINCT ON (n.assignment_id) n.assignment_id, i.held_on, c.verdict, c.text, c.due_on
        FROM inspection_item n JOIN inspection_conclusion c ON c.item_id = n.id
        JOIN inspection i ON i.id = n.inspection_id
        WHERE n.assignment_id = ANY($1::bigint[]) AND i.id IS DISTINCT FROM $2 AND c.struck_at IS NULL
        ORDER BY n.assignment_id, i.held_on DESC, c.id DESC
        """,
        list(assignment_ids),
        before,
    )
    return {
        r["assignment_id"]: Earlier(r["held_on"], Verdict(r["verdict"]), r["text"], r["due_on"]) for r in rows
    }


async def lock_freezing() -> bool:
    """Take the right to freeze until this transaction ends; False while another session is being frozen."""
    taken: bool = await fetchval("SELECT pg_try_advisory_xact_lock($1)", FREEZING)
    return taken


async def insert_frozen(
    inspection_id: int, frozen: Frozen, agency_ids: Mapping[str, int], actor: Actor, now: datetime
) -> None:
    """Copy the agenda into the session and mark it frozen."""
    await executemany(
        "INSERT INTO inspection_item (inspection_id, position, kind, agency_id, assignment_id, content, digest)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                inspection_id,
                position,
                item.kind.value,
                agency_ids[item.agency_code],
                item.assignment_id,
                item.canonical().decode(),
                item.digest,
            )
            for position, item in enumerate(frozen.items, 1)
        ],
    )
    totals = {code: _counts(totals) for code, totals in frozen.by_agency.items()}
    await execute(
        """
        UPDATE inspection SET state = 'frozen', frozen_at = $2, frozen_by = $3, digest = $4, totals = $5::jsonb,
            changed_at = $2, row_version = row_version + 1
        WHERE id = $1
        """,
        inspection_id,
        now,
        actor.official_id,
        frozen.digest,
        json.dumps({"all": _counts(frozen.totals), "agencies": totals}),
    )


def _counts(totals: object) -> dict[str, int]:
    return {kind.value: getattr(totals, kind.value) for kind in ItemKind}


@dataclass(frozen=True, slots=True)
class FrozenItem:
    """A copied row as it stands in the session."""

    id: int
    position: int
    digest: str
    item: AgendaItem


_DATES = frozenset(
    {"directive_issued_on", "due_on", "original_due_on", "last_report_on", "committed_on", "explained_on",
     "last_concluded_on"}
)  # fmt: skip


def read_item(content: str) -> AgendaItem:
    """The item that was written down as canonical JSON."""
    told = json.loads(content)
    for name in _DATES:
        told[name] = None if told[name] is None else date.fromisoformat(told[name])
    told["due_time"] = None if told["due_time"] is None else time.fromisoformat(told["due_time"])
    files = tuple(Evidence(**{**one, "on": date.fromisoformat(one["on"])}) for one in told.pop("files", ()))
    told |= {"kind": ItemKind(told["kind"]), "cooperating": tuple(told["cooperating"])}
    return AgendaItem(**told, files=files)


async def list_items(inspection_id: int, agency_codes: Sequence[str] = ()) -> list[FrozenItem]:
    """The frozen agenda in its order; that of some agencies where they are named."""
    rows = await fetch(
        """
        SELECT n.id, n.position, n.digest, n.content FROM inspection_item n JOIN agency g ON g.id = n.agency_id
        WHERE n.inspection_id = $1 AND (cardinality($2::text[]) = 0 OR g.code = ANY($2::text[])) ORDER BY n.position
        """,
        inspection_id,
        list(agency_codes),
    )
    return [FrozenItem(r["id"], r["position"], r["digest"], read_item(r["content"])) for r in rows]


async def find_item(inspection_id: int, item_id: int) -> FrozenItem | None:
    """One frozen row of this session; None for one of another."""
    r = await fetchrow(
        "SELECT id, position, digest, content FROM inspection_item WHERE id = $1 AND inspection_id = $2",
        item_id,
        inspection_id,
    )
    return None if r is None else FrozenItem(r["id"], r["position"], r["digest"], read_item(r["content"]))


# --- corrections and conclusions ---


@dataclass(frozen=True, slots=True)
class Addendum:
    """A correction of what was frozen, beside it."""

    id: int
    item_id: int | None
    text: str
    added_by_name: str
    added_at: datetime


async def insert_addendum(
    inspection_id: int, item_id: int | None, text: str, actor: Actor, now: datetime
) -> int:
    """A correction; its id."""
    made: int = await fetchval(
        "INSERT INTO inspection_addendum (inspection_id, item_id, text, added_by, added_by_name, added_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        inspection_id,
        item_id,
        text,
        actor.official_id,
        actor.name,
        now,
    )
    return made


async def list_addenda(inspection_id: int) -> list[Addendum]:
    """The corrections of a session, oldest first."""
    rows = await fetch(
        "SELECT id, item_id, text, added_by_name, added_at FROM inspection_addendum"
        " WHERE inspection_id = $1 ORDER BY id",
        inspection_id,
    )
    return [Addendum(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Concluded:
    """A conclusion as it stands; `outcome` says what became of it once it was applied."""

    id: int
    inspection_id: int
    item_id: int | None
    agency_code: str
    verdict: Verdict
    text: str
    due_on: date | None
    made_by_name: str
    made_at: datetime
    applied_at: datetime | None
    task_id: int | None
    outcome: str
    row_version: int


_CONCLUSION = """
SELECT c.*, coalesce(g.code, '') AS agency_code FROM inspection_conclusion c LEFT JOIN agency g ON g.id = c.agency_id
"""


def _concluded(row: Record) -> Concluded:
    names = [name for name in Concluded.__dataclass_fields__ if name != "verdict"]
    return Concluded(**{name: row[name] for name in names}, verdict=Verdict(row["verdict"]))


async def list_conclusions(inspection_id: int) -> list[Concluded]:
    """The conclusions of a session, by their item's place, those of the whole session last."""
    rows = await fetch(
        f"{_CONCLUSION} LEFT JOIN inspection_item n ON n.id = c.item_id"
        " WHERE c.inspection_id = $1 AND c.struck_at IS NULL ORDER BY n.position NULLS LAST, c.id",
        inspection_id,
    )
    return [_concluded(row) for row in rows]


async def find_conclusion_on(item_id: int) -> Concluded | None:
    """What was concluded on an item so far."""
    row = await fetchrow(f"{_CONCLUSION} WHERE c.item_id = $1 AND c.struck_at IS NULL", item_id)
    return None if row is None else _concluded(row)


async def find_conclusion(inspection_id: int, conclusion_id: int) -> Concluded | None:
    """One conclusion of this session that was not struck; None for one of another."""
    row = await fetchrow(
        f"{_CONCLUSION} WHERE c.id = $1 AND c.inspection_id = $2 AND c.struck_at IS NULL",
        conclusion_id,
        inspection_id,
    )
    return None if row is None else _concluded(row)


async def insert_conclusion(
    inspection_id: int,
    item_id: int | None,
    agency_id: int | None,
    new: Conclusion,
    actor: Actor,
    now: datetime,
) -> int:
    """A conclusion; its id. After one on the same item that was struck its versions go on."""
    made: int = await fetchval(
        "INSERT INTO inspection_conclusion (inspection_id, item_id, agency_id, verdict, text, due_on, made_by,"
        " made_by_name, made_at, row_version) SELECT $1, $2::bigint, $3, $4, $5, $6, $7, $8, $9,"
        " 1 + coalesce(max(row_version), 0) FROM inspection_conclusion WHERE item_id = $2 RETURNING id",
        inspection_id,
        item_id,
        agency_id,
        new.verdict.value,
        new.text,
        new.due_on,
        actor.official_id,
        actor.name,
        now,
    )
    return made


async def update_conclusion(
    conclusion_id: int, version: int, agency_id: int | None, new: Conclusion, actor: Actor, now: datetime
) -> bool:
    """Change a conclusion that was not applied yet; False when somebody was first."""
    return (
        await execute(
            "UPDATE inspection_conclusion SET verdict = $3, text = $4, due_on = $5, made_by = $6, made_by_name = $7,"
            " made_at = $8, agency_id = $9, row_version = row_version + 1"
            " WHERE id = $1 AND row_version = $2 AND applied_at IS NULL AND struck_at IS NULL",
            conclusion_id,
            version,
            new.verdict.value,
            new.text,
            new.due_on,
            actor.official_id,
            actor.name,
            now,
            agency_id,
        )
        == 1
    )


async def strike_conclusion(conclusion_id: int, version: int, actor: Actor, now: datetime) -> bool:
    """Strike a conclusion that was not applied yet; its words stay. False when somebody was first."""
    return (
        await execute(
            "UPDATE inspection_conclusion SET struck_at = $3, struck_by_name = $4, row_version = row_version + 1"
            " WHERE id = $1 AND row_version = $2 AND applied_at IS NULL AND struck_at IS NULL",
            conclusion_id,
            version,
            now,
            actor.name,
        )
        == 1
    )


async def mark_applied(conclusion_id: int, now: datetime, outcome: str, task_id: int | None = None) -> None:
    """Remember that a conclusion was carried out, and as what."""
    await execute(
        "UPDATE inspection_conclusion SET applied_at = $2, outcome = $3, task_id = $4, row_version = row_version + 1"
        " WHERE id = $1",
        conclusion_id,
        now,
        outcome,
        task_id,
    )


async def set_notice(inspection_id: int, directive_id: int, number: str) -> None:
    """Join a session to the notice of its conclusions."""
    await execute("UPDATE directive SET inspection_id = $2 WHERE id = $1", directive_id, inspection_id)
    await execute("UPDATE inspection SET notice_number = $2 WHERE id = $1", inspection_id, number)
