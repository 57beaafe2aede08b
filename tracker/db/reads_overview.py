"""Reads for the official's page: the agencies followed, how many were overdue on past days, the worst, what comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from tracker.db.assignments import RUNNING, SELECT, Assignment, from_row
from tracker.db.engine import fetch, fetchrow
from tracker.db.lateness import LATE
from tracker.db.overdue import OPEN_ROW
from tracker.db.visibility import visible_to
from tracker.domain.assignments import SILENT_DAYS
from tracker.domain.directory import AGENCY_ROLES, Actor


@dataclass(frozen=True, slots=True)
class Followed:
    """An agency that an official looks after."""

    id: int
    code: str
    name: str
    short_name: str


async def list_followed(viewer: Actor) -> list[Followed]:
    """A member's agencies by name, an agency's own and those below; empty where no limit is set: all of them."""
    if viewer.role in AGENCY_ROLES:
        condition, argument = "g.id = ANY($1::bigint[])", sorted(viewer.visible_agency_ids)
    else:
        condition, argument = (
            "EXISTS (SELECT FROM agency_member m WHERE m.agency_id = g.id AND m.official_id = ANY($1::bigint[]))",
            [] if viewer.official_id is None else [viewer.official_id],
        )
    rows = await fetch(
        f"SELECT g.id, g.code, g.name, g.short_name FROM agency g WHERE {condition} ORDER BY g.sort_key, g.id",
        argument,
    )
    return [Followed(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Moment:
    """A cut-off: the civil day and hour in the official zone, and the same instant in UTC."""

    day: date
    hour: time
    instant: datetime


# What cannot be late by that day need not be looked at; it says nothing new, but an index answers it.
_WORTH_A_LOOK = "a.due_kind IN ('dated', 'none') AND (a.due_on <= ${0}::date OR a.due_on IS NULL)"
_LATE_UNCHANGED = LATE.replace("$1::date", "p.day").replace("$2::time", "p.hour")

# What domain/assignments.classify says of a row that changed after the moment; a test holds the two together.
_CHANGED = """
FROM point p JOIN recent a ON a.assigned_on <= p.day AND a.changed_at > p.instant
    AND (a.taken_over_at IS NULL OR a.taken_over_at <= p.instant) AND (a.closed_at IS NULL OR a.closed_at > p.instant)
"""
_SILENT_THEN = f"""
a.due_kind = 'none'
AND NOT EXISTS (SELECT FROM report r WHERE r.assignment_id = a.id AND r.submitted_at <= p.instant
                AND r.kind = 'completion' AND (r.decided_at IS NULL OR r.decided_at > p.instant))
