"""Reads that only the API needs: lists by keyset, with the versions that entity tags are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg import Record

from tracker.db.assignments import OPEN, RUNNING, SELECT, Assignment, from_row
from tracker.db.directives import prefix_query
from tracker.db.engine import fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.assignments import SILENT_DAYS
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.errors import NotFound
from tracker.domain.search import search_key
from tracker.domain.zone import civil_now

# -- agencies and officials ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgencyView:
    """An agency as a directory shows it; `valid_to` is inclusive."""

    id: int
    code: str
    name: str
    name_en: str
    short_name: str
    kind: str
    valid_from: date
    valid_to: date | None
    parent_code: str | None
    successor_codes: tuple[str, ...]
    source: str
    sort_key: str
    row_version: int


_AGENCY = """
SELECT g.id, g.code, g.name, g.name_en, g.short_name, g.kind, g.valid_from, g.valid_to, g.source,
       g.sort_key, g.row_version,
       (SELECT p.code FROM agency p WHERE p.id = g.parent_id) AS parent_code,
       ARRAY(SELECT h.code FROM agency_succession s JOIN agency h ON h.id = s.successor_id
             WHERE s.predecessor_id = g.id ORDER BY h.sort_key, h.id) AS successor_codes
FROM agency g
"""


_REACHED = """EXISTS (SELECT FROM official o WHERE o.agency_id = g.id AND o.is_active AND o.duty IS NOT NULL
                        AND o.mailbox <> 'dead')"""
"""Whether mail reaches a contact of an agency."""


def _agency(row: Record) -> AgencyView:
    return AgencyView(**dict(row) | {"successor_codes": tuple(row["successor_codes"])})


async def list_agencies_page(
    *,
    kind: str | None,
    on: date | None,
    words: str,
    limit: int,
    after: tuple[str, int] | None,
    with_dead_mailbox: bool = False,
    unreached_first: bool = False,
    after_reached: bool = True,
    only_unreached: bool = False,
) -> list[AgencyView]:
    """Agencies in Vietnamese order; everybody may know them all. `on` keeps those that exist that day.

    With `unreached_first` those come first at which no contact has a mailbox that works; `after_reached` says on
    which side of that the page before ended. `only_unreached` leaves the others out.
    """
    place = f"(NOT $8 OR {_REACHED})"
    rows = await fetch(
        f"""{_AGENCY}
        WHERE ($1::text IS NULL OR g.kind = $1)
          AND ($2::date IS NULL OR (g.valid_from <= $2 AND (g.valid_to IS NULL OR g.valid_to >= $2)))
          AND ($3 = '' OR g.search_key LIKE $3)
          AND ($4::text IS NULL OR ({place}, g.sort_key, g.id) > ($9, $4, $5))
          AND (NOT $7 OR EXISTS (SELECT FROM official o WHERE o.agency_id = g.id AND o.is_active
                                 AND o.mailbox = 'dead'))
          AND NOT ($10 AND {_REACHED})
        ORDER BY {place}, g.sort_key, g.id LIMIT $6
        """,
        kind,
        on,
        _contains(words),
        after[0] if after else None,
        after[1] if after else None,
        limit,
        with_dead_mailbox,
        unreached_first,
        after_reached,
        only_unreached,
    )
    return [_agency(row) for row in rows]


def _contains(words: str) -> str:
    r"""A LIKE pattern for text that holds `words`; the wildcards of LIKE stand for themselves.

    >>> _contains("50% Y_tế")
    '%50\\% y\\_te%'
    """
    key = search_key(words)
    if not key:
        return ""
    return "%" + key.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


async def get_agency_view(agency_id: int) -> AgencyView:
    """One agency. Raises NotFound."""
    row = await fetchrow(f"{_AGENCY} WHERE g.id = $1", agency_id)
    if row is None:
        raise NotFound(noun="agency", id=agency_id)
    return _agency(row)


async def find_agency_id(code: str) -> int | None:
    """The id behind a code."""
    row = await fetchrow("SELECT id FROM agency WHERE code = $1", code)
    return None if row is None else int(row["id"])


@dataclass(frozen=True, slots=True)
class OfficialView:
    """An official as colleagues see them."""

    id: int
    full_name: str
    position: str
    email: str
    role: str
    duty: str | None
    agency_id: int | None
    agency_code: str | None
    language: str
    is_active: bool
    mailbox: str
    absent_from: date | None
    absent_to: date | None
    deputy_id: int | None
    contact_order: int
    mailbox_reason: str
    agency_name: str | None
    sort_key: str
    row_version: int


_OFFICIAL = """
SELECT o.id, o.full_name, o.position, o.email, o.role, o.duty, o.agency_id, g.code AS agency_code, o.language,
       o.is_active, o.mailbox, o.absent_from, o.absent_to, o.deputy_id, o.contact_order, o.mailbox_reason,
       g.name AS agency_name, o.sort_key, o.row_version
