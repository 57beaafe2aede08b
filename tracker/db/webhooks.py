"""Webhooks: events written with the change, shared out to who may see them, delivered under a lease.

Leases and due times are compared with the database's clock, because hosts may disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound

LEASE = "interval '1 minute'"
"""Four times as long as one attempt may last."""

Signing = Literal["v1", "v1a"]


@dataclass(frozen=True)
class Webhook:
    """An address that wants to hear of events of these kinds; the secrets are not here."""

    id: int
    owner_id: int
    url: str
    description: str
    kinds: tuple[str, ...]
    signing: Signing
    public_key: str
    former_until: datetime | None
    state: str
    reason: str
    disabled_at: datetime | None
    row_version: int
    created_at: datetime
    changed_at: datetime


_COLUMNS = (
    "w.id, w.owner_id, w.url, w.description, w.kinds, w.signing, w.public_key, w.former_until, w.state, w.reason,"
    " w.disabled_at, w.row_version, w.created_at, w.changed_at"
)


def _webhook(row: Record) -> Webhook:
    return Webhook(**{**row, "kinds": tuple(row["kinds"])})


def _owned(viewer: Actor) -> tuple[str, list[object]]:
    """Everybody sees their own webhooks; the system sees all."""
    return ("true", []) if viewer.is_system else ("w.owner_id = $1", [viewer.official_id])


async def insert_webhook(
    owner_id: int,
    *,
    url: str,
    description: str,
    kinds: Sequence[str],
    signing: Signing,
    public_key: str,
    secret: bytes,
    now: datetime,
) -> int:
    """A new webhook; its id. `secret` is sealed."""
    webhook_id: int = await fetchval(
        """
        INSERT INTO webhook (owner_id, url, description, kinds, signing, public_key, secret, created_at, changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING id
        """,
        owner_id,
        url,
        description,
        list(kinds),
        signing,
        public_key,
        secret,
        now,
    )
    return webhook_id


async def count_webhooks(owner_id: int) -> int:
    """How many webhooks an official has."""
    count: int = await fetchval("SELECT count(*) FROM webhook WHERE owner_id = $1", owner_id)
    return count


async def list_webhooks(viewer: Actor) -> list[Webhook]:
    """The viewer's webhooks, newest first."""
    condition, arguments = _owned(viewer)
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM webhook w WHERE {condition} ORDER BY w.id DESC LIMIT 500", *arguments
    )
    return [_webhook(row) for row in rows]


async def get_webhook(viewer: Actor, webhook_id: int) -> Webhook:
    """One of the viewer's webhooks. Raises NotFound."""
    condition, arguments = _owned(viewer)
    row = await fetchrow(
        f"SELECT {_COLUMNS} FROM webhook w WHERE {condition} AND w.id = ${len(arguments) + 1}",
        *arguments,
        webhook_id,
    )
    if row is None:
        raise NotFound(noun="webhook", id=webhook_id)
    return _webhook(row)


async def update_webhook(
    webhook_id: int,
    version: int,
    *,
    url: str,
    description: str,
    kinds: Sequence[str],
    state: str,
    now: datetime,
) -> bool:
    """Set what the owner may set; False when somebody was first."""
    touched = await execute(
        """
        UPDATE webhook SET url = $3, description = $4, kinds = $5, state = $6, row_version = row_version + 1,
               disabled_at = CASE WHEN $6 = 'disabled' THEN coalesce(disabled_at, $7) END,
               reason = CASE WHEN $6 = 'active' THEN '' WHEN state = 'active' THEN 'owner' ELSE reason END,
               changed_at = $7
        WHERE id = $1 AND row_version = $2
        """,
        webhook_id,
        version,
        url,
        description,
        list(kinds),
        state,
        now,
    )
    return touched == 1


async def rotate_secret(
    webhook_id: int, version: int, secret: bytes, public_key: str, former_until: datetime, now: datetime
) -> bool:
    """A new secret; the present one signs beside it until `former_until`. False when somebody was first."""
    touched = await execute(
        """
        UPDATE webhook SET former_secret = secret, former_until = $5, secret = $3, public_key = $4,
               row_version = row_version + 1, changed_at = $6
        WHERE id = $1 AND row_version = $2
        """,
        webhook_id,
        version,
        secret,
        public_key,
        former_until,
        now,
    )
    return touched == 1


async def list_secrets() -> list[bytes]:
    """Every sealed secret of an active webhook."""
    return [row["secret"] for row in await fetch("SELECT secret FROM webhook WHERE state = 'active'")]


