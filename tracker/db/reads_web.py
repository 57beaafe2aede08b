"""Reads that only the pages need: who visits, and lists with the facts that a status follows from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from asyncpg import Record

from tracker.db import inside
from tracker.db.actors import ACTOR_COLUMNS, actor_from
from tracker.db.assignments import OPEN, RUNNING, SELECT, Assignment, from_row
from tracker.db.engine import fetch, fetchrow, fetchval, stream
from tracker.db.lateness import LATE
from tracker.db.visibility import visible_to
from tracker.db.words import like_words
from tracker.domain.assignments import SILENT_DAYS
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound
from tracker.domain.search import query_words, word_query


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who reads pages, with the names that the page's foot shows."""

    actor: Actor
    position: str
    agency_code: str
    agency_name: str


_VISITOR = f"""
SELECT o.id, o.position, o.role, {ACTOR_COLUMNS}, coalesce(g.code, '') AS agency_code,
       coalesce(g.name, '') AS agency_name
FROM official o LEFT JOIN agency g ON g.id = o.agency_id
"""


def _visitor(row: Record) -> Visitor:
    return Visitor(actor_from(row), row["position"], row["agency_code"], row["agency_name"])


async def find_visitor(official_id: int) -> Visitor | None:
    """The active official with this id, as a reader of pages."""
    row = await fetchrow(f"{_VISITOR} WHERE o.id = $1 AND o.is_active", official_id)
    return None if row is None else _visitor(row)


async def find_visitor_by_address(email: str) -> Visitor | None:
    """The active official whom a letter was sent to."""
    row = await fetchrow(f"{_VISITOR} WHERE lower(o.email) = lower($1) AND o.is_active", email)
    return None if row is None else _visitor(row)


async def list_personas(per_role: int = 3) -> list[Visitor]:
    """A few people of each role whom a visitor of the demonstration may play, those with most to do first."""
    rows = await fetch(
        f"""
        WITH first AS (  -- one person of each agency and role; the assigning side has no agency
            SELECT DISTINCT ON (o.role, coalesce(o.agency_id, -o.id)) o.id, o.role, o.agency_id, o.contact_order,
                   o.sort_key
            FROM official o WHERE o.is_active
            ORDER BY o.role, coalesce(o.agency_id, -o.id), o.contact_order, o.id
        ), candidate AS (
            SELECT o.id, o.role, row_number() OVER (
                PARTITION BY o.role
                ORDER BY (SELECT count(*) FROM assignment a WHERE a.agency_id = o.agency_id
                          AND a.state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')) DESC,
                         o.contact_order, o.sort_key, o.id) AS place
            FROM first o
        )
        SELECT v.* FROM ({_VISITOR}) v JOIN candidate c ON c.id = v.id WHERE c.place <= $1
        ORDER BY array_position(
            '{{secretariat,agency_officer,agency_leader,member,inspector,administrator}}', v.role), c.place
        """,
        per_role,
    )
    return [_visitor(r) for r in rows]


async def is_sweep_late(allowed_seconds: float) -> bool:
    """Whether the reminder sweep has not ended well for longer than allowed; false before its first run."""
    late: bool | None = await fetchval(
        "SELECT extract(epoch FROM now() - at) > $1 FROM heartbeat WHERE name = 'reminders'", allowed_seconds
    )
    return bool(late)


# Lists of work -----------------------------------------------------------------------------------------------