FROM official o LEFT JOIN agency g ON g.id = o.agency_id
"""


def _colleagues(viewer: Actor, first: int) -> tuple[str, list[object]]:
    """An agency's people see those of the agencies they act for and of those below, whoever acts for one of
    these, and the assigning side; the others see everybody."""
    if viewer.role not in AGENCY_ROLES:
        return "true", []
    return (
        f"(o.role NOT IN ('agency_officer', 'agency_leader') OR o.agency_id = ANY(${first}::bigint[])"
        f" OR EXISTS (SELECT FROM mandate m WHERE m.official_id = o.id AND m.revoked_at IS NULL"
        f" AND m.agency_id = ANY(${first}::bigint[])))",
        [sorted(viewer.visible_agency_ids)],
    )


async def list_officials_page(
    viewer: Actor,
    *,
    agency_id: int | None,
    words: str,
    limit: int,
    after: tuple[str, int] | None,
    role: str | None = None,
    is_active: bool | None = None,
    mailbox: str | None = None,
) -> list[OfficialView]:
    """The officials the viewer may know, in Vietnamese order."""
    condition, arguments = _colleagues(viewer, 9)
    rows = await fetch(
        f"""{_OFFICIAL}
        WHERE ($1::bigint IS NULL OR o.agency_id = $1)
          AND ($2 = '' OR o.search_key LIKE $2)
          AND ($3::text IS NULL OR (o.sort_key, o.id) > ($3, $4))
          AND ($6::text IS NULL OR o.role = $6)
          AND ($7::boolean IS NULL OR o.is_active = $7)
          AND ($8::text IS NULL OR o.mailbox = $8)
          AND {condition}
        ORDER BY o.sort_key, o.id LIMIT $5
        """,
        agency_id,
        _contains(words),
        after[0] if after else None,
        after[1] if after else None,
        limit,
        role,
        is_active,
        mailbox,
        *arguments,
    )
    return [OfficialView(**dict(row)) for row in rows]


async def get_official_view(viewer: Actor, official_id: int) -> OfficialView:
    """One official. Raises NotFound, also where the viewer may not know of them."""
    condition, arguments = _colleagues(viewer, 2)
    row = await fetchrow(f"{_OFFICIAL} WHERE o.id = $1 AND {condition}", official_id, *arguments)
    if row is None:
        raise NotFound(noun="official", id=official_id)
    return OfficialView(**dict(row))


async def is_official_seen(viewer: Actor, official_id: int) -> bool:
    """Whether there is such an official and the viewer may know of them."""
    condition, arguments = _colleagues(viewer, 2)
    seen: bool = await fetchval(
        f"SELECT EXISTS (SELECT FROM official o WHERE o.id = $1 AND {condition})", official_id, *arguments
    )
    return seen


# -- assignments ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AssignmentFilter:
    """Which assignments a list holds; `due_from` and `due_to` are inclusive."""

    status: str | None = None
    state: str | None = None
    agency_id: int | None = None
    directive_id: int | None = None
    task_id: int | None = None
    due_from: date | None = None
    due_to: date | None = None
    words: str = ""


class _Conditions:
    """Conditions with their numbered arguments."""

    def __init__(self, condition: str, arguments: Sequence[object]) -> None:
        self.parts = [condition]
        self.arguments = list(arguments)

    def mark(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def add(self, condition: str) -> None:
        self.parts.append(condition)

    def where(self) -> str:
        return " AND ".join(self.parts)


def _past(day: str, at: str) -> str:
    """The deadline has passed at a civil moment; domain/assignments.is_past as SQL."""
    return f"(a.due_on < {day} OR (a.due_on = {day} AND a.due_time < {at}))"


_LAST_WORD = (
    "greatest((a.assigned_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date,"
    " (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)"
)
_SILENT = f"(a.due_kind = 'none' AND a.state IN {RUNNING} AND {{day}} - {_LAST_WORD} > {SILENT_DAYS})"
_IS_OPEN = f"a.state IN {OPEN}"
_OVERDUE = f"({_IS_OPEN} AND ({_past('{day}', '{at}')} OR {_SILENT}))"
_LATE = "(a.completed_on > a.due_on OR (a.completed_on = a.due_on AND a.completed_time > a.due_time))"
_DONE = "(a.state = 'confirmed' AND a.due_kind <> 'standing')"

# classify() as conditions, `{day}` and `{at}` the civil moment; a test holds the two together.
_STATUS_CONDITIONS = {
    "open": _IS_OPEN,
    "done": "a.state = 'confirmed'",
    "open_overdue": f"({_OVERDUE} AND a.due_kind <> 'standing')",
    "open_in_term": f"({_IS_OPEN} AND a.due_kind <> 'standing' AND ({_OVERDUE}) IS NOT TRUE)",
    "done_late": f"({_DONE} AND {_LATE})",
    "done_on_time": f"({_DONE} AND ({_LATE}) IS NOT TRUE)",
    "awaiting_confirmation": "a.state = 'reported'",
    "standing": f"(a.due_kind = 'standing' AND (a.state = 'confirmed' OR {_IS_OPEN}))",
    "outside": "a.state IN ('withdrawn', 'transferred', 'superseded')",
}


def _status_condition(status: str, conditions: _Conditions, now: datetime) -> str:
    """The condition for a status at `now`."""
    condition = _STATUS_CONDITIONS[status]
    if "{day}" not in condition:
        return condition
    local = civil_now(now).replace(tzinfo=None)
    day, at = conditions.mark(local.date()), conditions.mark(local.time())
    return condition.replace("{day}", f"{day}::date").replace("{at}", f"{at}::time")


async def list_assignments_page(
    viewer: Actor,
    wanted: AssignmentFilter,
    now: datetime,
    *,
    limit: int,
    after: tuple[date | None, int] | None,
) -> list[Assignment]:
    """Assignments by deadline, undated ones last; `after` is the (due_on, id) of the last row seen."""
    found: list[Assignment] = []
    if after is None or after[0] is not None:
        conditions = _wanted(viewer, wanted, now)
        conditions.add("a.due_on IS NOT NULL")
        if after is not None:
            conditions.add(f"(a.due_on, a.id) > ({conditions.mark(after[0])}, {conditions.mark(after[1])})")
        found = await _assignments(conditions, "a.due_on, a.id", limit)
    if len(found) < limit and wanted.due_from is None and wanted.due_to is None:
        conditions = _wanted(viewer, wanted, now)
        conditions.add("a.due_on IS NULL")
        if after is not None and after[0] is None:
            conditions.add(f"a.id > {conditions.mark(after[1])}")
        found += await _assignments(conditions, "a.id", limit - len(found))
    return found


def _wanted(viewer: Actor, wanted: AssignmentFilter, now: datetime) -> _Conditions:
    conditions = _Conditions(*visible_to(viewer, "a", first=1))
    equal = {
        "a.state": wanted.state,
        "a.agency_id": wanted.agency_id,
        "a.directive_id": wanted.directive_id,
        "a.task_id": wanted.task_id,
    }
    for column, value in equal.items():
        if value is not None:
            conditions.add(f"{column} = {conditions.mark(value)}")
    if wanted.due_from is not None:
        conditions.add(f"a.due_on >= {conditions.mark(wanted.due_from)}")
    if wanted.due_to is not None:
        conditions.add(f"a.due_on <= {conditions.mark(wanted.due_to)}")
    if wanted.words:
        query = f"to_tsquery('simple', {conditions.mark(prefix_query(wanted.words))})"
        conditions.add(
            f"(to_tsvector('simple', t.search_key) @@ {query}"
            f" OR to_tsvector('simple', d.search_key) @@ {query})"
        )
    if wanted.status is not None:
        conditions.add(_status_condition(wanted.status, conditions, now))
    return conditions


MOST_COUNTED = 10_000


async def count_assignments(viewer: Actor, wanted: AssignmentFilter, now: datetime) -> str:
    """How many there are, as text: counting stops where nobody reads the figure any more ("10000+")."""
    conditions = _wanted(viewer, wanted, now)
    counted: int = await fetchval(
        "SELECT count(*) FROM (SELECT 1 FROM assignment a JOIN task t ON t.id = a.task_id"
        f" JOIN directive d ON d.id = a.directive_id WHERE {conditions.where()} LIMIT {MOST_COUNTED + 1}) x",
        *conditions.arguments,
    )
    return str(counted) if counted <= MOST_COUNTED else f"{MOST_COUNTED}+"


async def _assignments(conditions: _Conditions, order: str, limit: int) -> list[Assignment]:
    limit_mark = conditions.mark(limit)
    sql = f"{SELECT} WHERE {conditions.where()} ORDER BY {order} LIMIT {limit_mark}"
    return [from_row(row) for row in await fetch(sql, *conditions.arguments)]


# -- health --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pulse:
    """What readiness is told from; ages in seconds by the database's clock, None where there is nothing."""

    is_writable: bool
    migrations: frozenset[str]
    oldest_due_seconds: float | None
    heartbeat_seconds: dict[str, float]


async def read_pulse() -> Pulse:
    """One look at the database, the outbox and the jobs; a few index look-ups."""
    row = await fetchrow(
        """
        SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS is_writable,
               (SELECT extract(epoch FROM now() - min(next_attempt_at))::float8 FROM outbox
                WHERE state = 'pending' AND attempts = 0 AND next_attempt_at <= now()) AS oldest
        """
    )
    assert row is not None
    beats = await fetch("SELECT name, extract(epoch FROM now() - at)::float8 AS age FROM heartbeat")
    ran = await fetch("SELECT name FROM migration WHERE app_name = 'tracker'")
    return Pulse(
        is_writable=row["is_writable"],
        migrations=frozenset(r["name"] for r in ran),
        oldest_due_seconds=row["oldest"],
        heartbeat_seconds={b["name"]: b["age"] for b in beats},
    )