async def replace_secret(webhook_id: int, before: bytes, after: bytes) -> bool:
    """The same secret under another key of the service; False when it was replaced or removed meanwhile."""
    touched = await execute(
        "UPDATE webhook SET secret = $3 WHERE id = $1 AND secret = $2", webhook_id, before, after
    )
    return touched == 1


async def delete_webhook(webhook_id: int, version: int) -> bool:
    """Remove a webhook with its deliveries; False when somebody was first."""
    return await execute("DELETE FROM webhook WHERE id = $1 AND row_version = $2", webhook_id, version) == 1


async def mark_disabled(webhook_id: int, reason: str, now: datetime) -> bool:
    """Switch a webhook off and give up what waits for it; False when it was off already."""
    touched = await execute(
        """
        UPDATE webhook SET state = 'disabled', reason = $2, disabled_at = $3, changed_at = $3,
               row_version = row_version + 1
        WHERE id = $1 AND state = 'active'
        """,
        webhook_id,
        reason,
        now,
    )
    await give_up_pending(webhook_id, now)
    return touched == 1


async def give_up_pending(webhook_id: int, now: datetime) -> None:
    """What waits for a webhook that was switched off is not sent; it can be replayed."""
    await execute(
        "UPDATE webhook_delivery SET row_version = row_version + 1, state = 'failed', finished_at = $2,"
        " reason = 'webhook_disabled' WHERE webhook_id = $1 AND state = 'pending'",
        webhook_id,
        now,
    )


async def list_of_departed() -> list[int]:
    """Active webhooks whose owners have been switched off."""
    rows = await fetch(
        "SELECT w.id FROM webhook w JOIN official o ON o.id = w.owner_id"
        " WHERE w.state = 'active' AND NOT o.is_active"
    )
    return [row["id"] for row in rows]


# -- events --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, from the history or from the ledger of reminders.

    `source` names the row; a step that several people are reminded of is one event.
    """

    source: str
    at: datetime
    verb: str
    detail: Mapping[str, object]
    directive_id: int | None
    assignment_id: int | None


async def take_events(limit: int) -> list[Event]:
    """Take the oldest events out of the queue, for good once the transaction commits; held ones are skipped."""
    rows = await fetch(
        """
        WITH taken AS (
            DELETE FROM webhook_event WHERE id IN
                (SELECT id FROM webhook_event ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING id, history_id, reminder_id
        )
        SELECT t.id, 'history-' || h.id AS source, h.at, h.verb, h.detail::text AS detail, h.directive_id,
               h.assignment_id
        FROM taken t JOIN history h ON h.id = t.history_id
        UNION ALL
        SELECT t.id, concat_ws('-', 'reminder', r.assignment_id, r.step_code, r.occurrence, r.deadline_version),
               r.decided_at, 'remind',
               jsonb_build_object('step', r.step_code, 'occurrence', r.occurrence)::text, a.directive_id, a.id
        FROM taken t JOIN reminder r ON r.id = t.reminder_id JOIN assignment a ON a.id = r.assignment_id
        ORDER BY 1
        """,
        limit,
    )
    return [
        Event(
            source=row["source"],
            at=row["at"],
            verb=row["verb"],
            detail=json.loads(row["detail"]),
            directive_id=row["directive_id"],
            assignment_id=row["assignment_id"],
        )
        for row in rows
    ]


async def list_listeners() -> list[Webhook]:
    """Every active webhook of an official in office."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM webhook w JOIN official o ON o.id = w.owner_id"
        " WHERE w.state = 'active' AND o.is_active ORDER BY w.id"
    )
    return [_webhook(row) for row in rows]


@dataclass(frozen=True, slots=True)
class AssignmentFacts:
    """What a webhook may say of an assignment: no title, so that a restricted task gives nothing away."""

    id: int
    task_id: int
    directive_id: int
    directive_number: str
    agency_code: str
    part: str
    state: str
    due_on: date | None
    due_time: time | None
    row_version: int


async def list_facts(viewer: Actor, assignment_ids: Sequence[int]) -> dict[int, AssignmentFacts]:
    """Those of the assignments that `viewer` may know of, as they stand, by id."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT a.id, a.task_id, a.directive_id, d.number, g.code, a.part, a.state, a.due_on, a.due_time, a.row_version
        FROM assignment a JOIN directive d ON d.id = a.directive_id JOIN agency g ON g.id = a.agency_id
        WHERE a.id = ANY($1::bigint[]) AND {condition}
        """,
        list(assignment_ids),
        *arguments,
    )
    return {row["id"]: AssignmentFacts(*row.values()) for row in rows}


