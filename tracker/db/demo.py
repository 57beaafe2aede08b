"""Writing many rows at once: the directory of a new installation, and the past of the demonstration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.audit import NewRow, append_history
from tracker.db.engine import execute, fetch, fetchval
from tracker.domain.search import search_key, sort_key


async def insert_agencies(rows: Sequence[Mapping[str, object]]) -> int:
    """The shipped directory; an agency whose code stands already stays as it is. How many were new."""
    return await execute(
        """
        INSERT INTO agency (code, name, name_en, short_name, kind, valid_from, valid_to, source, search_key, sort_key)
        SELECT r.code, r.name, r.name_en, r.short_name, r.kind, coalesce(r.valid_from, '1945-09-02'), r.valid_to,
               r.source, r.search_key, r.sort_key
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::date[], $8::text[],
                    $9::text[], $10::text[])
             AS r (code, name, name_en, short_name, kind, valid_from, valid_to, source, search_key, sort_key)
        ON CONFLICT (code) DO NOTHING
        """,
        [r["code"] for r in rows],
        [r["name"] for r in rows],
        [r.get("name_en", "") for r in rows],
        [r["short_name"] for r in rows],
        [r["kind"] for r in rows],
        [_day(r.get("valid_from")) for r in rows],
        [_day(r.get("valid_to")) for r in rows],
        [r.get("source", "") for r in rows],
        [search_key(f"{r['name']} {r['short_name']} {r['code']}") for r in rows],
        [sort_key(str(r["name"])) for r in rows],
    )


async def insert_successions(rows: Sequence[Mapping[str, str]]) -> None:
    """Who carries on whose work; a succession that stands already stays as it is."""
    await execute(
        """
        INSERT INTO agency_succession (predecessor_id, successor_id, effective_on, source)
        SELECT p.id, s.id, r.effective_on, r.source
        FROM unnest($1::text[], $2::text[], $3::date[], $4::text[]) AS r (predecessor, successor, effective_on, source)
        JOIN agency p ON p.code = r.predecessor JOIN agency s ON s.code = r.successor
        ON CONFLICT DO NOTHING
        """,
        [r["predecessor"] for r in rows],
        [r["successor"] for r in rows],
        [_day(r["effective_on"]) for r in rows],
        [f"{r['scope']}; {r['source']}" for r in rows],
    )


async def insert_officials(rows: Sequence[Mapping[str, object]]) -> None:
    """People of the demonstration, by the code of their agency."""
    await execute(
        """
        INSERT INTO official (agency_id, full_name, position, email, role, duty, contact_order, language,
                              search_key, sort_key)
        SELECT g.id, r.full_name, r.position, r.email, r.role, r.duty, r.contact_order, r.language, r.search_key,
               r.sort_key
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[],
                    $9::text[], $10::text[])
             AS r (agency, full_name, position, email, role, duty, contact_order, language, search_key, sort_key)
        LEFT JOIN agency g ON g.code = r.agency
        """,
        [r.get("agency") for r in rows],
        [r["full_name"] for r in rows],
        [r["position"] for r in rows],
        [r["email"] for r in rows],
        [r["role"] for r in rows],
        [r.get("duty") for r in rows],
        [r.get("contact_order", 1) for r in rows],
        [r.get("language", "vi") for r in rows],
        [search_key(f"{r['full_name']} {r['email']}") for r in rows],
        [sort_key(str(r["full_name"])) for r in rows],
    )


async def insert_following(email: str, codes: Sequence[str]) -> None:
    """A working-group member follows these agencies."""
    await execute(
        "INSERT INTO agency_member (agency_id, official_id) SELECT g.id, o.id FROM agency g, official o"
        " WHERE o.email = $1 AND g.code = ANY($2::text[]) ON CONFLICT DO NOTHING",
        email,
        list(codes),
    )


async def mark_absence(email: str, first: date, last: date, deputy: str) -> None:
    """Somebody is away and somebody else is asked meanwhile."""
    await execute(
        "UPDATE official SET absent_from = $2, absent_to = $3,"
        " deputy_id = (SELECT d.id FROM official d WHERE d.email = $4) WHERE email = $1",
        email,
        first,
        last,
        deputy,
    )


def _day(value: object) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Known:
    """An assignment as the loader of the demonstration addresses it."""

    id: int
    agency_code: str
    valid_to: date | None
    due_kind: str
    due_on: date | None
    via_class: str
    part: str


async def list_task_assignments(task_ids: Sequence[int]) -> dict[int, tuple[Known, ...]]:
    """The assignments of each task."""
    rows = await fetch(
        "SELECT a.id, a.task_id, g.code, g.valid_to, a.due_kind, a.due_on, a.via_class, a.part FROM assignment a"
        " JOIN agency g ON g.id = a.agency_id WHERE a.task_id = ANY($1::bigint[]) ORDER BY a.id",
        list(task_ids),
    )
    found: dict[int, list[Known]] = {}
    for r in rows:
        found.setdefault(r["task_id"], []).append(
            Known(r["id"], r["code"], r["valid_to"], r["due_kind"], r["due_on"], r["via_class"], r["part"])
        )
    return {task_id: tuple(known) for task_id, known in found.items()}


async def list_people() -> dict[str, dict[str, object]]:
    """Everybody by address: id, name, role, agency code and duty."""
    rows = await fetch(
        "SELECT o.id, o.email, o.full_name, o.role, o.duty, o.agency_id, o.contact_order, g.code AS agency"
        " FROM official o LEFT JOIN agency g ON g.id = o.agency_id"
    )
    return {r["email"]: dict(r) for r in rows}


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of one assignment of a class by the day that is loaded; instants UTC.

    `state` is the last that these instants lead to; `reporter_id` reports, `decider_id` confirms.
    """

    assignment_id: int
    state: str
    reporter_id: int
    decider_id: int
    acknowledged_at: datetime | None = None
    progress_at: datetime | None = None
    progress: str = ""
    percent: int | None = None
    reported_at: datetime | None = None
    summary: str = ""
    evidence_number: str = ""
    evidence_on: date | None = None
    confirmed_at: datetime | None = None
    completed_on: date | None = None

    @property
    def changed_at(self) -> datetime | None:
        """The last thing that happened."""
        instants = (self.acknowledged_at, self.progress_at, self.reported_at, self.confirmed_at)
        return max((i for i in instants if i is not None), default=None)


