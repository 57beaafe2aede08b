"""Working days one by one, for those who keep the calendar; and the deadlines and reminders that hang on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tracker.db.engine import execute, fetch, fetchrow
from tracker.domain.calendar_change import Counted, Group, counts_working_days
from tracker.domain.rules import DeadlineRule, RuleInvalid
from tracker.domain.workdays import DayMark

LOCK = 7_208_101
"""The advisory lock under which the calendar changes: two changes must not each see the other's former days."""


@dataclass(frozen=True, slots=True)
class WorkingYear:
    """A year whose days off are known; `confirmed` once they were announced."""

    year: int
    source: str
    confirmed: bool


async def list_years() -> list[WorkingYear]:
    """Every known year."""
    rows = await fetch("SELECT year, source, confirmed FROM working_year ORDER BY year")
    return [WorkingYear(*r.values()) for r in rows]


async def insert_year(year: int, source: str, confirmed: bool) -> bool:
    """Say that a year's days are known; False when it was known already."""
    return (
        await execute(
            "INSERT INTO working_year (year, source, confirmed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            year,
            source,
            confirmed,
        )
        == 1
    )


async def confirm_year(year: int, source: str) -> None:
    """A known year and its projected days were announced as they stand."""
    await execute("UPDATE working_year SET confirmed = true, source = $2 WHERE year = $1", year, source)
    await execute(
        "UPDATE working_day SET projected = false"
        " WHERE projected AND day BETWEEN make_date($1, 1, 1) AND make_date($1, 12, 31)",
        year,
    )


async def list_marks(year: int) -> list[tuple[date, DayMark]]:
    """The marked days of a year, in order."""
    rows = await fetch(
        "SELECT day, kind, name, source, projected FROM working_day"
        " WHERE day BETWEEN make_date($1, 1, 1) AND make_date($1, 12, 31) ORDER BY day",
        year,
    )
    return [(r["day"], DayMark(r["kind"], r["name"], r["source"], r["projected"])) for r in rows]


async def find_mark(day: date) -> DayMark | None:
    """What is written about a day, if anything is."""
    row = await fetchrow("SELECT kind, name, source, projected FROM working_day WHERE day = $1", day)
    return None if row is None else DayMark(row["kind"], row["name"], row["source"], row["projected"])


async def lock_calendar() -> None:
    """Nobody else changes the calendar until this transaction ends."""
    await fetch("SELECT pg_advisory_xact_lock($1)", LOCK)


async def put_mark(day: date, mark: DayMark | None) -> None:
    """Write what is said about a day, or (None) leave it to its weekday."""
    if mark is None:
        await execute("DELETE FROM working_day WHERE day = $1", day)
        return
    await execute(
        "INSERT INTO working_day (day, kind, name, source, projected) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (day) DO UPDATE SET kind = excluded.kind, name = excluded.name, source = excluded.source,"
        " projected = excluded.projected",
        day,
        mark.kind,
        mark.name,
        mark.source,
        mark.projected,
    )


async def list_counted(limit: int) -> list[Counted]:
    """Open assignments whose deadline was counted in working days and was set by no person.

    An heir of a transfer has its predecessor's deadline, which somebody may have moved: it is not among them.
    """
    rows = await fetch(
        """
        SELECT a.id, t.deadline_rule::text AS rule, d.issued_on, d.received_on, a.due_on, a.due_time, c.kind
        FROM assignment a JOIN task t ON t.id = a.task_id JOIN directive d ON d.id = a.directive_id
        JOIN deadline_change c ON c.assignment_id = a.id AND c.deadline_version = (
            SELECT max(l.deadline_version) FROM deadline_change l WHERE l.assignment_id = a.id)
        WHERE a.state IN ('assigned', 'acknowledged', 'in_progress', 'reported', 'returned')
          AND a.due_kind = 'dated' AND a.occurrence = 1 AND c.kind IN ('original', 'correction')
          AND (t.deadline_rule #>> '{term,unit}' = 'workday' OR t.deadline_rule #>> '{term,last,unit}' = 'workday')
          AND (c.kind = 'correction' OR a.due_words <> '[]')
          AND NOT EXISTS (SELECT 1 FROM assignment p WHERE p.task_id = a.task_id AND p.transferred_to = a.id)
        ORDER BY a.due_on, a.id LIMIT $1
        """,
        limit,
    )
    found = []
    for row in rows:
        try:
            rule = DeadlineRule.from_json(json.loads(row["rule"]))
        except RuleInvalid:
            continue  # one rule that cannot be read must not hide the others
        if counts_working_days(rule):
            found.append(
                Counted(
                    assignment_id=row["id"],
                    rule=rule,
                    issued_on=row["issued_on"],
                    received_on=row["received_on"],
                    due_on=row["due_on"],
                    due_time=row["due_time"],
                    is_original=row["kind"] == "original",
                )
            )
    return found


async def list_groups() -> list[Group]:
    """Assignments whose clock runs, by deadline, ladder version and how far they were reminded."""
    rows = await fetch(
        """
        SELECT a.ladder_version_id, a.due_on, a.due_time, a.settled_rank, count(*) AS assignments, min(a.id) AS an_id
        FROM assignment a
        WHERE a.due_kind = 'dated' AND a.state IN ('assigned', 'acknowledged', 'in_progress', 'returned')
        GROUP BY a.ladder_version_id, a.due_on, a.due_time, a.settled_rank ORDER BY a.due_on, a.ladder_version_id
        """
    )
    return [Group(*r.values()) for r in rows]


async def list_untold(ids: Sequence[int]) -> frozenset[int]:
    """Those of these assignments whose first message is still in the outbox."""
    rows = await fetch(
        "SELECT DISTINCT e.assignment_id FROM outbox_entry e JOIN outbox o ON o.id = e.outbox_id"
        " WHERE e.assignment_id = ANY($1::bigint[]) AND o.kind = 'assigned' AND o.state = 'pending'",
        list(ids),
    )
    return frozenset(r["assignment_id"] for r in rows)