async def list_directive_numbers(viewer: Actor, directive_ids: Sequence[int]) -> dict[int, str]:
    """The numbers of those directives in which `viewer` may know of an assignment, by id."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT d.id, d.number FROM directive d WHERE d.id = ANY($1::bigint[])
          AND EXISTS (SELECT 1 FROM assignment a WHERE a.directive_id = d.id AND {condition})
        """,
        list(directive_ids),
        *arguments,
    )
    return {row["id"]: row["number"] for row in rows}


# -- deliveries ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An event for one webhook; `event` is unique there and makes a repetition harmless."""

    webhook_id: int
    message_id: str
    kind: str
    event: str
    assignment_id: int | None
    directive_id: int | None
    payload: str


async def insert_deliveries(deliveries: Sequence[NewDelivery], now: datetime) -> list[int]:
    """Queue deliveries; one that is there already is passed over. The ids of the new ones."""
    rows = await fetch(
        """
        INSERT INTO webhook_delivery (webhook_id, message_id, kind, event, assignment_id, directive_id, payload,
                                      created_at)
        SELECT d.*, $1 FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                                   $8::text[]) AS d
        ON CONFLICT ON CONSTRAINT webhook_delivery_once DO NOTHING RETURNING id
        """,
        now,
        [d.webhook_id for d in deliveries],
        [d.message_id for d in deliveries],
        [d.kind for d in deliveries],
        [d.event for d in deliveries],
        [d.assignment_id for d in deliveries],
        [d.directive_id for d in deliveries],
        [d.payload for d in deliveries],
    )
    return [row["id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under lease, with what its webhook says at this moment; the secrets are sealed."""

    id: int
    webhook_id: int
    owner_id: int
    message_id: str
    kind: str
    assignment_id: int | None
    directive_id: int | None
    payload: str
    attempts: int
    lease_token: UUID
    url: str
    signing: Signing
    secret: bytes
    former_secret: bytes | None


async def reclaim_expired() -> int:
    """Put back deliveries whose worker is gone: they may have arrived, and carry the same webhook-id again."""
    return await execute(
        "UPDATE webhook_delivery SET state = 'pending', lease_token = NULL, lease_until = NULL,"
        " row_version = row_version + 1, next_attempt_at = now() WHERE state = 'sending' AND lease_until < now()"
    )


async def claim(limit: int, busy: Sequence[int]) -> list[Claimed]:
    """Lease the next due delivery of each active webhook that is not `busy`, at most `limit` in all."""
    rows = await fetch(
        f"""
        WITH due AS (
            SELECT d.id FROM webhook w CROSS JOIN LATERAL (
                SELECT id, next_attempt_at FROM webhook_delivery
                WHERE webhook_id = w.id AND state = 'pending' AND next_attempt_at <= now()
                ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) d
            WHERE w.state = 'active' AND w.id <> ALL($2::bigint[]) ORDER BY d.next_attempt_at LIMIT $1
        ), leased AS (
            UPDATE webhook_delivery SET state = 'sending', lease_token = gen_random_uuid(),
                   lease_until = now() + {LEASE}, attempts = attempts + 1, attempted_at = now(),
                   row_version = row_version + 1
            WHERE id IN (SELECT id FROM due) RETURNING *
        )
        SELECT l.id, l.webhook_id, w.owner_id, l.message_id, l.kind, l.assignment_id, l.directive_id, l.payload,
               l.attempts, l.lease_token, w.url, w.signing, w.secret,
               CASE WHEN w.former_until > now() THEN w.former_secret END AS former_secret
        FROM leased l JOIN webhook w ON w.id = l.webhook_id ORDER BY l.id
        """,
        limit,
        list(busy),
    )
    return [Claimed(*row.values()) for row in rows]


async def mark_sent(
    delivery_id: int, lease_token: UUID, status: int | None, answer: str, now: datetime
) -> bool:
    """The receiver has taken it; False when the lease was lost meanwhile."""
    return await _leave(
        delivery_id,
        lease_token,
        "state = 'sent', reason = '', status = $3, answer = $4, finished_at = $5",
        status,
        answer,
        now,
    )


async def mark_retry(
    delivery_id: int, lease_token: UUID, wait: timedelta, status: int | None, answer: str, reason: str
) -> bool:
    """Try again after `wait` by the database's clock."""
    return await _leave(
        delivery_id,
        lease_token,
        "state = 'pending', next_attempt_at = now() + $3::interval, status = $4, answer = $5, reason = $6",
        wait,
        status,
        answer,
        reason,
    )


async def mark_failed(
    delivery_id: int, lease_token: UUID, status: int | None, answer: str, reason: str, now: datetime
) -> bool:
    """It will not be tried again by itself."""
    return await _leave(
        delivery_id,
        lease_token,
        "state = 'failed', status = $3, answer = $4, reason = $5, finished_at = $6",
        status,
        answer,
        reason,
        now,
    )


async def mark_superseded(delivery_id: int, lease_token: UUID, reason: str, now: datetime) -> bool:
    """It may not go any more: the owner no longer sees what it is about."""
    return await _leave(
        delivery_id, lease_token, "state = 'superseded', reason = $3, finished_at = $4", reason, now
    )


async def _leave(delivery_id: int, lease_token: UUID, changes: str, *values: object) -> bool:
    touched = await execute(
        f"UPDATE webhook_delivery SET lease_token = NULL, lease_until = NULL, row_version = row_version + 1,"
        f" {changes}"
        " WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
        delivery_id,
        lease_token,
        *values,
    )
    return touched == 1


@dataclass(frozen=True)
class Delivery:
    """What became of an event on its way to a webhook.

    `payload` is None where it tells of something that the viewer may not know of any more.
    """

    id: int
    webhook_id: int
    message_id: str
    kind: str
    payload: str | None
    state: str
    attempts: int
    next_attempt_at: datetime
    status: int | None
    answer: str
    reason: str
    row_version: int
    created_at: datetime
    attempted_at: datetime | None
    finished_at: datetime | None


def _deliveries(viewer: Actor, first: int) -> tuple[str, list[object]]:
    """SELECT for Delivery, its arguments numbered from `$first`.

    A message tells of an assignment, else of a directive, else of neither, as `why_not` sees it before each sending.
    """
    seen, arguments = visible_to(viewer, "a", first=first)
    select = f"""
        SELECT d.id, d.webhook_id, d.message_id, d.kind,
               CASE WHEN CASE
                   WHEN d.assignment_id IS NOT NULL
                       THEN EXISTS (SELECT FROM assignment a WHERE a.id = d.assignment_id AND {seen})
                   WHEN d.directive_id IS NOT NULL
                       THEN EXISTS (SELECT FROM assignment a WHERE a.directive_id = d.directive_id AND {seen})
                   ELSE true END THEN d.payload END AS payload,
               d.state, d.attempts, d.next_attempt_at, d.status, d.answer, d.reason, d.row_version, d.created_at,
               d.attempted_at, d.finished_at
        FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id
    """
    return select, arguments


async def list_deliveries(
    viewer: Actor, webhook_id: int, state: str | None, before_id: int | None, limit: int
) -> list[Delivery]:
    """Deliveries of one of the viewer's webhooks, newest first, in a state if one is given."""
    condition, arguments = _owned(viewer)
    select, seen = _deliveries(viewer, len(arguments) + 1)
    arguments += seen
    first = len(arguments)
    rows = await fetch(
        f"""
        {select}
        WHERE {condition} AND d.webhook_id = ${first + 1} AND (${first + 2}::text IS NULL OR d.state = ${first + 2})
          AND (${first + 3}::bigint IS NULL OR d.id < ${first + 3})
        ORDER BY d.id DESC LIMIT ${first + 4}
        """,
        *arguments,
        webhook_id,
        state,
        before_id,
        limit,
    )
    return [Delivery(*row.values()) for row in rows]


async def get_delivery(viewer: Actor, delivery_id: int) -> Delivery:
    """One delivery to one of the viewer's webhooks. Raises NotFound."""
    condition, arguments = _owned(viewer)
    select, seen = _deliveries(viewer, len(arguments) + 1)
    arguments += seen
    row = await fetchrow(
        f"{select} WHERE {condition} AND d.id = ${len(arguments) + 1}", *arguments, delivery_id
    )
    if row is None:
        raise NotFound(noun="delivery", id=delivery_id)
    return Delivery(*row.values())


async def mark_to_replay(delivery_id: int) -> bool:
    """Send a finished delivery once more, under the same webhook-id; False when it is still under way."""
    touched = await execute(
        """
        UPDATE webhook_delivery SET state = 'pending', attempts = 0, next_attempt_at = now(), finished_at = NULL,
               reason = '', row_version = row_version + 1
        WHERE id = $1 AND state IN ('sent', 'failed', 'superseded')
        """,
        delivery_id,
    )
    return touched == 1


async def prune_deliveries(older_than: timedelta, limit: int) -> int:
    """Forget deliveries that ended long ago; how many."""
    return await execute(
        "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery"
        " WHERE finished_at < now() - $1::interval ORDER BY finished_at LIMIT $2)",
        older_than,
        limit,
    )
