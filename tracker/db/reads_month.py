"""Reads for the month: how many deadlines fall on which day, the first of each day, and the sessions held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

from tracker.db.assignments import OPEN, SELECT, Assignment, from_row
from tracker.db.engine import fetch
from tracker.db.lateness import LATE
from tracker.db.visibility import visible_to
from tracker.domain.directory import AGENCY_ROLES, Actor
from tracker.domain.inspections import State


@dataclass(frozen=True, slots=True)
class DayCount:
    """The deadlines of one day; `late` of them have passed without a result."""

    count: int
    late: int


@dataclass(frozen=True, slots=True)
class DueFilter:
    """Which deadlines: from `first` to `last`, open ones unless `with_closed`, of one agency or of all in sight."""

    first: date
    last: date
    with_closed: bool = False
    agency_code: str = ""


def _where(viewer: Actor, chosen: DueFilter, today: date, at: time) -> tuple[str, list[object]]:
    visible, more = visible_to(viewer, "a", first=5)
    arguments: list[object] = [today, at, chosen.first, chosen.last, *more]
    conditions = [
        "$1::date IS NOT NULL AND $2::time IS NOT NULL AND a.due_on BETWEEN $3::date AND $4::date",
        visible,
    ]
    if not chosen.with_closed:
        conditions.append(f"a.state IN {OPEN}")
    if chosen.agency_code:
        arguments.append(chosen.agency_code)
        conditions.append(f"a.agency_id = (SELECT id FROM agency WHERE code = ${len(arguments)})")
    return " AND ".join(conditions), arguments


async def count_by_day(viewer: Actor, chosen: DueFilter, today: date, at: time) -> dict[date, DayCount]:
    """The days on which something falls due."""
    where, arguments = _where(viewer, chosen, today, at)
    rows = await fetch(
        f"SELECT a.due_on, count(*) AS count, count(*) FILTER (WHERE a.state IN {OPEN} AND {LATE}) AS late"
        f" FROM assignment a WHERE {where} GROUP BY a.due_on",
        *arguments,
    )
    return {row["due_on"]: DayCount(row["count"], row["late"]) for row in rows}


async def list_first_of_days(
    viewer: Actor, chosen: DueFilter, today: date, at: time, *, per_day: int
) -> list[Assignment]:
    """The first assignments of each day, those charged with the lead before those that help."""
    where, arguments = _where(viewer, chosen, today, at)
    rows = await fetch(
        f"""
        WITH ranked AS (
            SELECT a.id, row_number() OVER (
                PARTITION BY a.due_on ORDER BY a.due_time NULLS LAST, a.part = 'cooperating', a.id) AS place
            FROM assignment a WHERE {where}
        )
        {SELECT} WHERE a.id IN (SELECT id FROM ranked WHERE place <= {int(per_day)})
        ORDER BY a.due_on, a.due_time NULLS LAST, a.part = 'cooperating', a.id
        """,
        *arguments,
    )
    return [from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Meeting:
    """An inspection session of a day."""

    id: int
    title: str
    held_on: date
    held_at: time | None
    state: State


async def list_sessions(viewer: Actor, first: date, last: date, agency_code: str = "") -> list[Meeting]:
    """The sessions held from `first` to `last` that were not called off; to an agency, those that inspect it."""
    own = sorted(viewer.visible_agency_ids) if viewer.role in AGENCY_ROLES else None
    rows = await fetch(
        """
        SELECT i.id, i.title, i.held_on, i.held_at, i.state FROM inspection i
        WHERE i.held_on BETWEEN $1 AND $2 AND i.state <> 'cancelled'
          AND ($3::bigint[] IS NULL OR EXISTS (
              SELECT FROM inspection_agency n WHERE n.inspection_id = i.id AND n.agency_id = ANY($3)))
          AND ($4 = '' OR EXISTS (
              SELECT FROM inspection_agency n JOIN agency g ON g.id = n.agency_id
              WHERE n.inspection_id = i.id AND g.code = $4))
        ORDER BY i.held_on, i.held_at NULLS FIRST, i.id LIMIT 500
        """,
        first,
        last,
        own,
        agency_code,
    )
    return [Meeting(r["id"], r["title"], r["held_on"], r["held_at"], State(r["state"])) for r in rows]
