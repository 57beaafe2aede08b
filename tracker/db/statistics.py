"""Reading for statistics: the figures of any day under several heads, and the assignments behind a figure.

As in overdue.py, the database counts what has not changed since the cut-off, and the history tells the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from asyncpg import Record

from tracker.db.assignments import SELECT, Assignment, from_row
from tracker.db.engine import fetch, fetchval
from tracker.db.lateness import LATE
from tracker.db.overdue import DONE, DONE_LATE, OPEN_ROW, Extent, where_of
from tracker.db.visibility import visible_to
from tracker.domain.assignments import SILENT_DAYS, Status
from tracker.domain.directory import Actor
from tracker.domain.measures import Closings
from tracker.domain.statistics import Buckets
from tracker.domain.tallies import (
    BLOCK_KINDS,
    COUNTS,
    NO_KEY,
    Age,
    Block,
    Tally,
    age_of,
    block_of,
    period_key,
    period_of,
)

_RAW = {
    "agency": "a.agency_id",
    "block": "a.agency_id",
    "kind": "d.kind",
    "directive": "a.directive_id",
    "field": "t.field",
    "month": "a.due_on - (extract(day FROM a.due_on)::integer - 1)",
}
"""What the database groups by: few and cheap values, from which the keys of the heads are made."""
_RAW |= {"quarter": _RAW["month"], "year": _RAW["month"]}
_JOINS = {
    "kind": "JOIN directive d ON d.id = a.directive_id",
    "field": "JOIN task t ON t.id = a.task_id",
}
HEADS = tuple(_RAW)
PERIODS = ("month", "quarter", "year")

_OFFICIAL = f"a.due_kind <> 'standing' AND (a.state = 'confirmed' OR {OPEN_ROW})"
_OPEN = f"{OPEN_ROW} AND a.due_kind <> 'standing'"
_OVERDUE = f"{_OPEN} AND {LATE}"
_DAYS_LATE = f"""
($1::date - coalesce(a.due_on, greatest(a.assigned_on, (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
                              + {SILENT_DAYS}))
"""
_CONDITIONS: dict[str, str] = {
    "total": _OFFICIAL,
    "done": DONE,
    "done_on_time": f"{DONE} AND NOT coalesce({DONE_LATE}, false)",
    "done_late": f"{DONE} AND {DONE_LATE}",
    "open": _OPEN,
    "open_in_term": f"{_OPEN} AND NOT coalesce({LATE}, false)",
    "open_overdue": _OVERDUE,
    "fallen_due": f"({DONE} OR {_OVERDUE})",
    "standing": f"a.due_kind = 'standing' AND (a.state = 'confirmed' OR {OPEN_ROW})",
    "outside": "a.state IN ('withdrawn', 'transferred', 'superseded')",
    "beside": "(a.due_kind = 'standing' OR a.state IN ('withdrawn', 'transferred', 'superseded'))",
    "withdrawn": "a.state = 'withdrawn'",
    "transferred": "a.state = 'transferred'",
    "superseded": "a.state = 'superseded'",
    "awaiting": f"{_OFFICIAL} AND a.state = 'reported'",
    "extended": f"{_OFFICIAL} AND a.extension_count > 0",
    "extended_again": f"{_OFFICIAL} AND a.extension_count > 1",
    Age.WEEK.value: f"{_OVERDUE} AND {_DAYS_LATE} <= 7",
    Age.MONTH.value: f"{_OVERDUE} AND {_DAYS_LATE} BETWEEN 8 AND 30",
    Age.QUARTER.value: f"{_OVERDUE} AND {_DAYS_LATE} BETWEEN 31 AND 90",
    Age.MORE.value: f"{_OVERDUE} AND {_DAYS_LATE} > 90",
}
"""What domain/tallies.COUNTS says of a row that has not changed since; a test holds the two together."""
assert _CONDITIONS.keys() == COUNTS.keys()  # nosec B101  # at import, of two constants

# One number tells all that a table counts of a row: it is reckoned once, the commonest cases first. Added up are the
# bucket (of the overdue 8 and their age), 20 for a report that waits, 100 or 200 for one or more extensions.
_CODE = f"""
least(a.extension_count, 2) * 100 + CASE a.state
  WHEN 'confirmed' THEN CASE a.due_kind
    WHEN 'dated' THEN CASE WHEN a.completed_on < a.due_on THEN 0 WHEN {DONE_LATE} THEN 1 ELSE 0 END
    WHEN 'standing' THEN 4 ELSE 0 END
  WHEN 'withdrawn' THEN 5 WHEN 'transferred' THEN 6 WHEN 'superseded' THEN 7
  ELSE CASE WHEN a.due_kind = 'standing' THEN 4 ELSE
    CASE WHEN {LATE} THEN CASE WHEN {_DAYS_LATE} <= 7 THEN 8 WHEN {_DAYS_LATE} <= 30 THEN 9
                               WHEN {_DAYS_LATE} <= 90 THEN 10 ELSE 11 END
         ELSE 2 END + CASE WHEN a.state = 'reported' THEN 20 ELSE 0 END END END
"""


def _tally(codes: Iterable[tuple[int, int]]) -> Tally:
    """The figures of rows that were counted by their codes."""
    buckets, more = [0] * 8, [0] * 7
    for code, count in codes:
        extended, rest = divmod(code, 100)
        waits, place = divmod(rest, 20)
        age = place - 8
        bucket = 3 if age >= 0 else place
        buckets[bucket] += count
        if bucket > 3:
            continue
        more[0] += count * waits
        more[1] += count * (extended > 0)
        more[2] += count * (extended > 1)
        if age >= 0:
            more[3 + age] += count
    return Tally(Buckets(*buckets), *more)


@dataclass(frozen=True, slots=True)
class Span:
    """Two civil days, both inclusive; None leaves an end open."""

    first: date | None = None
    last: date | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it leaves out nothing."""
        return self.first is None and self.last is None

    def has(self, day: date | None) -> bool:
        """Whether a day lies in it; what has no day lies only in the whole."""
        if day is None:
            return self.is_whole
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Scope:
    """What figures cover: a cut-off with agencies and a directive, when assigned, when due, of which field.

    `confirmed` keeps what is done and was confirmed on those days.
    """

    extent: Extent
    assigned: Span = field(default_factory=Span)
    due: Span = field(default_factory=Span)
    confirmed: Span = field(default_factory=Span)
    field: str | None = None


@dataclass(frozen=True, slots=True)
class HeadCount:
    """The figures under one head."""

    key: str
    label: str
    order: str
    tally: Tally

    @property
    def buckets(self) -> Buckets:
        """The official four and what stands beside them."""
        return self.tally.buckets

    @property
    def awaiting(self) -> int:
        """How many of the open have a report that waits."""
        return self.tally.awaiting


Raw = int | str | date | None
"""What the database groups by."""


_BEGINS = "(?::date::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh')"
_ENDS = "((?::date + 1)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh')"


def _where(viewer: Actor, scope: Scope) -> tuple[str, list[object]]:
    where, arguments = where_of(viewer, scope.extent)
    for span, bounds in (
        (scope.assigned, ("a.assigned_on >= ?::date", "a.assigned_on <= ?::date")),
        (scope.due, ("a.due_on >= ?::date", "a.due_on <= ?::date")),
        (scope.confirmed, (f"a.closed_at >= {_BEGINS}", f"a.closed_at < {_ENDS} AND {DONE}")),
    ):
        for day, bound in zip((span.first, span.last), bounds, strict=True):
            if day is not None:
                arguments.append(day)
                where += f" AND {bound.replace('?', f'${len(arguments)}')}"
    if scope.field is not None:
        arguments.append("" if scope.field == NO_KEY else scope.field)
        where += f" AND a.task_id IN (SELECT id FROM task WHERE field = ${len(arguments)})"
    return where, arguments


async def count_unchanged(viewer: Actor, scope: Scope, head: str) -> dict[Raw, Tally]:
    """The figures of all that has not changed since the cut-off, by what the head is made from."""
    where, arguments = _where(viewer, scope)
    raw, join = _RAW[head], _JOINS.get(head, "")
    rows = await fetch(
        f"""
        SELECT {raw} AS raw, {_CODE} AS code, count(*) AS count
        FROM assignment a {join} WHERE {where} AND a.changed_at <= $3 GROUP BY 1, 2
        """,
        *arguments,
    )
    codes: dict[Raw, list[tuple[int, int]]] = {}
    for key, code, count in rows:
        codes.setdefault(key, []).append((code, count))
    return {key: _tally(found) for key, found in codes.items()}


async def count_unchanged_twice(
    viewer: Actor, scope: Scope, earlier: Extent, head: str
) -> tuple[dict[Raw, Tally], dict[Raw, Tally]]:
    """The figures of all that has not changed since a cut-off, and since an earlier one: in one reading."""
    where, arguments = _where(viewer, scope)
    raw, join, place = _RAW[head], _JOINS.get(head, ""), len(arguments) + 1
    rows = await fetch(
        f"""
        SELECT {raw} AS raw, {_CODE} AS code,
               CASE WHEN a.assigned_on <= ${place}::date AND a.changed_at <= ${place + 2}
                    THEN {_CODE.replace("$1::", f"${place}::").replace("$2::", f"${place + 1}::")} END AS earlier,
               count(*) AS count
        FROM assignment a {join} WHERE {where} AND a.changed_at <= $3 GROUP BY 1, 2, 3
        """,
        *arguments,
        earlier.day,
        earlier.hour,
        earlier.instant,
    )
    now: dict[Raw, list[tuple[int, int]]] = {}
    before: dict[Raw, list[tuple[int, int]]] = {}
    for key, code, code_before, count in rows:
        now.setdefault(key, []).append((code, count))
        if code_before is not None:
            before.setdefault(key, []).append((code_before, count))
    return {k: _tally(found) for k, found in now.items()}, {k: _tally(found) for k, found in before.items()}


# The same number of a row that has not changed since, whatever day is told: open rows count as in term.
_LASTING = """
least(a.extension_count, 2) * 100 + CASE a.state
  WHEN 'confirmed' THEN CASE a.due_kind
    WHEN 'dated' THEN CASE WHEN a.completed_on < a.due_on THEN 0 WHEN DONE_LATE THEN 1 ELSE 0 END
    WHEN 'standing' THEN 4 ELSE 0 END
  WHEN 'withdrawn' THEN 5 WHEN 'transferred' THEN 6 WHEN 'superseded' THEN 7
  ELSE CASE WHEN a.due_kind = 'standing' THEN 4 ELSE 2 + CASE WHEN a.state = 'reported' THEN 20 ELSE 0 END END END
""".replace("DONE_LATE", DONE_LATE)
# The day after whose end an open row is late; it is late at the end of the day itself where that had an hour.
_LATE_AFTER = f"""
CASE WHEN NOT ({OPEN_ROW}) THEN NULL WHEN a.due_kind = 'dated' THEN a.due_on
     WHEN a.due_kind = 'none' AND a.state <> 'reported'
       THEN greatest(a.assigned_on, (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) + {SILENT_DAYS} END
"""
_OPEN_CODE = 2


async def count_unchanged_on(viewer: Actor, scopes: Sequence[Scope]) -> list[Tally]:
    """For each cut-off, the oldest first, the totals of all that has not changed since it: in one reading.

    The scopes differ in nothing but their days, and each is the end of its day.
    """
    where, arguments = _where(viewer, scopes[-1])
    days, instants = len(arguments) + 1, len(arguments) + 2
    rows = await fetch(
        f"""
        SELECT greatest(width_bucket(a.assigned_on - 1, ${days}::date[]),
                        width_bucket(a.changed_at - interval '1 microsecond', ${instants}::timestamptz[])) AS begin,
               {_LASTING} AS code, {_LATE_AFTER} AS late_after, a.due_time IS NOT NULL AS has_hour, count(*) AS count
        FROM assignment a WHERE {where} AND a.changed_at <= $3 GROUP BY 1, 2, 3, 4
        """,
        *arguments,
        [scope.extent.day for scope in scopes],
        [scope.extent.instant for scope in scopes],
    )
    found = []
    for place, scope in enumerate(scopes):
        told = [r for r in rows if r["begin"] <= place]
        found.append(_tally((_code_on(r, scope.extent.day), r["count"]) for r in told))
    return found


def _code_on(row: Record, day: date) -> int:
    """The code of a row at the end of a day."""
    code: int = row["code"]
    late_after: date | None = row["late_after"]
    if late_after is None or code % 20 != _OPEN_CODE:
        return code
    late = (day - late_after).days
    if late < 0 or (late == 0 and not row["has_hour"]):
        return code
    return code - _OPEN_CODE + 8 + _AGES.index(age_of(late))


_AGES = tuple(Age)


@dataclass(frozen=True, slots=True)
class Headed:
    """An assignment with what its heads are made from besides; that of a period hangs on the deadline of the day."""

    row: Assignment
    kind: str
    agency_kind: str
    field: str
    taken_over_at: datetime | None


async def list_changed(viewer: Actor, scope: Scope) -> list[Headed]:
    """The assignments that changed after the cut-off, whatever their deadline: the history tells that of the day."""
    where, arguments = _where(viewer, Scope(scope.extent, scope.assigned, field=scope.field))
    sql = SELECT.replace("FROM assignment a", ", d.kind, g.kind AS agency_kind, t.field FROM assignment a", 1)
    rows = await fetch(
        f"{sql} WHERE {where} AND a.changed_at > $3",
        *arguments,
    )
    return [Headed(from_row(r), r["kind"], r["agency_kind"], r["field"], r["taken_over_at"]) for r in rows]


def raw_of(headed: Headed, head: str, due_on: date | None) -> Raw:
    """What a head is made from, for an assignment that the history tells."""
    match head:
        case "agency" | "block":
            return headed.row.agency_id
        case "directive":
            return headed.row.directive_id
        case "kind":
            return headed.kind
        case "field":
            return headed.field
        case _:
            return None if due_on is None else due_on.replace(day=1)


async def named(head: str, tallies: Mapping[Raw, Tally]) -> list[HeadCount]:
    """The figures under the keys, labels and in the order of the heads."""
    found: dict[str, HeadCount] = {}
    names = await _names(head, tallies)
    for raw, tally in tallies.items():
        key, label, order = names[raw]
        known = found.get(key)
        found[key] = HeadCount(key, label, order, tally if known is None else known.tally + tally)
    return sorted(found.values(), key=lambda c: (c.order, c.key))


async def agency_names(ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Code and name of agencies."""
    rows = await fetch("SELECT id, code, name FROM agency WHERE id = ANY($1::bigint[])", list(ids))
    return {r["id"]: (r["code"], r["name"]) for r in rows}


async def _names(head: str, raws: Iterable[Raw]) -> dict[Raw, tuple[str, str, str]]:
    match head:
        case "agency" | "block":
            rows = await fetch(
                "SELECT id, code, name, sort_key, kind FROM agency WHERE id = ANY($1::bigint[])", list(raws)
            )
            if head == "agency":
                return {r["id"]: (r["code"], r["name"], r["sort_key"]) for r in rows}
            places = {block: str(place) for place, block in enumerate(Block)}
            blocks = {r["id"]: block_of(r["kind"]) for r in rows}
            return {id: (block.value, block.value, places[block]) for id, block in blocks.items()}
        case "directive":
            rows = await fetch(
                "SELECT id, number, issued_on FROM directive WHERE id = ANY($1::bigint[])", list(raws)
            )
            return {r["id"]: (str(r["id"]), r["number"], r["issued_on"].isoformat()) for r in rows}
        case "field" | "kind":
            return {raw: (str(raw or NO_KEY), str(raw or ""), str(raw or "").lower()) for raw in raws}
        case _:
            keys = {raw: period_key(head, raw if isinstance(raw, date) else None) for raw in raws}
            return {raw: (key, key, key) for raw, key in keys.items()}


def key_of(headed: Headed, head: str, due_on: date | None) -> str:
    """The key of an assignment that the history tells."""
    match head:
        case "agency":
            return headed.row.agency_code
        case "block":
            return block_of(headed.agency_kind).value
        case "kind":
            return headed.kind
        case "directive":
            return str(headed.row.directive_id)
        case "field":
            return headed.field or NO_KEY
        case _:
            return period_key(head, due_on)


# -- the list behind a figure ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """Which figure of a table: its cell, and its row by head and key; without a head that of the totals."""

    cell: str | None = None
    head: str | None = None
    key: str = NO_KEY


def _of_key(head: str, key: str, place: int) -> tuple[str, list[object]]:
    """The condition of a row of a table, its arguments numbered from `$place`; what is no key has no rows."""
    match head:
        case "agency":
            return f"a.agency_id = (SELECT id FROM agency WHERE code = ${place})", [key]
        case "block" if key in set(Block):
            kinds = list(BLOCK_KINDS[Block(key)])
            return f"a.agency_id IN (SELECT id FROM agency WHERE kind = ANY(${place}::text[]))", [kinds]
        case "kind":
            return f"a.directive_id IN (SELECT id FROM directive WHERE kind = ${place})", [key]
        case "directive" if key.isascii() and key.isdigit() and len(key) < 19:
            return f"a.directive_id = ${place}", [int(key)]
        case "field":
            field = "" if key == NO_KEY else key
            return f"a.task_id IN (SELECT id FROM task WHERE field = ${place})", [field]
        case "month" | "quarter" | "year":
            if key == NO_KEY:
                return "a.due_on IS NULL", []
            days = period_of(head, key)
            if days is not None:
                return f"a.due_on BETWEEN ${place}::date AND ${place + 1}::date", list(days)
    return "false", []


def _behind(viewer: Actor, scope: Scope, figure: Figure) -> tuple[str, list[object]]:
    where, arguments = _where(viewer, scope)
    where += " AND a.changed_at <= $3"
    if figure.head is not None:
        condition, more = _of_key(figure.head, figure.key, len(arguments) + 1)
        where, arguments = f"{where} AND {condition}", [*arguments, *more]
    if figure.cell is not None:
        where += f" AND {_CONDITIONS[figure.cell]}"
    return where, arguments


async def list_unchanged_of(
    viewer: Actor, scope: Scope, figure: Figure, after_id: int, limit: int
) -> list[Assignment]:
    """The unchanged assignments behind a figure, in order of id."""
    where, arguments = _behind(viewer, scope, figure)
    place = len(arguments)
    rows = await fetch(
        f"{SELECT} WHERE {where} AND a.id > ${place + 1} ORDER BY a.id LIMIT ${place + 2}",
        *arguments,
        after_id,
        limit,
    )
    return [from_row(r) for r in rows]


async def count_unchanged_of(viewer: Actor, scope: Scope, figure: Figure) -> int:
    """How many unchanged assignments stand behind a figure."""
    where, arguments = _behind(viewer, scope, figure)
    count: int = await fetchval(f"SELECT count(*) FROM assignment a WHERE {where}", *arguments)
    return count


async def list_places_of(
    viewer: Actor, scope: Scope, figure: Figure, first: int, limit: int
) -> list[tuple[date | None, int]]:
    """Deadline and id of the unchanged assignments behind a figure, by deadline, from place `first` on."""
    where, arguments = _behind(viewer, scope, figure)
    place = len(arguments)
    rows = await fetch(
        f"SELECT a.due_on, a.id FROM assignment a WHERE {where} ORDER BY a.due_on, a.id"
        f" LIMIT ${place + 1} OFFSET ${place + 2}",
        *arguments,
        limit,
        first,
    )
    return [(r["due_on"], r["id"]) for r in rows]


@dataclass(frozen=True, slots=True)
class Numbered:
    """A directive as a filter names it."""

    id: int
    number: str
    issued_on: date


async def list_numbered(
    viewer: Actor, *, id: int | None = None, number: str = "", issued_on: date | None = None
) -> list[Numbered]:
    """The directives in sight with this id, or this number (and day); at most a few."""
    condition, arguments = visible_to(viewer, "a", first=4)
    rows = await fetch(
        f"""
        SELECT d.id, d.number, d.issued_on FROM directive d
        WHERE ($1::bigint IS NULL OR d.id = $1) AND ($2::text = '' OR upper(d.number) = upper($2))
          AND ($3::date IS NULL OR d.issued_on = $3)
          AND EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = d.id AND {condition})
        ORDER BY d.issued_on DESC, d.id LIMIT 10
        """,
        id,
        number,
        issued_on,
        *arguments,
    )
    return [Numbered(r["id"], r["number"], r["issued_on"]) for r in rows]


async def is_field(field: str) -> bool:
    """Whether any task is of this field."""
    found: bool = await fetchval("SELECT EXISTS (SELECT FROM task WHERE field = $1)", field)
    return found


async def list_fields() -> list[str]:
    """The fields that tasks are of."""
    rows = await fetch("SELECT DISTINCT field FROM task WHERE field <> '' ORDER BY field LIMIT 500")
    return [r["field"] for r in rows]


async def list_agencies_of_block(block: Block) -> tuple[int, ...]:
    """The ids of the agencies of a block."""
    rows = await fetch("SELECT id FROM agency WHERE kind = ANY($1::text[])", list(BLOCK_KINDS[block]))
    return tuple(r["id"] for r in rows)


# -- what goes on ------------------------------------------------------------------------------------------

_CONFIRMED = "(a.confirmed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date"


_CLOSINGS = f"""
{_CONFIRMED} AS day, count(*) AS count,
count(*) FILTER (WHERE {DONE_LATE} OR a.due_on < $1::date
                 OR (a.due_on = $1::date AND a.due_time < $2::time)) AS overdue,
count(*) FILTER (WHERE {DONE_LATE}) AS late
"""


async def list_closings(viewer: Actor, scope: Scope) -> list[Closings]:
    """How many results were confirmed on each day of `scope.confirmed` up to the cut-off."""
    where, arguments = _where(viewer, scope)
    rows = await fetch(
        f"SELECT {_CLOSINGS} FROM assignment a WHERE {where} AND {DONE} AND a.closed_at <= $3 GROUP BY 1",
        *arguments,
    )
    return [Closings(r["day"], r["count"], r["overdue"], r["late"]) for r in rows]


async def list_busy_agencies(viewer: Actor, scope: Scope, least: int) -> list[int]:
    """The agencies with at least so many results confirmed on the days of `scope.confirmed`."""
    where, arguments = _where(viewer, scope)
    rows = await fetch(
        f"""
        SELECT a.agency_id FROM assignment a WHERE {where} AND {DONE} AND a.closed_at <= $3
        GROUP BY 1 HAVING count(*) >= ${len(arguments) + 1}
        """,
        *arguments,
        least,
    )
    return [r["agency_id"] for r in rows]


async def list_closings_of(viewer: Actor, scope: Scope, agency_ids: list[int]) -> dict[int, list[Closings]]:
    """The same as `list_closings` for each of these agencies."""
    where, arguments = _where(viewer, scope)
    rows = await fetch(
        f"""
        SELECT a.agency_id, {_CLOSINGS} FROM assignment a
        WHERE {where} AND {DONE} AND a.closed_at <= $3 AND a.agency_id = ANY(${len(arguments) + 1}::bigint[])
        GROUP BY 1, 2
        """,
        *arguments,
        agency_ids,
    )
    found: dict[int, list[Closings]] = {}
    for r in rows:
        one = Closings(r["day"], r["count"], r["overdue"], r["late"])
        found.setdefault(r["agency_id"], []).append(one)
    return found


async def list_confirmations(viewer: Actor, scope: Scope) -> list[tuple[date, date, int]]:
    """Days of report and of confirmation of what was confirmed in `scope.confirmed`, with how often they occur."""
    where, arguments = _where(viewer, scope)
    rows = await fetch(
        f"""
        SELECT a.completed_on, {_CONFIRMED} AS day, count(*) AS count
        FROM assignment a WHERE {where} AND {DONE} AND a.closed_at <= $3
        GROUP BY 1, 2
        """,
        *arguments,
    )
    return [(r["completed_on"], r["day"], r["count"]) for r in rows]


async def count_falling_due(viewer: Actor, scope: Scope, until: date) -> dict[tuple[int, date], int]:
    """By agency and day, how many open assignments that have not changed since fall due after the cut-off."""
    extent = scope.extent
    due = Span(extent.day + timedelta(days=1), until)
    where, arguments = _where(viewer, replace(scope, due=due))
    rows = await fetch(
        f"""
        SELECT a.agency_id, a.due_on, count(*) AS count FROM assignment a
        WHERE {where} AND a.changed_at <= $3 AND {_OPEN} GROUP BY 1, 2
        """,
        *arguments,
    )
    return {(r["agency_id"], r["due_on"]): r["count"] for r in rows}


def counts(status: Status, cell: str | None) -> bool:
    """Whether a cell counts an assignment that the history tells."""
    return cell is None or COUNTS[cell](status)
