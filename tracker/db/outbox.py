"""The outbox: rendered messages, claimed under a lease with a fencing token, one commit per message.

Leases and due times are compared with the database's clock, because hosts may disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from tracker.db.engine import as_service, execute, fetch, fetchrow, fetchval
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor
from tracker.domain.errors import NotFound

LEASE = "interval '15 minutes'"
"""Longer than one send may last (two minutes, and ten for the answer after the final dot)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An assignment that a message speaks of, the deadline version it is true for, and the state it wants."""

    assignment_id: int
    deadline_version: int
    wants: str = "open"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A rendered message to be queued; `notify_key` makes a repetition harmless.

    `broken` is why it could not be rendered: it is kept as a failure that people see, and never sent.
    Before `hold_seconds` have passed nobody claims it, so that it can be taken back.
    """

    kind: str
    notify_key: str
    recipient_id: int | None
    address: str
    language: str
    message_id: str
    subject: str
    raw: bytes
    urgent: bool
    entries: tuple[Entry, ...]
    broken: str = ""
    hold_seconds: float = 0.0


async def reserve_ids(count: int) -> list[int]:
    """Ids for messages that are yet to be rendered: their return path and ledger rows carry them."""
    rows = await fetch(
        "SELECT nextval(pg_get_serial_sequence('outbox', 'id')) AS id FROM generate_series(1, $1)", count
    )
    return [r["id"] for r in rows]


@as_service()
async def insert_messages(messages: Sequence[tuple[int, NewMessage]], now: datetime) -> list[int]:
    """Queue (id, message) pairs; one whose key is queued already is passed over. The ids that are new."""
    rows = await fetch(
        """
        WITH added AS (
            INSERT INTO outbox (id, kind, notify_key, recipient_id, address, language, message_id, subject, raw,
                                urgent, reason, state, decided_at, next_attempt_at)
            OVERRIDING SYSTEM VALUE
            SELECT m.id, m.kind, m.key, m.recipient, m.address, m.language, m.message_id, m.subject, m.raw, m.urgent,
                   m.reason, CASE WHEN m.reason = '' THEN 'pending' ELSE 'failed' END, $1,
                   now() + make_interval(secs => m.hold)
            FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                        $9::text[], $10::bytea[], $11::bool[], $16::text[], $17::float8[])
                AS m (id, kind, key, recipient, address, language, message_id, subject, raw, urgent, reason, hold)
            ON CONFLICT (notify_key) DO NOTHING RETURNING id
        ), entries AS (
            INSERT INTO outbox_entry (outbox_id, assignment_id, deadline_version, wants)
            SELECT e.* FROM unnest($12::bigint[], $13::bigint[], $14::int[], $15::text[])
                AS e (outbox_id, assignment_id, deadline_version, wants) JOIN added ON added.id = e.outbox_id
        )
        SELECT id FROM added
        """,
        now,
        [i for i, _ in messages],
        [m.kind for _, m in messages],
        [m.notify_key for _, m in messages],
        [m.recipient_id for _, m in messages],
        [m.address for _, m in messages],
        [m.language for _, m in messages],
        [m.message_id for _, m in messages],
        [m.subject for _, m in messages],
        [m.raw for _, m in messages],
        [m.urgent for _, m in messages],
        [i for i, m in messages for _ in m.entries],
        [e.assignment_id for _, m in messages for e in m.entries],
        [e.deadline_version for _, m in messages for e in m.entries],
        [e.wants for _, m in messages for e in m.entries],
        [m.broken for _, m in messages],
        [m.hold_seconds for _, m in messages],
    )
    return [r["id"] for r in rows]


@as_service()
async def supersede_for(assignment_id: int, reason: str) -> frozenset[str]:
    """Take back queued messages that speak of this assignment alone; digests are mended when claimed.

    The kinds of what was taken back.
    """
    rows = await fetch(
        """
        UPDATE outbox o SET state = 'superseded', reason = $2
        WHERE o.state = 'pending'
          AND EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id AND e.assignment_id = $1
                      AND e.wants <> 'any')
          AND NOT EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id AND e.assignment_id <> $1)
        RETURNING o.kind
        """,
        assignment_id,
        reason,
    )
    return frozenset(r["kind"] for r in rows)