async def write_past(rows: Sequence[Past]) -> None:
    """Reports, states and history of many assignments, as the actions would have written them one by one.

    The caller holds the transaction.
    """
    reporting = [
        (r, kind, at)
        for r in rows
        for kind, at in (("progress", r.progress_at), ("completion", r.reported_at))
        if at is not None
    ]
    await execute(
        """
        INSERT INTO report (assignment_id, kind, receipt, summary, percent, evidence_number, evidence_on,
                            submitted_by, submitted_at, acceptance, decided_by, decided_at)
        SELECT r.assignment_id, r.kind,
               'BC-' || extract(year FROM r.at AT TIME ZONE 'Asia/Ho_Chi_Minh') || '-'
                     || lpad(nextval(pg_get_serial_sequence('report', 'id'))::text, 6, '0'),
               r.summary, r.percent, r.evidence_number, r.evidence_on, r.submitted_by, r.at, r.acceptance,
               r.decided_by, r.decided_at
        FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::int[], $6::text[], $7::date[],
                    $8::bigint[], $9::text[], $10::bigint[], $11::timestamptz[])
             AS r (assignment_id, kind, at, summary, percent, evidence_number, evidence_on, submitted_by, acceptance,
                   decided_by, decided_at)
        """,
        [r.assignment_id for r, _, _ in reporting],
        [kind for _, kind, _ in reporting],
        [at for _, _, at in reporting],
        [r.summary if kind == "completion" else r.progress for r, kind, _ in reporting],
        [r.percent if kind == "progress" else None for r, kind, _ in reporting],
        [r.evidence_number if kind == "completion" else "" for r, kind, _ in reporting],
        [r.evidence_on if kind == "completion" else None for r, kind, _ in reporting],
        [r.reporter_id for r, _, _ in reporting],
        [_acceptance(r, kind) for r, kind, _ in reporting],
        [r.decider_id if _acceptance(r, kind) == "approved" else None for r, kind, _ in reporting],
        [r.confirmed_at if _acceptance(r, kind) == "approved" else None for r, kind, _ in reporting],
    )
    touched = [r for r in rows if r.changed_at is not None]
    await execute(
        """
        UPDATE assignment a SET state = r.state, acknowledged_at = r.acknowledged_at,
            reported_at = r.reported_at,
            last_report_at = coalesce(r.reported_at, r.progress_at), last_report_summary = r.last_summary,
            confirmed_at = r.confirmed_at, closed_at = r.confirmed_at, completed_on = r.completed_on,
            completed_time = CASE WHEN r.confirmed_at IS NULL THEN NULL
                ELSE (r.reported_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::time(0) END,
            confirmed_report_id = CASE WHEN r.confirmed_at IS NULL THEN NULL ELSE
                (SELECT p.id FROM report p WHERE p.assignment_id = a.id AND p.acceptance = 'approved') END,
            row_version = a.row_version + r.changes, changed_at = r.changed_at,
            sequence = a.sequence + (r.reported_at IS NOT NULL)::int + (r.confirmed_at IS NOT NULL)::int
        FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::text[],
                    $7::timestamptz[], $8::date[], $9::int[], $10::timestamptz[])
             AS r (id, state, acknowledged_at, progress_at, reported_at, last_summary, confirmed_at, completed_on,
                   changes, changed_at)
        WHERE a.id = r.id
        """,
        [r.assignment_id for r in touched],
        [r.state for r in touched],
        [r.acknowledged_at for r in touched],
        [r.progress_at for r in touched],
        [r.reported_at for r in touched],
        [r.summary if r.reported_at else r.progress for r in touched],
        [r.confirmed_at for r in touched],
        [r.completed_on if r.confirmed_at else None for r in touched],
        [
            sum(1 for i in (r.acknowledged_at, r.progress_at, r.reported_at, r.confirmed_at) if i)
            for r in touched
        ],
        [r.changed_at for r in touched],
    )
    told = [
        (r, verb, at, who, reason, detail)
        for r in rows
        for verb, at, who, reason, detail in (
            ("acknowledge", r.acknowledged_at, r.reporter_id, "", {}),
            ("report_progress", r.progress_at, r.reporter_id, r.progress, {}),
            ("report_completion", r.reported_at, r.reporter_id, r.summary, {"evidence": r.evidence_number}),
            ("confirm", r.confirmed_at, r.decider_id, "", {"completed_on": str(r.completed_on)}),
        )
        if at is not None
    ]
    await append_history(await _rows_told(told))