FILTERS: dict[str, str] = {
    "open": f"a.state IN {OPEN}",
    "overdue": f"(a.state IN {RUNNING} AND (LATE))",
    "due_soon": f"(a.state IN {RUNNING} AND NOT (LATE) AND a.due_on <= $3)",
    "on_schedule": f"(a.state IN {RUNNING} AND NOT (LATE) AND (a.due_on > $3 OR a.due_on IS NULL))",
    "awaiting": "a.state = 'reported'",
    "returned": "a.state = 'returned'",
    "extension": f"(a.state IN {OPEN} AND a.id IN (SELECT x.assignment_id FROM extension x"
    " WHERE x.state = 'pending'))",
    "done": "a.state = 'confirmed'",
    "outside": "a.state IN ('withdrawn', 'transferred', 'superseded')",
    "all": "true",
}
"""What the status filters of a list mean, as SQL; counts and lists use the same words, so they agree."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """The moment a list is true for, in the official zone, and the last day that still counts as soon."""

    day: date
    at: time
    soon_until: date


DAYS_LATE = f"""
(CASE WHEN a.state IN ('withdrawn', 'transferred', 'superseded') OR a.due_kind = 'event' THEN 0
      WHEN a.due_on IS NOT NULL
        THEN greatest(CASE WHEN a.state = 'confirmed' THEN a.completed_on ELSE $1::date END - a.due_on, 0)
      WHEN a.state IN {RUNNING}
        THEN greatest($1::date - greatest(a.assigned_on, (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
                      - {SILENT_DAYS}, 0)
      ELSE 0 END)
"""
"""Civil days late as domain/assignments.classify counts them; `$1` is the civil day, `a` the assignment."""

PARTS = {"lead": "a.part <> 'cooperating'", "cooperating": "a.part = 'cooperating'"}
"""What the filter of an agency's part means, as SQL."""


@dataclass(frozen=True, slots=True)
class WorkFilter:
    """Which assignments a list shows; empty values do not narrow.

    `late_by` keeps what is late by at least so many days; `officer_id` is who follows the task at the
    secretariat; `is_mine` keeps what the reader follows, or was handed inside their agency; `ids` are the rows that
    were ticked.
    """

    status: str = "open"
    agency_code: str = ""
    directive: str = ""
    words: str = ""
    due_from: date | None = None
    due_to: date | None = None
    issuer: str = ""
    part: str = ""
    late_by: int = 0
    officer_id: int | None = None
    ids: tuple[int, ...] = ()
    is_mine: bool = False


# Every word stands in the task, in its directive or in the agency; each subquery runs once and uses its index.
_WORD = " OR ".join(
    f"a.{table}_id IN (SELECT id FROM {table} WHERE to_tsvector('simple', search_key) @@ to_tsquery('simple', ?))"
    for table in ("task", "directive", "agency")
)


def _word_at_own(word: str, first: int) -> tuple[str, list[object]]:
    """The same for an agency's people: under row-level security no index of words may be asked, so each of their
    own rows is read."""
    likes, arguments = like_words([word], first)
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM (SELECT ' ' || search_key AS key FROM {table} WHERE id = a.{table}_id) k WHERE {likes})"
        for table in ("task", "directive", "agency")
    ), arguments


def _where(viewer: Actor, chosen: WorkFilter, as_of: AsOf) -> tuple[str, list[object]]:
    """The condition of a list over assignment a alone, with its arguments: a count needs no join."""
    arguments: list[object] = [as_of.day, as_of.at, as_of.soon_until]
    visible, more = visible_to(viewer, "a", first=len(arguments) + 1)
    arguments += more
    # Every argument is named, so that PostgreSQL knows the types of those a filter does not use.
    conditions = [
        visible,
        "($1::date IS NOT NULL AND $2::time IS NOT NULL AND $3::date IS NOT NULL)",
        FILTERS[chosen.status].replace("LATE", LATE),
    ]

    def add(condition: str, value: object) -> None:
        arguments.append(value)
        conditions.append(f"({condition.replace('?', f'${len(arguments)}')})")

    if chosen.agency_code:
        add("a.agency_id = (SELECT id FROM agency WHERE code = ?)", chosen.agency_code)
    if chosen.directive:
        add("a.directive_id IN (SELECT id FROM directive WHERE lower(number) = lower(?))", chosen.directive)
    if chosen.due_from:
        add("a.due_on >= ?", chosen.due_from)
    if chosen.due_to:
        add("a.due_on <= ?", chosen.due_to)
    if chosen.issuer:
        add("a.directive_id IN (SELECT id FROM directive WHERE issuer = ?)", chosen.issuer)
    if chosen.part:
        conditions.append(PARTS[chosen.part])
    if chosen.late_by:
        add(f"{DAYS_LATE} >= ?", chosen.late_by)
    if chosen.officer_id is not None:
        add("a.task_id IN (SELECT id FROM task WHERE secretariat_officer_id = ?)", chosen.officer_id)
    if chosen.is_mine and viewer.role in AGENCY_ROLES:
        condition, more = inside.mine(viewer, len(arguments) + 1)
        arguments += more
        conditions.append(condition)
    elif chosen.is_mine:
        add("a.task_id IN (SELECT id FROM task WHERE secretariat_officer_id = ?)", viewer.official_id)
    if chosen.ids:
        add("a.id = ANY(?::bigint[])", list(chosen.ids))
    for word in query_words(chosen.words):
        if viewer.role in AGENCY_ROLES:
            condition, more = _word_at_own(word, len(arguments) + 1)
            arguments += more
            conditions.append(f"({condition})")
        else:
            add(_WORD, word_query(word))
    return " AND ".join(conditions), arguments


