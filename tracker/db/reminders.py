"""The ledger: what was decided about each reminder, whatever became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tracker.db.engine import as_service, execute, fetch
from tracker.db.visibility import visible_to
from tracker.domain.directory import Actor


@dataclass(frozen=True, slots=True)
class NewReminder:
    """A decision to be written; `outbox_id` is the message that carries it, None where nothing is sent."""

    assignment_id: int
    step_code: str
    occurrence: int
    deadline_version: int
    recipient_id: int | None
    is_copy: bool
    verdict: str
    reason: str
    moment: datetime
    outbox_id: int | None = None


@as_service()
async def insert_reminders(rows: Sequence[NewReminder], now: datetime) -> int:
    """Write decisions; one that stands already is passed over. How many were new."""
    return await execute(
        """
        INSERT INTO reminder (assignment_id, step_code, occurrence, deadline_version, recipient_id, is_copy, verdict,
                              reason, moment, outbox_id, channel, decided_at)
        SELECT r.*, CASE WHEN r.outbox_id IS NULL THEN 'none' ELSE 'mail' END, $1
        FROM unnest($2::bigint[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::bool[], $8::text[], $9::text[],
                    $10::timestamptz[], $11::bigint[])
            AS r (assignment_id, step_code, occurrence, deadline_version, recipient_id, is_copy, verdict, reason,
                  moment, outbox_id)
        ON CONFLICT ON CONSTRAINT reminder_once DO NOTHING
        """,
        now,
        [r.assignment_id for r in rows],
        [r.step_code for r in rows],
        [r.occurrence for r in rows],
        [r.deadline_version for r in rows],
        [r.recipient_id for r in rows],
        [r.is_copy for r in rows],
        [r.verdict for r in rows],
        [r.reason for r in rows],
        [r.moment for r in rows],
        [r.outbox_id for r in rows],
    )


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told of a step: the key under which the ledger knows it."""

    assignment_id: int
    step_code: str
    occurrence: int
    deadline_version: int
    recipient_id: int


async def list_told(assignment_ids: Sequence[int]) -> frozenset[Told]:
    """What the ledger holds as sent for these assignments."""
    rows = await fetch(
        "SELECT assignment_id, step_code, occurrence, deadline_version, recipient_id FROM reminder"
        " WHERE assignment_id = ANY($1::bigint[]) AND verdict = 'sent'",
        list(assignment_ids),
    )
    return frozenset(Told(*r.values()) for r in rows)


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A decision with what became of its message; `reply_*` are the mail server's words."""

    id: int
    assignment_id: int
    step_code: str
    occurrence: int
    deadline_version: int
    recipient_id: int | None
    recipient_name: str
    recipient_duty: str | None
    is_copy: bool
    verdict: str
    reason: str
    moment: datetime
    decided_at: datetime
    outbox_id: int | None
    message_state: str | None
    message_address: str | None
    message_subject: str | None
    sent_at: datetime | None
    reply_code: int | None
    reply_text: str | None
    maybe_duplicate: bool | None


async def list_reminders(viewer: Actor, assignment_id: int) -> list[ReminderRow]:
    """Every decision about one assignment, oldest first."""
    condition, arguments = visible_to(viewer, "a", first=2)
    rows = await fetch(
        f"""
        SELECT r.id, r.assignment_id, r.step_code, r.occurrence, r.deadline_version, r.recipient_id,
               coalesce(f.full_name, '') AS recipient_name, f.duty AS recipient_duty, r.is_copy, r.verdict, r.reason,
               r.moment, r.decided_at, r.outbox_id, o.state AS message_state, o.address AS message_address,
               o.subject AS message_subject, o.sent_at, o.reply_code, o.reply_text, o.maybe_duplicate
        FROM reminder r JOIN assignment a ON a.id = r.assignment_id
        LEFT JOIN official f ON f.id = r.recipient_id LEFT JOIN outbox o ON o.id = r.outbox_id
        WHERE r.assignment_id = $1 AND {condition} ORDER BY r.decided_at, r.moment, r.id
        """,
        assignment_id,
        *arguments,
    )
    return [ReminderRow(*r.values()) for r in rows]


@dataclass(frozen=True, slots=True)
class Carried:
    """A step that a message carries, for rendering the message anew."""

    assignment_id: int
    step_code: str
    occurrence: int
    deadline_version: int
    moment: datetime


async def list_carried(outbox_id: int) -> list[Carried]:
    """The ledger rows that a digest carries."""
    rows = await fetch(
        "SELECT assignment_id, step_code, occurrence, deadline_version, moment FROM reminder"
        " WHERE outbox_id = $1 ORDER BY assignment_id, step_code",
        outbox_id,
    )
    return [Carried(*r.values()) for r in rows]


@as_service()
async def move_carried(from_outbox: int, to_outbox: int, assignment_ids: Sequence[int]) -> int:
    """These ledger rows are carried by another message now."""
    return await execute(
        "UPDATE reminder SET outbox_id = $2 WHERE outbox_id = $1 AND assignment_id = ANY($3::bigint[])",
        from_outbox,
        to_outbox,
        list(assignment_ids),
    )


@as_service()
async def drop_carried(outbox_id: int, reason: str) -> int:
    """What this message still carried is not sent after all; the ledger says why."""
    return await execute(
        "UPDATE reminder SET verdict = 'superseded', reason = $2 WHERE outbox_id = $1 AND verdict = 'sent'",
        outbox_id,
        reason,
    )


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who holds an invitation for an assignment's deadline."""

    assignment_id: int
    official_id: int
    sequence: int
    state: str


@as_service()
async def list_invited(assignment_ids: Sequence[int]) -> list[Invited]:
    """Who holds an invitation that has not been cancelled."""
    rows = await fetch(
        "SELECT assignment_id, official_id, sequence, state FROM invitation"
        " WHERE assignment_id = ANY($1::bigint[]) AND state = 'requested' ORDER BY assignment_id, official_id",
        list(assignment_ids),
    )
    return [Invited(*r.values()) for r in rows]


@as_service()
async def put_invitations(rows: Sequence[tuple[int, int, int, str, int]]) -> None:
    """Remember (assignment, official, sequence, state, outbox id) of invitations and cancellations queued."""
    await execute(
        """
        INSERT INTO invitation (assignment_id, official_id, sequence, state, outbox_id)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::bigint[])
        ON CONFLICT (assignment_id, official_id)
        DO UPDATE SET sequence = excluded.sequence, state = excluded.state, outbox_id = excluded.outbox_id
        """,
        [r[0] for r in rows],
        [r[1] for r in rows],
        [r[2] for r in rows],
        [r[3] for r in rows],
        [r[4] for r in rows],
    )
