"""The history: who did what, when and why, written in the transaction that did it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from asyncpg import Record

from tracker.db.audit import NewRow, append_history
from tracker.db.engine import fetch, stream
from tracker.db.visibility import visible_to
from tracker.domain.directory import AGENCY_ROLES, Actor, Role


@dataclass(frozen=True)
class HistoryEntry:
    """One change to be written; `detail` keeps the values before and after, as JSON (see domain/audit.plain)."""

    verb: str
    directive_id: int | None = None
    task_id: int | None = None
    assignment_id: int | None = None
    reason: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class HistoryRow:
    """One change as it was written; its place in the chain is None where it is older than that."""

    id: int
    at: datetime
    actor_id: int | None
    actor_name: str
    verb: str
    assignment_id: int | None
    task_id: int | None
    reason: str
    detail: dict[str, object]
    directive_id: int | None
    recorded_at: datetime
    lane: int | None
    lane_seq: int | None
    mac: str | None


async def insert_history(actor: Actor, entries: Sequence[HistoryEntry], now: datetime) -> None:
    """Write `entries` as done by `actor` at `now`, chained to what was written before them."""
    await append_history(
        [
            NewRow(
                at=now,
                actor_id=actor.official_id,
                actor_name=actor.name,
                verb=e.verb,
                directive_id=e.directive_id,
                task_id=e.task_id,
                assignment_id=e.assignment_id,
                reason=e.reason,
                detail=e.detail,
            )
            for e in entries
        ]
    )


async def list_history(viewer: Actor, assignment_id: int) -> list[HistoryRow]:
    """The story of one assignment, oldest first: its own changes and those of its task and directive."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT h.* FROM assignment a
        JOIN history h ON h.assignment_id = a.id
             OR (h.assignment_id IS NULL AND h.task_id = a.task_id)
             OR (h.assignment_id IS NULL AND h.task_id IS NULL AND h.directive_id = a.directive_id)
        WHERE a.id = $1 AND {condition} ORDER BY h.at, h.id
        """,
        assignment_id,
        *arguments,
    )
    return [_row(r) for r in rows]


def _row(row: Record) -> HistoryRow:
    return HistoryRow(
        id=row["id"],
        at=row["at"],
        actor_id=row["actor_id"],
        actor_name=row["actor_name"],
        verb=row["verb"],
        assignment_id=row["assignment_id"],
        task_id=row["task_id"],
        reason=row["reason"],
        detail=json.loads(row["detail"]),
        directive_id=row["directive_id"],
        recorded_at=row["recorded_at"],
        lane=row["lane"],
        lane_seq=row["lane_seq"],
        mac=None if row["mac"] is None else row["mac"].hex(),
    )


@dataclass(frozen=True)
class HistoryFilter:
    """Which changes a list holds; the instants are a half-open period of `at`."""

    directive_id: int | None = None
    task_id: int | None = None
    assignment_id: int | None = None
    official_id: int | None = None
    verb: str | None = None
    at_from: datetime | None = None
    at_before: datetime | None = None


def _visible_rows(viewer: Actor, first: int) -> tuple[str, list[object]]:
    """Which changes somebody may read, as a condition over `h`.

    An agency's people read what concerns their assignments; the working group what concerns any directive;
    who answers for the system reads everything, also what was done to accounts, ladders and links.
    """
    if viewer.role is Role.MEMBER:
        return "(h.directive_id IS NOT NULL OR h.task_id IS NOT NULL OR h.assignment_id IS NOT NULL)", []
    if viewer.role not in AGENCY_ROLES:
        return "true", []
    condition, arguments = visible_to(viewer, "a", first)
    return (
        f"""CASE WHEN h.assignment_id IS NOT NULL
                 THEN EXISTS (SELECT 1 FROM assignment a WHERE a.id = h.assignment_id AND {condition})
             WHEN h.task_id IS NOT NULL
                 THEN EXISTS (SELECT 1 FROM assignment a WHERE a.task_id = h.task_id AND {condition})
             WHEN h.directive_id IS NOT NULL
                 THEN EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = h.directive_id AND {condition})
             ELSE false END""",
        arguments,
    )


async def list_history_page(
    viewer: Actor, wanted: HistoryFilter, *, limit: int, before_id: int | None
) -> list[HistoryRow]:
    """Changes the viewer may know of, the latest written first; `before_id` is the last row seen."""
    condition, arguments = _visible_rows(viewer, first=10)
    rows = await fetch(
        f"""
        SELECT h.* FROM history h
        WHERE ($1::bigint IS NULL OR h.directive_id = $1) AND ($2::bigint IS NULL OR h.task_id = $2)
          AND ($3::bigint IS NULL OR h.assignment_id = $3) AND ($4::bigint IS NULL OR h.actor_id = $4)
          AND ($5::text IS NULL OR h.verb = $5)
          AND ($6::timestamptz IS NULL OR h.at >= $6) AND ($7::timestamptz IS NULL OR h.at < $7)
          AND ($8::bigint IS NULL OR h.id < $8) AND {condition}
        ORDER BY h.id DESC LIMIT $9
        """,
        wanted.directive_id,
        wanted.task_id,
        wanted.assignment_id,
        wanted.official_id,
        wanted.verb,
        wanted.at_from,
        wanted.at_before,
        before_id,
        limit,
        *arguments,
    )
    return [_row(r) for r in rows]


async def stream_history(wanted: HistoryFilter) -> AsyncIterator[HistoryRow]:
    """The story for an auditor, in the order in which it happened, in constant memory; inside a transaction.

    A task's is told with that of its directive; a directive's with those of all its tasks.
    """
    sql = """
        SELECT h.* FROM history h
        WHERE ($1::bigint IS NULL OR h.directive_id = $1)
          AND ($2::bigint IS NULL OR h.task_id = $2 OR (h.task_id IS NULL AND h.directive_id =
               (SELECT t.directive_id FROM task t WHERE t.id = $2)))
          AND ($3::bigint IS NULL OR h.actor_id = $3)
          AND ($4::timestamptz IS NULL OR h.at >= $4) AND ($5::timestamptz IS NULL OR h.at < $5)
        ORDER BY h.at, h.id
        """
    found = stream(
        sql, wanted.directive_id, wanted.task_id, wanted.official_id, wanted.at_from, wanted.at_before
    )
    async for row in found:
        yield _row(row)