ORDERS: dict[str, tuple[str, ...]] = {
    "due": ("a.due_on", "a.id"),
    "late": (DAYS_LATE, "a.id"),
    "agency": ("g.sort_key", "coalesce(a.due_on, 'infinity'::date)", "a.id"),
    "report": ("coalesce((extract(epoch FROM a.last_report_at) * 1000000)::bigint, 0)", "a.id"),
}
"""By what a list can be ordered, as SQL; the last is always what tells two rows apart."""


@dataclass(frozen=True, slots=True)
class After:
    """The last row seen, by what each order goes by: its deadline, days late, agency, last report, id."""

    id: int
    due_on: date | None = None
    number: int = 0
    agency_code: str = ""


def _beyond(order: str, descending: bool, after: After, first: int) -> tuple[str, list[object]]:
    """The condition of the rows behind `after`, its arguments numbered from `first`."""
    sign = "<" if descending else ">"
    if order == "due":
        # Undated rows come last; read backwards they come first.
        if after.due_on is None:
            rest = " OR a.due_on IS NOT NULL" if descending else ""
            return f"((a.due_on IS NULL AND a.id {sign} ${first}){rest})", [after.id]
        rest = "" if descending else " OR a.due_on IS NULL"
        return f"((a.due_on, a.id) {sign} (${first}, ${first + 1}){rest})", [after.due_on, after.id]
    columns = ", ".join(ORDERS[order])
    if order == "agency":
        key = f"(SELECT sort_key FROM agency WHERE code = ${first})"
        due = f"coalesce(${first + 1}::date, 'infinity'::date)"
        return f"(({columns}) {sign} ({key}, {due}, ${first + 2}))", [
            after.agency_code,
            after.due_on,
            after.id,
        ]
    return f"(({columns}) {sign} (${first}, ${first + 1}))", [after.number, after.id]


async def list_work(
    viewer: Actor,
    chosen: WorkFilter,
    as_of: AsOf,
    *,
    limit: int = 50,
    after: After | None = None,
    order: str = "due",
    descending: bool = False,
) -> list[Assignment]:
    """Assignments in one of the orders, beginning behind `after`."""
    sql, arguments = _ordered(viewer, chosen, as_of, order, descending, after)
    picked = await fetch(f"{sql} LIMIT {int(limit)}", *arguments)
    return await _by_id([row["id"] for row in picked])


def _ordered(
    viewer: Actor, chosen: WorkFilter, as_of: AsOf, order: str, descending: bool, after: After | None = None
) -> tuple[str, list[object]]:
    """Which rows a list has, in its order: sorting whole rows of a large list costs more than reading fifty."""
    where, arguments = _where(viewer, chosen, as_of)
    if after is not None:
        beyond, more = _beyond(order, descending, after, len(arguments) + 1)
        where, arguments = f"{where} AND {beyond}", arguments + more
    direction = " DESC" if descending else ""
    by = ", ".join(column + direction for column in ORDERS[order])
    agency = " JOIN agency g ON g.id = a.agency_id" if order == "agency" else ""
    return f"SELECT a.id FROM assignment a{agency} WHERE {where} ORDER BY {by}", arguments


