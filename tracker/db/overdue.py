"""Reading for the overdue list: counts and rows of any day.

Most assignments have not changed since the day asked for: their row tells that day as it tells today, and the
database counts them. Those that changed later are few; for them the history is read and the rule decides.
The conditions below say what domain/assignments.classify says of such a row; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from tracker.db.assignments import SELECT, Assignment, from_row
from tracker.db.engine import fetch
from tracker.db.lateness import LATE
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.statistics import Buckets

DONE_LATE = """
(a.due_kind = 'dated' AND (a.completed_on > a.due_on OR (a.completed_on = a.due_on AND a.completed_time > a.due_time)))
"""
DONE = "a.state = 'confirmed' AND a.due_kind <> 'standing'"
OPEN_ROW = "a.state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')"


@dataclass(frozen=True, slots=True)
class Extent:
    """What a list covers: a cut-off, and optionally some agencies and one directive.

    `day` and `hour` are the cut-off on the official clock; `instant` the same in UTC: what is later does not count.
    """

    day: date
    hour: time
    instant: datetime
    agency_ids: tuple[int, ...] | None = None
    directive_id: int | None = None


def where_of(viewer: Actor, extent: Extent) -> tuple[str, list[object]]:
    """The rows in question. Each scope has a text of its own, so that PostgreSQL plans each for itself."""
    conditions = ["a.assigned_on <= $1::date AND $2::time IS NOT NULL"]
    arguments: list[object] = [extent.day, extent.hour, extent.instant]
    if extent.agency_ids is not None:
        single = len(extent.agency_ids) == 1
        arguments.append(extent.agency_ids[0] if single else list(extent.agency_ids))
        conditions.append(
            f"a.agency_id = ${len(arguments)}" if single else f"a.agency_id = ANY(${len(arguments)})"
        )
    if extent.directive_id is not None:
        arguments.append(extent.directive_id)
        conditions.append(f"a.directive_id = ${len(arguments)}")
    condition, seen = visible_to(viewer, "a", first=len(arguments) + 1)
    return " AND ".join([*conditions, condition]), [*arguments, *seen]


@dataclass(frozen=True, slots=True)
class AgencyBuckets:
    """The counts of one agency."""

    agency_id: int
    code: str
    name: str
    sort_key: str
    buckets: Buckets


async def count_unchanged(viewer: Actor, extent: Extent) -> list[AgencyBuckets]:
    """Per agency the buckets of all assignments that have not changed since the cut-off."""
    where, arguments = where_of(viewer, extent)
    rows = await fetch(
        f"""
        WITH counts AS (
            SELECT a.agency_id,
                count(*) FILTER (WHERE {DONE} AND NOT coalesce({DONE_LATE}, false))
                    AS done_on_time,
                count(*) FILTER (WHERE {DONE} AND {DONE_LATE}) AS done_late,
                count(*) FILTER (WHERE {OPEN_ROW} AND a.due_kind <> 'standing' AND NOT coalesce({LATE}, false))
                    AS open_in_term,
                count(*) FILTER (WHERE {OPEN_ROW} AND a.due_kind <> 'standing' AND {LATE}) AS open_overdue,
                count(*) FILTER (WHERE a.due_kind = 'standing' AND (a.state = 'confirmed' OR {OPEN_ROW})) AS standing,
                count(*) FILTER (WHERE a.state = 'withdrawn') AS withdrawn,
                count(*) FILTER (WHERE a.state = 'transferred') AS transferred,
                count(*) FILTER (WHERE a.state = 'superseded') AS superseded
            FROM assignment a WHERE {where} AND a.changed_at <= $3 GROUP BY a.agency_id
        )
        SELECT g.code, g.name, g.sort_key, c.* FROM counts c JOIN agency g ON g.id = c.agency_id
        """,
        *arguments,
    )
    return [
        AgencyBuckets(
            agency_id=r["agency_id"],
            code=r["code"],
            name=r["name"],
            sort_key=r["sort_key"],
            buckets=Buckets(*list(r.values())[4:]),
        )
        for r in rows
    ]


async def list_overdue_unchanged(viewer: Actor, extent: Extent) -> list[Assignment]:
    """The overdue assignments among those that have not changed since the cut-off."""
    where, arguments = where_of(viewer, extent)
    rows = await fetch(
        f"{SELECT} WHERE {where} AND a.changed_at <= $3 AND {OPEN_ROW} AND a.due_kind <> 'standing' AND {LATE}",
        *arguments,
    )
    return [from_row(r) for r in rows]


async def list_changed_since(viewer: Actor, extent: Extent) -> list[tuple[Assignment, str]]:
    """The assignments that changed after the cut-off, each with its agency's sort key; the history tells them.

    One that a successor took over later counts at its predecessor still.
    """
    where, arguments = where_of(viewer, extent)
    sql = SELECT.replace("FROM assignment a", ", g.sort_key AS agency_sort_key FROM assignment a", 1)
    rows = await fetch(
        f"{sql} WHERE {where} AND a.changed_at > $3 AND (a.taken_over_at IS NULL OR a.taken_over_at <= $3)",
        *arguments,
    )
    return [(from_row(r), r["agency_sort_key"]) for r in rows]


async def list_progress(assignment_ids: Sequence[int]) -> dict[int, tuple[datetime, ...]]:
    """The instants of the reports that are not of completion."""
    rows = await fetch(
        "SELECT assignment_id, array_agg(submitted_at ORDER BY submitted_at) AS instants FROM report"
        " WHERE kind <> 'completion' AND assignment_id = ANY($1::bigint[]) GROUP BY assignment_id",
        list(assignment_ids),
    )
    return {r["assignment_id"]: tuple(r["instants"]) for r in rows}


@dataclass(frozen=True, slots=True)
class Partners:
    """The other agencies of a task, by what they are in it."""

    joint: tuple[str, ...]
    cooperating: tuple[str, ...]


async def list_partners(task_ids: Sequence[int]) -> dict[int, Partners]:
    """For each task the short names of its joint leads and of its co-operating agencies."""
    rows = await fetch(
        """
        SELECT a.task_id, array_agg(g.name ORDER BY g.sort_key) FILTER (WHERE a.part = 'joint_lead') AS joint,
               array_agg(g.name ORDER BY g.sort_key) FILTER (WHERE a.part = 'cooperating') AS cooperating
        FROM assignment a JOIN agency g ON g.id = a.agency_id
        WHERE a.task_id = ANY($1::bigint[]) AND a.state NOT IN ('withdrawn', 'transferred', 'superseded')
          AND a.part <> 'lead'
        GROUP BY a.task_id
        """,
        list(task_ids),
    )
    return {r["task_id"]: Partners(tuple(r["joint"] or ()), tuple(r["cooperating"] or ())) for r in rows}


async def list_fields(task_ids: Sequence[int]) -> dict[int, str]:
    """The programme or field that groups each task in an official annex."""
    rows = await fetch(
        "SELECT id, field FROM task WHERE id = ANY($1::bigint[]) AND field <> ''", list(task_ids)
    )
    return {r["id"]: r["field"] for r in rows}
