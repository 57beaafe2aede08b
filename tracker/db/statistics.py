"""Reading for statistics: the buckets of any day under several heads, and the assignments behind a figure.

As in overdue.py, the database counts what has not changed since the cut-off, and the history tells the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker.db.assignments import SELECT, Assignment, from_row
from tracker.db.engine import fetch
from tracker.db.lateness import LATE
from tracker.db.overdue import DONE, DONE_LATE, OPEN_ROW, Extent, where_of
from tracker.domain.assignments import Bucket
from tracker.domain.directory import Actor
from tracker.domain.statistics import Buckets

NO_KEY = "-"
"""The key of what has none: a task of no field, an assignment without a date."""

# Key, label and order of each head.
_HEADS: dict[str, tuple[str, str, str]] = {
    "agency": ("g.code", "g.name", "g.sort_key"),
    "kind": ("d.kind", "d.kind", "d.kind"),
    "directive": ("d.id::text", "d.number", "to_char(d.issued_on, 'YYYY-MM-DD')"),
    "field": (f"coalesce(nullif(t.field, ''), '{NO_KEY}')", "t.field", "lower(t.field)"),
    "month": (f"coalesce(to_char(a.due_on, 'YYYY-MM'), '{NO_KEY}')",) * 3,
}
HEADS = tuple(_HEADS)

_CELLS: dict[Bucket, str] = {
    Bucket.DONE_ON_TIME: f"{DONE} AND NOT coalesce({DONE_LATE}, false)",
    Bucket.DONE_LATE: f"{DONE} AND {DONE_LATE}",
    Bucket.OPEN_IN_TERM: f"{OPEN_ROW} AND a.due_kind <> 'standing' AND NOT coalesce({LATE}, false)",
    Bucket.OPEN_OVERDUE: f"{OPEN_ROW} AND a.due_kind <> 'standing' AND {LATE}",
    Bucket.STANDING: f"a.due_kind = 'standing' AND (a.state = 'confirmed' OR {OPEN_ROW})",
    Bucket.OUTSIDE: "a.state IN ('withdrawn', 'transferred', 'superseded')",
}

_FROM = """
assignment a JOIN agency g ON g.id = a.agency_id JOIN directive d ON d.id = a.directive_id
JOIN task t ON t.id = a.task_id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Assignments given between two civil days, both inclusive; None leaves an end open."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class HeadCount:
    """The figures under one head; `awaiting` of the open ones have a report that waits."""

    key: str
    label: str
    order: str
    buckets: Buckets
    awaiting: int = 0

    def __add__(self, other: HeadCount) -> HeadCount:
        return HeadCount(
            self.key, self.label, self.order, self.buckets + other.buckets, self.awaiting + other.awaiting
        )


def _spanned(viewer: Actor, extent: Extent, span: Span) -> tuple[str, list[object]]:
    where, arguments = where_of(viewer, extent)
    for day, sign in ((span.first, ">="), (span.last, "<=")):
        if day is not None:
            arguments.append(day)
            where += f" AND a.assigned_on {sign} ${len(arguments)}::date"
    return where, arguments


async def count_unchanged(viewer: Actor, extent: Extent, span: Span, head: str) -> list[HeadCount]:
    """The figures under each head of all that has not changed since the cut-off."""
    where, arguments = _spanned(viewer, extent, span)
    key, label, order = _HEADS[head]
    cells = ", ".join(
        f"count(*) FILTER (WHERE {_CELLS[bucket]})" for bucket in Bucket if bucket is not Bucket.OUTSIDE
    )
    rows = await fetch(
        f"""
        SELECT {key} AS key, min({label}) AS label, min({order}) AS sort,
               count(*) FILTER (WHERE a.state = 'reported' AND a.due_kind <> 'standing') AS awaiting, {cells},
               count(*) FILTER (WHERE a.state = 'withdrawn'), count(*) FILTER (WHERE a.state = 'transferred'),
               count(*) FILTER (WHERE a.state = 'superseded')
        FROM {_FROM} WHERE {where} AND a.changed_at <= $3 GROUP BY 1
        """,
        *arguments,
    )
    return [
        HeadCount(r["key"], r["label"], r["sort"], Buckets(*list(r.values())[4:]), r["awaiting"])
        for r in rows
    ]


@dataclass(frozen=True, slots=True)
class Headed:
    """An assignment with the heads it stands under; that of the month hangs on the day and is not among them."""

    row: Assignment
    agency_order: str
    kind: str
    field: str


async def list_changed(viewer: Actor, extent: Extent, span: Span) -> list[Headed]:
    """The assignments that changed after the cut-off."""
    where, arguments = _spanned(viewer, extent, span)
    sql = SELECT.replace("FROM assignment a", ", g.sort_key, d.kind, t.field FROM assignment a", 1)
    rows = await fetch(f"{sql} WHERE {where} AND a.changed_at > $3", *arguments)
    return [Headed(from_row(r), r["sort_key"], r["kind"], r["field"]) for r in rows]


async def list_unchanged_of(
    viewer: Actor,
    extent: Extent,
    span: Span,
    head: str | None,
    key: str,
    bucket: Bucket | None,
    after_id: int,
    limit: int,
) -> list[Assignment]:
    """The unchanged assignments behind a figure, in order of id; without a head or a bucket those of all."""
    where, arguments = _spanned(viewer, extent, span)
    arguments += [after_id, limit]
    where += f" AND a.id > ${len(arguments) - 1}"
    place = len(arguments)
    if head is not None:
        arguments.append(key)
        where += f" AND {_HEADS[head][0]} = ${len(arguments)}"
    if bucket is not None:
        where += f" AND {_CELLS[bucket]}"
    rows = await fetch(
        f"{SELECT} WHERE {where} AND a.changed_at <= $3 ORDER BY a.id LIMIT ${place}", *arguments
    )
    return [from_row(r) for r in rows]


def key_of(headed: Headed, head: str, due_on: date | None) -> tuple[str, str, str]:
    """Key, label and order of an assignment under a head: what `_HEADS` says, for one that the history tells."""
    row = headed.row
    match head:
        case "agency":
            return row.agency_code, row.agency_name, headed.agency_order
        case "kind":
            return headed.kind, headed.kind, headed.kind
        case "directive":
            return str(row.directive_id), row.directive_number, row.directive_issued_on.isoformat()
        case "field":
            return headed.field or NO_KEY, headed.field, headed.field.lower()
        case _:
            month = NO_KEY if due_on is None else f"{due_on:%Y-%m}"
            return month, month, month


def merged(counts: Sequence[HeadCount]) -> list[HeadCount]:
    """Figures of the same head together, in the order of the heads."""
    found: dict[str, HeadCount] = {}
    for count in counts:
        found[count.key] = found[count.key] + count if count.key in found else count
    return sorted(found.values(), key=lambda c: (c.order, c.key))