async def _by_id(ids: Sequence[int]) -> list[Assignment]:
    """What the rows say, in the order of `ids`."""
    found = {row["id"]: row for row in await fetch(f"{SELECT} WHERE a.id = ANY($1::bigint[])", ids)}
    return [from_row(found[one]) for one in ids if one in found]


async def stream_work(
    viewer: Actor, chosen: WorkFilter, as_of: AsOf, *, order: str, descending: bool, batch: int
) -> AsyncIterator[list[Assignment]]:
    """The whole list in its order, a batch at a time, from a cursor; must be used inside a transaction."""
    sql, arguments = _ordered(viewer, chosen, as_of, order, descending)
    ids: list[int] = []
    async for row in stream(sql, *arguments, prefetch=batch):
        ids.append(row["id"])
        if len(ids) == batch:
            yield await _by_id(ids)
            ids = []
    if ids:
        yield await _by_id(ids)


async def count_work(viewer: Actor, chosen: WorkFilter, as_of: AsOf) -> int:
    """How many rows the list has in all."""
    where, arguments = _where(viewer, chosen, as_of)
    count: int = await fetchval(f"SELECT count(*) FROM assignment a WHERE {where}", *arguments)
    return count


@dataclass(frozen=True, slots=True)
class Pressing:
    """What needs the desk, by the names of FILTERS, and what its tiles say beside their numbers."""

    counts: dict[str, int]
    newly_late: int
    due_today: int
    waits_since: datetime | None


async def pressing(viewer: Actor, as_of: AsOf, names: Sequence[str]) -> Pressing:
    """These filters counted over what is open; what fell late since yesterday, what falls due today, and since when
    the oldest report waits. Whether a row is late is asked once for all."""
    where, arguments = _where(viewer, WorkFilter(status="open"), as_of)
    said = {name: condition.replace("LATE", "a.is_late") for name, condition in FILTERS.items()}
    counts = ", ".join(f"count(*) FILTER (WHERE {said[name]}) AS {name}" for name in FILTERS if name in names)
    late, soon = said["overdue"], said["due_soon"]
    row = await fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE {late} AND a.due_on >= $1::date - 1) AS newly_late,
               count(*) FILTER (WHERE {soon} AND a.due_on = $1::date) AS due_today,
               min(a.reported_at) FILTER (WHERE a.state = 'reported') AS waits_since, {counts}
        FROM (SELECT a.id, a.state, a.due_on, a.reported_at, {LATE} AS is_late FROM assignment a
              WHERE {where} OFFSET 0) a
        """,
        *arguments,
    )
    assert row is not None
    newly_late, due_today, waits_since, *counted = row.values()
    return Pressing(
        dict(zip((n for n in FILTERS if n in names), counted, strict=True)),
        newly_late,
        due_today,
        waits_since,
    )


async def count_open(
    viewer: Actor,
    as_of: AsOf,
    directive_id: int | None = None,
) -> dict[str, int]:
    """The numbers of the tiles: every filter counted over what the viewer may see."""
    where, arguments = _where(viewer, WorkFilter(status="all"), as_of)
    if directive_id is not None:
        arguments.append(directive_id)
        where += f" AND a.directive_id = ${len(arguments)}"
    counts = ", ".join(
        f"count(*) FILTER (WHERE {condition.replace('LATE', LATE)}) AS {name}"
        for name, condition in FILTERS.items()
    )
    row = await fetchrow(f"SELECT {counts} FROM assignment a WHERE {where}", *arguments)
    assert row is not None
    return dict(row)


async def list_of_directive(viewer: Actor, directive_id: int) -> list[Assignment]:
    """Every assignment of a directive that the viewer may see, in the order of its tasks."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"{SELECT} WHERE a.directive_id = $1 AND {condition} ORDER BY t.ordinal, g.sort_key, a.id",
        directive_id,
        *arguments,
    )
    return [from_row(r) for r in rows]


