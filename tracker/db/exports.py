"""Readings of everything a viewer may see, page by page, for exports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import fetch
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change with the words that tell what it was done to; `detail` is JSON.

    `restricted`: it was done to a task whose words stay in the system.
    """

    id: int
    at: datetime
    actor_name: str
    verb: str
    directive_number: str | None
    short_name: str | None
    agency_name: str | None
    assignment_id: int | None
    reason: str
    detail: str
    restricted: bool


async def list_history_page(
    viewer: Actor,
    from_on: date | None,
    to_on: date | None,
    directive_id: int | None,
    *,
    limit: int,
    after: int,
) -> list[HistoryLine]:
    """Changes in their order after id `after`, between two civil days, both inclusive.

    An agency's people see what was done to their assignments, and to the tasks and directives of these.
    """
    condition, arguments = visible_to(viewer, "v", first=6)
    seen = "true"
    if condition != "true":
        seen = f"""CASE
            WHEN h.assignment_id IS NOT NULL
                THEN EXISTS (SELECT 1 FROM assignment v WHERE v.id = h.assignment_id AND {condition})
            WHEN h.task_id IS NOT NULL
                THEN EXISTS (SELECT 1 FROM assignment v WHERE v.task_id = h.task_id AND {condition})
            ELSE EXISTS (SELECT 1 FROM assignment v WHERE v.directive_id = h.directive_id AND {condition}) END"""
    rows = await fetch(
        f"""
        SELECT h.id, h.at, h.actor_name, h.verb, d.number AS directive_number, t.short_name,
               g.name AS agency_name, h.assignment_id, h.reason, h.detail::text AS detail,
               coalesce(t.restricted, false) AS restricted
        FROM history h
        LEFT JOIN assignment a ON a.id = h.assignment_id LEFT JOIN agency g ON g.id = a.agency_id
        LEFT JOIN task t ON t.id = coalesce(h.task_id, a.task_id)
        LEFT JOIN directive d ON d.id = coalesce(h.directive_id, t.directive_id)
        WHERE h.id > $1
          AND ($2::date IS NULL OR h.at >= $2::date::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh')
          AND ($3::date IS NULL OR h.at < ($3::date + 1)::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh')
          AND ($4::bigint IS NULL OR h.directive_id = $4)
          AND {seen}
        ORDER BY h.id LIMIT $5
        """,
        after,
        from_on,
        to_on,
        directive_id,
        limit,
        *arguments,
    )
    return [HistoryLine(**dict(row)) for row in rows]


def detail_of(line: HistoryLine) -> str:
    """The detail as one line of JSON in a stable order; empty when there is none."""
    detail = json.loads(line.detail)
    return json.dumps(detail, ensure_ascii=False, sort_keys=True) if detail else ""