AND greatest(a.assigned_on, (SELECT max((r.submitted_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) FROM report r
                             WHERE r.assignment_id = a.id AND r.submitted_at <= p.instant)) < p.day - {SILENT_DAYS}
"""
# A deadline that moved is the last one set by then, the first one at the earliest.
_MOVED = """
CROSS JOIN LATERAL (
    SELECT c.due_on, c.due_time FROM deadline_change c WHERE c.assignment_id = a.id
    ORDER BY CASE WHEN c.kind = 'original' OR c.set_at <= p.instant THEN c.deadline_version END DESC NULLS LAST,
             c.deadline_version LIMIT 1
) was
"""
_NEEDED = (
    "a.id, a.state, a.due_kind, a.due_on, a.due_time, a.deadline_version, a.assigned_on, a.last_report_at,"
    " a.changed_at, a.closed_at, a.taken_over_at"
)
_PASSED = "({0}.due_on < p.day OR ({0}.due_on = p.day AND {0}.due_time < p.hour))"


def _scope(viewer: Actor, agency_ids: Sequence[int] | None, first: int) -> tuple[str, list[object]]:
    condition, arguments = visible_to(viewer, "a", first=first)
    if agency_ids is None:
        return condition, arguments
    return f"{condition} AND a.agency_id = ANY(${first + len(arguments)}::bigint[])", [
        *arguments,
        list(agency_ids),
    ]


async def count_overdue_at(
    viewer: Actor, agency_ids: Sequence[int] | None, moments: Sequence[Moment]
) -> list[int]:
    """How many assignments stood in the bucket of the overdue at each moment, as it was known then."""
    where, more = _scope(viewer, agency_ids, 6)
    rows = await fetch(
        f"""
        WITH point AS MATERIALIZED (
            SELECT * FROM unnest($1::date[], $2::time[], $3::timestamptz[]) WITH ORDINALITY
                AS u (day, hour, instant, place)
        ), still AS MATERIALIZED (
            SELECT {_NEEDED} FROM assignment a WHERE {OPEN_ROW} AND {_WORTH_A_LOOK.format(4)} AND {where}
        ), recent AS MATERIALIZED (
            SELECT {_NEEDED} FROM assignment a WHERE a.changed_at > $5 AND {where}
        ), found AS (
            SELECT p.place FROM point p JOIN still a ON a.assigned_on <= p.day AND a.changed_at <= p.instant
            WHERE {_LATE_UNCHANGED}
            UNION ALL
            SELECT p.place {_CHANGED} WHERE a.deadline_version <= 1 AND a.due_on IS NOT NULL
                AND {_PASSED.format("a")}
            UNION ALL
            SELECT p.place {_CHANGED} WHERE a.deadline_version <= 1 AND {_SILENT_THEN}
            UNION ALL
            SELECT p.place {_CHANGED} {_MOVED} WHERE a.deadline_version > 1
                AND CASE WHEN was.due_on IS NOT NULL THEN {_PASSED.format("was")} ELSE {_SILENT_THEN} END
        )
        SELECT p.place, count(f.place) AS count FROM point p LEFT JOIN found f ON f.place = p.place
        GROUP BY p.place ORDER BY p.place
        """,
        [moment.day for moment in moments],
        [moment.hour for moment in moments],
        [moment.instant for moment in moments],
        max(moment.day for moment in moments),
        min(moment.instant for moment in moments),
        *more,
    )
    return [row["count"] for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """How many stand where at this moment; `running` of the overdue have no report that waits."""

    overdue: int
    running_overdue: int
    due: int


_SORT = f"""
CASE WHEN a.due_on IS NOT NULL THEN a.due_on
     ELSE greatest(a.assigned_on, (a.last_report_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date) + {SILENT_DAYS} END
"""
_DUE = f"a.state IN {RUNNING} AND a.due_on BETWEEN $1::date AND $3::date AND NOT {LATE}"
_WORST = f"a.state IN {RUNNING} AND {_WORTH_A_LOOK.format(1)} AND {LATE}"


async def count_standing(
    viewer: Actor, agency_ids: Sequence[int] | None, now: Moment, due_to: date
) -> Standing:
    """The figures of this moment; what is due from today to `due_to` is counted while the agency's clock runs."""
    where, more = _scope(viewer, agency_ids, 4)
    row = await fetchrow(
        f"""
        SELECT count(*) FILTER (WHERE {LATE}) AS overdue,
               count(*) FILTER (WHERE {_WORST}) AS running, count(*) FILTER (WHERE {_DUE}) AS due
        FROM assignment a WHERE {OPEN_ROW} AND {_WORTH_A_LOOK.format(3)} AND a.assigned_on <= $1::date AND {where}
        """,
        now.day,
        now.hour,
        due_to,
        *more,
    )
    assert row is not None
    return Standing(*row.values())


async def list_worst(
    viewer: Actor, agency_ids: Sequence[int] | None, now: Moment, limit: int
) -> list[Assignment]:
    """What has been overdue longest and waits for its agency."""
    where, more = _scope(viewer, agency_ids, 3)
    rows = await fetch(
        f"{SELECT} WHERE a.id IN (SELECT a.id FROM assignment a WHERE {_WORST} AND a.assigned_on <= $1::date"
        f" AND {where} ORDER BY {_SORT}, a.id LIMIT {int(limit)}) ORDER BY {_SORT}, a.id",
        now.day,
        now.hour,
        *more,
    )
    return [from_row(row) for row in rows]


async def list_due(
    viewer: Actor, agency_ids: Sequence[int] | None, now: Moment, due_to: date, limit: int
) -> list[Assignment]:
    """What falls due from today to `due_to` and waits for its agency, the next first."""
    where, more = _scope(viewer, agency_ids, 4)
    rows = await fetch(
        f"{SELECT} WHERE a.id IN (SELECT a.id FROM assignment a WHERE {_DUE} AND a.assigned_on <= $1::date"
        f" AND {where} ORDER BY a.due_on, a.due_time NULLS LAST, a.id LIMIT {int(limit)})"
        " ORDER BY a.due_on, a.due_time NULLS LAST, a.id",
        now.day,
        now.hour,
        due_to,
        *more,
    )
    return [from_row(row) for row in rows]