async def find_assignment_at(
    viewer: Actor, task_id: int, agency_code: str, occurrence: int | None
) -> Assignment:
    """The assignment of one agency in a task: the occurrence asked for, else an open one, else the newest.

    Raises NotFound, also where the viewer may not know of it.
    """
    condition, arguments = visible_to(viewer, "a", first=4)
    row = await fetchrow(
        f"""{SELECT} WHERE a.task_id = $1 AND g.code = $2 AND ($3::int IS NULL OR a.occurrence = $3) AND {condition}
        ORDER BY (a.state IN {OPEN}) DESC, a.occurrence DESC, a.id DESC LIMIT 1""",
        task_id,
        agency_code,
        occurrence,
        *arguments,
    )
    if row is None:
        raise NotFound(noun="assignment", id=f"{task_id}/{agency_code}")
    return from_row(row)


@dataclass(frozen=True, slots=True)
class DeadMailbox:
    """Somebody whom mail does not reach, with the server's words."""

    name: str
    email: str
    agency: str
    reason: str
    official_id: int
    agency_id: int | None


async def list_dead_mailboxes(viewer: Actor) -> list[DeadMailbox]:
    """People whose mail comes back, as far as the viewer may know of their agency."""
    own = sorted(viewer.visible_agency_ids) if viewer.role in AGENCY_ROLES else None
    rows = await fetch(
        "SELECT o.full_name, o.email, coalesce(g.name, '') AS agency, o.mailbox_reason, o.id, o.agency_id"
        " FROM official o"
        " LEFT JOIN agency g ON g.id = o.agency_id WHERE o.mailbox = 'dead' AND o.is_active"
        " AND ($1::bigint[] IS NULL OR o.agency_id = ANY($1)) ORDER BY o.sort_key, o.id",
        own,
    )
    return [DeadMailbox(*r.values()) for r in rows]


async def list_agency_choices(viewer: Actor) -> list[tuple[str, str]]:
    """Code and name of every agency that has an assignment, in Vietnamese order; one's own for an agency."""
    condition, arguments = visible_to(viewer, "a")
    rows = await fetch(
        f"SELECT g.code, g.name FROM agency g WHERE EXISTS (SELECT 1 FROM assignment a WHERE a.agency_id = g.id"
        f" AND {condition}) ORDER BY g.sort_key, g.id",
        *arguments,
    )
    return [(r["code"], r["name"]) for r in rows]


async def list_followers() -> list[tuple[int, str]]:
    """Who of the secretariat follows a task, in Vietnamese order."""
    rows = await fetch(
        "SELECT o.id, o.full_name FROM official o WHERE EXISTS (SELECT 1 FROM task t"
        " WHERE t.secretariat_officer_id = o.id) ORDER BY o.sort_key, o.id"
    )
    return [(r["id"], r["full_name"]) for r in rows]


async def list_issuers(most: int = 40) -> list[str]:
    """Who issues directives, those with most of them first."""
    rows = await fetch(
        "SELECT d.issuer FROM directive d GROUP BY d.issuer ORDER BY count(*) DESC, d.issuer LIMIT $1", most
    )
    return [r["issuer"] for r in rows]


async def names_of_officials(ids: Sequence[int]) -> dict[int, str]:
    """The names behind ids, for a column of a list."""
    rows = await fetch("SELECT id, full_name FROM official WHERE id = ANY($1::bigint[])", list(ids))
    return {r["id"]: r["full_name"] for r in rows}


async def get_notify_key(outbox_id: int) -> str:
    """The key that a message carries to its recipient. Raises NotFound."""
    key: str | None = await fetchval("SELECT notify_key FROM outbox WHERE id = $1", outbox_id)
    if key is None:
        raise NotFound(noun="message", id=outbox_id)
    return key