async def _rows_told(
    told: Sequence[tuple[Past, str, datetime, int, str, dict[str, str]]],
) -> list[NewRow]:
    """The changes as rows of the history, in the order in which they happened."""
    names = {r["id"]: r["full_name"] for r in await fetch("SELECT id, full_name FROM official")}
    found = await fetch(
        "SELECT id, task_id, directive_id FROM assignment WHERE id = ANY($1::bigint[])",
        [r.assignment_id for r, *_ in told],
    )
    places = {r["id"]: (r["directive_id"], r["task_id"]) for r in found}
    return [
        NewRow(at, who, names[who], verb, *places[r.assignment_id], r.assignment_id, reason, detail)
        for r, verb, at, who, reason, detail in sorted(told, key=lambda one: one[2])
    ]


def _acceptance(row: Past, kind: str) -> str:
    if kind == "progress":
        return "none"
    return "pending" if row.confirmed_at is None else "approved"


async def hand_over(ended_on: date, at: datetime, actor_id: int, reason: str, document: str) -> int:
    """Close the open assignments of agencies that ended on `ended_on`: their first successor has the task too.

    How many were closed.
    """
    moved = await fetch(
        """
        UPDATE assignment a SET state = 'transferred', closed_at = $2, changed_at = $2, close_reason = $3,
               transferred_to = heir.id, row_version = a.row_version + 1, sequence = a.sequence + 1
        FROM agency g
        JOIN agency_succession s ON s.predecessor_id = g.id
        JOIN assignment heir ON heir.agency_id = s.successor_id
        WHERE a.agency_id = g.id AND g.valid_to = $1 AND heir.task_id = a.task_id
          AND heir.occurrence = a.occurrence AND a.assigned_on <= $1
          AND a.state IN ('assigned', 'acknowledged', 'in_progress', 'returned')
        RETURNING a.id, a.task_id, a.directive_id, heir.id AS heir_id
        """,
        ended_on,
        at,
        reason,
    )
    name: str = await fetchval("SELECT full_name FROM official WHERE id = $1", actor_id)
    await append_history(
        [
            NewRow(
                at=at,
                actor_id=actor_id,
                actor_name=name,
                verb="transferred",
                directive_id=m["directive_id"],
                task_id=m["task_id"],
                assignment_id=m["id"],
                reason=reason,
                detail={"document": document, "transferred_to": m["heir_id"]},
            )
            for m in moved
        ]
    )
    return len(moved)


async def list_recorded_tasks() -> dict[str, list[int]]:
    """The tasks of every recorded directive by its number, in order."""
    rows = await fetch(
        "SELECT d.number, array_agg(t.id ORDER BY t.ordinal) AS ids"
        " FROM directive d JOIN task t ON t.directive_id = d.id GROUP BY d.number"
    )
    return {r["number"]: list(r["ids"]) for r in rows}
