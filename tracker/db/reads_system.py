"""What somebody who runs the service looks at: attempts, answers of the mail server, states, what is switched off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tracker.db.engine import fetch, fetchrow, fetchval


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a message that did not succeed, by the database's clock, with the mail server's words."""

    outbox_id: int
    at: datetime
    address: str
    outcome: str
    reply_code: int | None
    reply_text: str


async def list_attempts(outbox_id: int) -> list[Attempt]:
    """What was tried in vain with one message, oldest first."""
    rows = await fetch(
        "SELECT outbox_id, at, address, outcome, reply_code, reply_text FROM outbox_attempt"
        " WHERE outbox_id = $1 ORDER BY at",
        outbox_id,
    )
    return [Attempt(*row.values()) for row in rows]


async def list_refusals(limit: int) -> list[Attempt]:
    """What the mail server last refused, newest first."""
    rows = await fetch(
        "SELECT outbox_id, at, address, outcome, reply_code, reply_text FROM outbox_attempt ORDER BY at DESC LIMIT $1",
        limit,
    )
    return [Attempt(*row.values()) for row in rows]


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the mail server took, with its words."""

    outbox_id: int
    at: datetime
    address: str
    reply_code: int | None
    reply_text: str


async def list_taken(limit: int) -> list[Taken]:
    """What the mail server last took, newest first."""
    rows = await fetch(
        "SELECT id, sent_at, address, reply_code, reply_text FROM outbox WHERE sent_at IS NOT NULL"
        " ORDER BY sent_at DESC LIMIT $1",
        limit,
    )
    return [Taken(*row.values()) for row in rows]


async def count_agencies_with_dead_mailbox(on: date) -> int:
    """Agencies in being on a day where the mailbox of somebody in office refuses mail."""
    count: int = await fetchval(
        "SELECT count(*) FROM agency g WHERE g.valid_from <= $1 AND (g.valid_to IS NULL OR g.valid_to >= $1)"
        " AND EXISTS (SELECT FROM official o WHERE o.agency_id = g.id AND o.is_active AND o.mailbox = 'dead')",
        on,
    )
    return count


@dataclass(frozen=True, slots=True)
class Waiting:
    """What may leave now and has not: how many, and for how many seconds the first has been due.

    `held_back` are those whose time has not come: new urging letters, and what is tried again later.
    """

    due: int
    oldest_seconds: float
    held_back: int


async def waiting() -> Waiting:
    """The messages that wait, by the database's clock."""
    row = await fetchrow(
        "SELECT count(*) FILTER (WHERE next_attempt_at <= now()),"
        " coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)::float8,"
        " count(*) FILTER (WHERE next_attempt_at > now()) FROM outbox WHERE state = 'pending'"
    )
    assert row is not None  # an aggregate always answers
    due, oldest, held_back = row.values()
    return Waiting(due, max(0.0, oldest), held_back)


async def count_sent_since(moment: datetime) -> int:
    """How many messages the mail server took since then."""
    rows = await fetch("SELECT count(*) AS n FROM outbox WHERE sent_at >= $1", moment)
    count: int = rows[0]["n"]
    return count


@dataclass(frozen=True, slots=True)
class DisabledWebhook:
    """An address that is told nothing any more, whose, and why."""

    id: int
    owner_name: str
    description: str
    host: str
    reason: str
    disabled_at: datetime


async def list_disabled_webhooks(limit: int) -> list[DisabledWebhook]:
    """Webhooks that were switched off, the latest first; of an address only the host, the rest may be secret."""
    rows = await fetch(
        "SELECT w.id, o.full_name, w.description, split_part(split_part(w.url, '://', 2), '/', 1), w.reason,"
        " w.disabled_at FROM webhook w JOIN official o ON o.id = w.owner_id WHERE w.state = 'disabled'"
        " ORDER BY w.disabled_at DESC LIMIT $1",
        limit,
    )
    return [DisabledWebhook(*row.values()) for row in rows]


async def names_of(official_ids: Sequence[int]) -> dict[int, str]:
    """The names of these people."""
    rows = await fetch("SELECT id, full_name FROM official WHERE id = ANY($1::bigint[])", list(official_ids))
    return {row["id"]: row["full_name"] for row in rows}


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who may get a message instead of its recipient."""

    id: int
    name: str
    duty: str
    email: str


@dataclass(frozen=True, slots=True)
class RecipientOf:
    """Whom a message is for, as they stand now."""

    id: int
    name: str
    email: str
    agency_id: int | None
    agency_name: str
    is_dead: bool
    mailbox_reason: str
    row_version: int
    colleagues: tuple[Colleague, ...]


async def find_recipient(official_id: int) -> RecipientOf | None:
    """A recipient with those of the same agency who can be reached."""
    row = await fetchrow(
        "SELECT o.id, o.full_name, o.email, o.agency_id, coalesce(g.name, '') AS agency_name,"
        " o.mailbox = 'dead' AS is_dead, o.mailbox_reason, o.row_version, o.role"
        " FROM official o LEFT JOIN agency g ON g.id = o.agency_id WHERE o.id = $1",
        official_id,
    )
    if row is None:
        return None
    rows = await fetch(
        "SELECT id, full_name, duty, email FROM official WHERE id <> $1 AND is_active AND mailbox <> 'dead'"
        " AND duty IS NOT NULL AND agency_id IS NOT DISTINCT FROM $2 AND (agency_id IS NOT NULL OR role = $3)"
        " ORDER BY array_position('{focal,head_of_office,leader}', duty) NULLS LAST, contact_order, sort_key, id",
        official_id,
        row["agency_id"],
        row["role"],
    )
    return RecipientOf(
        id=row["id"],
        name=row["full_name"],
        email=row["email"],
        agency_id=row["agency_id"],
        agency_name=row["agency_name"],
        is_dead=row["is_dead"],
        mailbox_reason=row["mailbox_reason"],
        row_version=row["row_version"],
        colleagues=tuple(Colleague(*found.values()) for found in rows),
    )
