"""What the pages of settings count: deadlines on days, agencies that mail does not reach, how people were invited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.assignments import OPEN, RUNNING
from tracker.db.engine import fetch, fetchrow, fetchval
from tracker.db.lateness import LATE

_REACHED = """EXISTS (SELECT FROM official o WHERE o.agency_id = g.id AND o.is_active AND o.duty IS NOT NULL
              AND o.mailbox <> 'dead')"""
_EXISTS = "g.valid_from <= $1 AND (g.valid_to IS NULL OR g.valid_to >= $1)"


async def count_due_between(first: date, last: date) -> int:
    """Open assignments whose deadline falls on these days, both inclusive."""
    count: int = await fetchval(
        f"SELECT count(*) FROM assignment WHERE due_on BETWEEN $1 AND $2 AND state IN {OPEN}", first, last
    )
    return count


@dataclass(frozen=True, slots=True)
class Reach:
    """How many agencies exist, how many of them mail reaches nobody at, and how many of those have open work."""

    existing: int
    lacking: int
    lacking_with_work: int


async def count_reach(today: date) -> Reach:
    """Over all agencies that exist on a day."""
    row = await fetchrow(
        f"""
        SELECT count(*) AS existing, count(*) FILTER (WHERE NOT reached) AS lacking,
               count(*) FILTER (WHERE NOT reached AND busy) AS lacking_with_work
        FROM (SELECT {_REACHED} AS reached,
                     EXISTS (SELECT FROM assignment a WHERE a.agency_id = g.id AND a.state IN {OPEN}) AS busy
              FROM agency g WHERE {_EXISTS}) AS all_of_them
        """,
        today,
    )
    assert row is not None
    return Reach(*row.values())


@dataclass(frozen=True, slots=True)
class LastLetter:
    """When a mail server last took a letter for a person, and since when it has refused them; None: never."""

    official_id: int
    accepted_at: datetime | None
    refused_since: datetime | None


async def list_last_letters(official_ids: Sequence[int]) -> dict[int, LastLetter]:
    """By person."""
    rows = await fetch(
        """
        SELECT p.id, taken.at AS accepted_at,
               (SELECT min(t.at) FROM outbox o JOIN outbox_attempt t ON t.outbox_id = o.id
                WHERE o.recipient_id = p.id AND t.outcome = 'failed' AND (taken.at IS NULL OR t.at > taken.at))
                   AS refused_since
        FROM unnest($1::bigint[]) AS p (id)
        LEFT JOIN LATERAL (SELECT max(o.sent_at) AS at FROM outbox o WHERE o.recipient_id = p.id) AS taken ON true
        """,
        list(official_ids),
    )
    return {r["id"]: LastLetter(*r.values()) for r in rows}


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agency's tasks stand: open in all, past their deadline, awaiting confirmation."""

    open: int
    overdue: int
    waiting: int


async def list_standings(agency_ids: Sequence[int], now: datetime) -> dict[int, Standing]:
    """By agency, at a naive wall-clock instant of the official zone; none where nothing is open.

    What is late is late as the lists of tasks count it.
    """
    rows = await fetch(
        f"""
        SELECT a.agency_id, count(*) AS open, count(*) FILTER (WHERE a.state IN {RUNNING} AND ({LATE})) AS overdue,
               count(*) FILTER (WHERE a.state = 'reported') AS waiting
        FROM assignment a WHERE a.agency_id = ANY($3::bigint[]) AND a.state IN {OPEN} GROUP BY a.agency_id
        """,
        now.date(),
        now.time(),
        list(agency_ids),
    )
    return {r["agency_id"]: Standing(r["open"], r["overdue"], r["waiting"]) for r in rows}


@dataclass(frozen=True, slots=True)
class Invitation:
    """The latest invitation of a person; at most one of used and ended is given."""

    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    ended_at: datetime | None


async def find_invitation(official_id: int) -> Invitation | None:
    """None where nobody was invited, or it was long ago."""
    row = await fetchrow(
        """
        SELECT created_at, expires_at, used_at, ended_at FROM account_link
        WHERE official_id = $1 AND purpose IN ('invitation', 'first_admin') ORDER BY id DESC LIMIT 1
        """,
        official_id,
    )
    return None if row is None else Invitation(*row.values())
