"""The official's page: what is overdue in the agencies followed, how that went, the worst, what falls due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from tracker.actions.overdue import agency_ids_of
from tracker.db import reads_overview as db
from tracker.db.assignments import Assignment
from tracker.db.engine import transaction
from tracker.db.reads_overview import Moment, Standing
from tracker.domain.access import Verb, require
from tracker.domain.directory import Actor, Role
from tracker.domain.errors import NotPermitted
from tracker.domain.zone import at_official, civil_now

WEEKS = 12
LOOKERS = frozenset({Role.MEMBER, Role.SECRETARIAT, Role.ADMINISTRATOR, Role.AGENCY_LEADER})


@dataclass(frozen=True)
class Point:
    """How many were overdue at the end of a day; the last point is of this moment."""

    day: date
    count: int


@dataclass(frozen=True)
class Overview:
    """Everything of one moment, read at once so that the figures agree."""

    standing: Standing
    trend: tuple[Point, ...]
    worst: tuple[Assignment, ...]
    due: tuple[Assignment, ...]
    week_ends_on: date


def moment_of(now: datetime) -> Moment:
    """The cut-off of this instant."""
    local = civil_now(now)
    return Moment(local.date(), local.time().replace(tzinfo=None), now)


def end_of(day: date) -> Moment:
    """The cut-off at the end of a day, as the lists of past days take it."""
    end = at_official(day + timedelta(days=1), time.min) - timedelta(microseconds=1)
    return Moment(day, time.max, end)


def sunday_of(day: date) -> date:
    """The last day of the week of `day`.

    >>> sunday_of(date(2025, 11, 24)), sunday_of(date(2025, 11, 30))
    (datetime.date(2025, 11, 30), datetime.date(2025, 11, 30))
    """
    return day + timedelta(days=7 - day.isoweekday())


def require_look(viewer: Actor) -> None:
    """Pass for whom the page is made. Raises NotPermitted."""
    require(viewer, Verb.EXPORT)
    if viewer.role not in LOOKERS:
        allowed = tuple(role.value for role in Role if role in LOOKERS)
        raise NotPermitted(verb=Verb.EXPORT.value, role=viewer.role.value, allowed=allowed)


async def overview(
    viewer: Actor, codes: Sequence[str], now: datetime, *, worst: int = 5, due: int = 7
) -> Overview:
    """The page of the agencies `codes`, or else of all in sight.

    Raises NotPermitted, and Invalid for an agency that is not known.
    """
    require_look(viewer)
    at = moment_of(now)
    sunday = sunday_of(at.day)
    weeks = [end_of(sunday - timedelta(weeks=back)) for back in range(WEEKS - 1, 0, -1)]
    async with transaction("repeatable_read", readonly=True):
        ids = await agency_ids_of(codes)
        standing = await db.count_standing(viewer, ids, at, sunday)
        counts = await db.count_overdue_at(viewer, ids, weeks)
        longest = await db.list_worst(viewer, ids, at, worst)
        coming = await db.list_due(viewer, ids, at, sunday, due)
    points = [Point(week.day, count) for week, count in zip(weeks, counts, strict=True)]
    return Overview(
        standing,
        (*points, Point(at.day, standing.overdue)),
        tuple(longest),
        tuple(coming),
        sunday,
    )


async def due_this_week(viewer: Actor, codes: Sequence[str], now: datetime, limit: int) -> list[Assignment]:
    """The list behind the figure of what falls due by Sunday, for the agencies `codes` or all in sight."""
    require_look(viewer)
    at = moment_of(now)
    return await db.list_due(viewer, await agency_ids_of(codes), at, sunday_of(at.day), limit)