async def supersede_for_many(reasons: Mapping[int, str]) -> dict[int, frozenset[str]]:
    """As `supersede_for`, for each assignment with its reason; the kinds of what was taken back, by assignment."""
    rows = await fetch(
        """
        UPDATE outbox o SET state = 'superseded', reason = r.reason
        FROM unnest($1::bigint[], $2::text[]) AS r (assignment_id, reason)
        JOIN outbox_entry e ON e.assignment_id = r.assignment_id AND e.wants <> 'any'
        WHERE o.id = e.outbox_id AND o.state = 'pending'
          AND NOT EXISTS (SELECT 1 FROM outbox_entry f WHERE f.outbox_id = o.id AND f.assignment_id <> r.assignment_id)
        RETURNING r.assignment_id, o.kind
        """,
        list(reasons),
        list(reasons.values()),
    )
    kinds: dict[int, set[str]] = {}
    for row in rows:
        kinds.setdefault(row["assignment_id"], set()).add(row["kind"])
    return {assignment_id: frozenset(found) for assignment_id, found in kinds.items()}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message under lease; `first_attempt_at` and `attempts` are what the retry rule reads."""

    id: int
    kind: str
    notify_key: str
    recipient_id: int | None
    address: str
    raw: bytes
    attempts: int
    first_attempt_at: datetime
    lease_token: UUID
    maybe_duplicate: bool
    decided_at: datetime


async def reclaim_expired() -> int:
    """Put messages back whose worker is gone; they may have been sent, and say so."""
    return await execute(
        "UPDATE outbox SET state = 'pending', lease_token = NULL, lease_until = NULL, maybe_duplicate = true,"
        " next_attempt_at = now() WHERE state = 'sending' AND lease_until < now()"
    )


async def claim(limit: int) -> list[Claimed]:
    """Lease up to `limit` messages that are due, urgent and oldest first; rows another worker holds are skipped."""
    rows = await fetch(
        f"""
        UPDATE outbox SET state = 'sending', lease_token = gen_random_uuid(), lease_until = now() + {LEASE},
               attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, now())
        WHERE id IN (SELECT id FROM outbox WHERE state = 'pending' AND next_attempt_at <= now()
                     ORDER BY urgent DESC, next_attempt_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, notify_key, recipient_id, address, raw, attempts, first_attempt_at, lease_token,
                  maybe_duplicate, decided_at
        """,
        limit,
    )
    return sorted((Claimed(*r.values()) for r in rows), key=lambda m: m.id)


async def renew(message: Claimed) -> bool:
    """A whole lease from now on; False when it was lost, and the message is another worker's."""
    touched = await execute(
        f"UPDATE outbox SET lease_until = now() + {LEASE} WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
        message.id,
        message.lease_token,
    )
    return touched == 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether what a message says of one assignment still holds."""

    outbox_id: int
    assignment_id: int
    holds: bool


async def check_standing(ids: Sequence[int]) -> list[Standing]:
    """For each entry of these messages: same deadline version, wanted state, and a recipient still in office there.

    Who has moved to another agency is not told what was queued for the former one (attack case 51).
    """
    rows = await fetch(
        """
        SELECT e.outbox_id, e.assignment_id,
               (e.wants = 'any' OR (a.deadline_version = e.deadline_version AND
                CASE e.wants WHEN 'open' THEN a.state IN ('assigned', 'acknowledged', 'in_progress', 'returned')
                             WHEN 'reported' THEN a.state = 'reported' END))
               AND (f.id IS NULL OR f.is_active AND (
                    f.role NOT IN ('agency_officer', 'agency_leader') OR f.agency_id = a.agency_id
                    OR EXISTS (SELECT FROM mandate m WHERE m.official_id = f.id AND m.agency_id = a.agency_id
                               AND m.revoked_at IS NULL))) AS holds
        FROM outbox_entry e JOIN outbox o ON o.id = e.outbox_id JOIN assignment a ON a.id = e.assignment_id
        LEFT JOIN official f ON f.id = o.recipient_id
        WHERE e.outbox_id = ANY($1::bigint[])
        """,
        list(ids),
    )
    return [Standing(*r.values()) for r in rows]


async def mark_superseded(outbox_id: int, lease_token: UUID, reason: str) -> bool:
    """The message need not go any more."""
    return await _leave(outbox_id, lease_token, "state = 'superseded', reason = $3", reason)


async def mark_sent(outbox_id: int, lease_token: UUID, code: int, reply: str, now: datetime) -> bool:
    """The server has taken it; False when the lease was lost meanwhile (then it may go twice, and says so)."""
    return await _leave(
        outbox_id,
        lease_token,
        "state = 'sent', reply_code = $3, reply_text = $4, sent_at = $5",
        code,
        reply,
        now,
    )


async def mark_failed(outbox_id: int, lease_token: UUID, code: int | None, reply: str, reason: str) -> bool:
    """It will not be tried again; the server's words are kept."""
    return await _fall_short(
        outbox_id,
        lease_token,
        "state = 'failed', reply_code = $3, reply_text = $4, reason = $5",
        code,
        reply,
        reason,
    )


async def mark_retry(
    outbox_id: int,
    lease_token: UUID,
    wait_seconds: float,
    code: int | None,
    reply: str,
    maybe_duplicate: bool,
) -> bool:
    """Try again after `wait_seconds` by the database's clock."""
    return await _fall_short(
        outbox_id,
        lease_token,
        "state = 'pending', next_attempt_at = now() + make_interval(secs => $3), reply_code = $4, reply_text = $5,"
        " maybe_duplicate = maybe_duplicate OR $6",
        wait_seconds,
        code,
        reply,
        maybe_duplicate,
    )


async def release(claimed: Sequence[Claimed], wait_seconds: float = 0.0) -> None:
    """Give leases back unused: the attempt does not count."""
    await execute(
        "UPDATE outbox o SET state = 'pending', lease_token = NULL, lease_until = NULL, attempts = attempts - 1,"
        " next_attempt_at = now() + make_interval(secs => $3)"
        " FROM unnest($1::bigint[], $2::uuid[]) AS c (id, token)"
        " WHERE o.id = c.id AND o.lease_token = c.token AND o.state = 'sending'",
        [c.id for c in claimed],
        [c.lease_token for c in claimed],
        wait_seconds,
    )


async def _fall_short(outbox_id: int, lease_token: UUID, changes: str, *values: object) -> bool:
    """As `_leave`, and the attempt is remembered: a later one writes over the words that stand with the message."""
    touched = await execute(
        f"""
        WITH gone AS (
            UPDATE outbox SET lease_token = NULL, lease_until = NULL, {changes}
            WHERE id = $1 AND lease_token = $2 AND state = 'sending'
            RETURNING id, address, state, reply_code, reply_text
        )
        INSERT INTO outbox_attempt (outbox_id, address, outcome, reply_code, reply_text)
        SELECT id, address, CASE state WHEN 'failed' THEN 'failed' ELSE 'retry' END, reply_code, reply_text FROM gone
        """,
        outbox_id,
        lease_token,
        *values,
    )
    return touched == 1


async def _leave(outbox_id: int, lease_token: UUID, changes: str, *values: object) -> bool:
    touched = await execute(
        f"UPDATE outbox SET lease_token = NULL, lease_until = NULL, {changes}"
        " WHERE id = $1 AND lease_token = $2 AND state = 'sending'",
        outbox_id,
        lease_token,
        *values,
    )
    return touched == 1


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as the registry shows it, without its bytes."""

    id: int
    kind: str
    recipient_id: int | None
    recipient_name: str
    address: str
    subject: str
    state: str
    attempts: int
    maybe_duplicate: bool
    reply_code: int | None
    reply_text: str
    reason: str
    message_id: str
    decided_at: datetime
    sent_at: datetime | None


async def list_messages_about(viewer: Actor, assignment_id: int) -> list[MessageRow]:
    """Every message that speaks of one assignment, oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT o.id, o.kind, o.recipient_id, coalesce(f.full_name, '') AS recipient_name, o.address, o.subject,
               o.state, o.attempts, o.maybe_duplicate, o.reply_code, o.reply_text, o.reason, o.message_id,
               o.decided_at, o.sent_at
        FROM outbox_entry e JOIN outbox o ON o.id = e.outbox_id JOIN assignment a ON a.id = e.assignment_id
        LEFT JOIN official f ON f.id = o.recipient_id
        WHERE e.assignment_id = $1 AND {condition} ORDER BY o.decided_at, o.id
        """,
        assignment_id,
        *arguments,
    )
    return [MessageRow(*r.values()) for r in rows]


async def entries_of(outbox_id: int) -> list[Entry]:
    """What a message speaks of."""
    rows = await fetch(
        "SELECT assignment_id, deadline_version, wants FROM outbox_entry WHERE outbox_id = $1 ORDER BY assignment_id",
        outbox_id,
    )
    return [Entry(*r.values()) for r in rows]


async def seconds_since_first_attempt(outbox_id: int) -> timedelta:
    """How long this message has been tried, by the database's clock."""
    elapsed: timedelta = await fetchval(
        "SELECT now() - first_attempt_at FROM outbox WHERE id = $1", outbox_id
    )
    return elapsed


async def subject_of(outbox_id: int) -> str:
    """The subject of one message, for telling somebody that it did not arrive."""
    subject: str | None = await fetchval("SELECT subject FROM outbox WHERE id = $1", outbox_id)
    return subject or ""


# -- the outbox as operators see it ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """Which messages; None does not ask."""

    state: str | None = None
    kind: str | None = None
    recipient_id: int | None = None
    assignment_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message with its way so far; `is_rendered` is false for one that could never be made into a mail."""

    id: int
    kind: str
    state: str
    recipient_id: int | None
    recipient_name: str
    address: str
    language: str
    subject: str
    urgent: bool
    message_id: str
    attempts: int
    first_attempt_at: datetime | None
    next_attempt_at: datetime
    maybe_duplicate: bool
    reply_code: int | None
    reply_text: str
    reason: str
    decided_at: datetime
    sent_at: datetime | None
    is_rendered: bool


_STORED = """
SELECT o.id, o.kind, o.state, o.recipient_id, coalesce(f.full_name, '') AS recipient_name, o.address, o.language,
       o.subject, o.urgent, o.message_id, o.attempts, o.first_attempt_at, o.next_attempt_at, o.maybe_duplicate,
       o.reply_code, o.reply_text, o.reason, o.decided_at, o.sent_at, octet_length(o.raw) > 0 AS is_rendered
FROM outbox o LEFT JOIN official f ON f.id = o.recipient_id
"""


def _matching(wanted: OutboxFilter) -> tuple[list[str], list[object]]:
    """The conditions of a filter; each scope has a text of its own, so that the planner sees the index it has."""
    conditions: list[str] = []
    arguments: list[object] = []
    for column, value in (
        ("o.state", wanted.state),
        ("o.kind", wanted.kind),
        ("o.recipient_id", wanted.recipient_id),
    ):
        if value is not None:
            arguments.append(value)
            conditions.append(f"{column} = ${len(arguments)}")
    if wanted.assignment_id is not None:
        arguments.append(wanted.assignment_id)
        conditions.append(
            f"o.id IN (SELECT e.outbox_id FROM outbox_entry e WHERE e.assignment_id = ${len(arguments)})"
        )
    return conditions, arguments


async def list_stored(wanted: OutboxFilter, limit: int, before_id: int | None = None) -> list[StoredMessage]:
    """Messages, newest first; `before_id` goes on after that message."""
    conditions, arguments = _matching(wanted)
    if before_id is not None:
        arguments.append(before_id)
        conditions.append(f"o.id < ${len(arguments)}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    arguments.append(limit)
    rows = await fetch(f"{_STORED} {where} ORDER BY o.id DESC LIMIT ${len(arguments)}", *arguments)
    return [StoredMessage(*r.values()) for r in rows]


async def lock_returnable(
    wanted: OutboxFilter, limit: int, *, except_kinds: Sequence[str] = ()
) -> tuple[list[StoredMessage], int]:
    """The first messages that failed or are held, oldest first and locked; and how many there are in all."""
    conditions, arguments = _matching(wanted)
    arguments.append(list(except_kinds))
    kinds = f"o.kind <> ALL(${len(arguments)}::text[])"
    where = " AND ".join(["o.state IN ('failed', 'held')", kinds, *conditions])
    total: int = await fetchval(f"SELECT count(*) FROM outbox o WHERE {where}", *arguments)
    rows = await fetch(
        f"{_STORED} WHERE {where} ORDER BY o.id LIMIT ${len(arguments) + 1} FOR UPDATE OF o",
        *arguments,
        limit,
    )
    return [StoredMessage(*r.values()) for r in rows], total


async def get_stored(outbox_id: int, *, lock: bool = False) -> StoredMessage:
    """One message. Raises NotFound."""
    tail = " FOR UPDATE OF o" if lock else ""
    rows = await fetch(f"{_STORED} WHERE o.id = $1{tail}", outbox_id)
    if not rows:
        raise NotFound(noun="message", id=outbox_id)
    return StoredMessage(*rows[0].values())


async def raw_of(outbox_id: int) -> bytes:
    """The bytes that were or will be sent."""
    raw: bytes | None = await fetchval("SELECT raw FROM outbox WHERE id = $1", outbox_id)
    return raw or b""


async def mark_pending_again(
    ids: Sequence[int], address: str | None = None, recipient_id: int | None = None
) -> frozenset[int]:
    """Failed and held messages go out once more, with the same Message-ID; the ids of those that do."""
    rows = await fetch(
        """
        UPDATE outbox SET state = 'pending', next_attempt_at = now(), attempts = 0, first_attempt_at = NULL,
               reason = '', address = coalesce($2, address), recipient_id = coalesce($3, recipient_id)
        WHERE id = ANY($1::bigint[]) AND state IN ('failed', 'held') AND octet_length(raw) > 0
        RETURNING id
        """,
        list(ids),
        address,
        recipient_id,
    )
    return frozenset(r["id"] for r in rows)


async def list_entries(ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The assignments that each of these messages speaks of."""
    rows = await fetch(
        "SELECT outbox_id, array_agg(assignment_id ORDER BY assignment_id) AS assignments FROM outbox_entry"
        " WHERE outbox_id = ANY($1::bigint[]) GROUP BY outbox_id",
        list(ids),
    )
    return {r["outbox_id"]: tuple(r["assignments"]) for r in rows}


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not left: how many by state, and since when the oldest that may go waits."""

    pending: int
    sending: int
    failed: int
    held: int
    oldest_at: datetime | None


async def has_waiting() -> bool:
    """Whether any message is yet to leave."""
    found: bool = await fetchval("SELECT EXISTS (SELECT FROM outbox WHERE state IN ('pending', 'sending'))")
    return found


async def is_never_used() -> bool:
    """Whether no message was ever queued here."""
    found: bool = await fetchval("SELECT NOT EXISTS (SELECT FROM outbox)")
    return found


async def backlog() -> Backlog:
    """The messages that have not left."""
    row = await fetchrow(
        """
        SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'sending'),
               count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'held'),
               min(decided_at) FILTER (WHERE state = 'pending')
        FROM outbox WHERE state IN ('pending', 'sending', 'failed', 'held')
        """
    )
    assert row is not None  # an aggregate always answers
    return Backlog(*row.values())
