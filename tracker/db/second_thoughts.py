"""What holds the letters about a decision for a moment, and what takes the decision back with all that followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tracker.db.engine import as_service, execute, fetch

# Messages that speak of this assignment and of no other.
_ALONE = """EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id AND e.assignment_id = $1)
          AND NOT EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id AND e.assignment_id <> $1)"""


@as_service()
async def hold_letters(assignment_id: int, kind: str, decided_at: datetime, hold: timedelta) -> int:
    """Let the letters of `kind` that were queued at `decided_at` wait for `hold`; how many do."""
    return await execute(
        f"""
        UPDATE outbox o SET next_attempt_at = now() + $4
        WHERE o.state = 'pending' AND o.kind = $2 AND o.decided_at = $3 AND {_ALONE}
        """,
        assignment_id,
        kind,
        decided_at,
        hold,
    )


@as_service()
async def take_back_letters(assignment_id: int, kind: str, decided_at: datetime) -> list[int] | None:
    """Stop the letters of `kind` queued at `decided_at`; None, and nothing is stopped, when one is on its way."""
    rows = await fetch(
        f"SELECT o.id, o.state FROM outbox o WHERE o.kind = $2 AND o.decided_at = $3 AND {_ALONE}"
        " ORDER BY o.id FOR UPDATE",
        assignment_id,
        kind,
        decided_at,
    )
    if any(row["state"] not in ("pending", "failed") for row in rows):
        return None
    ids = [row["id"] for row in rows]
    await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'undone' WHERE id = ANY($1::bigint[])", ids
    )
    return ids


@as_service()
async def give_back_letters(assignment_id: int, reason: str, deadline_version: int) -> int:
    """Queue again what the decision had stopped for `reason`, with the ledger that speaks of it; how many."""
    rows = await fetch(
        f"""
        UPDATE outbox o SET state = 'pending', reason = ''
        WHERE o.state = 'superseded' AND o.reason = $2 AND {_ALONE}
          AND EXISTS (SELECT 1 FROM outbox_entry e WHERE e.outbox_id = o.id AND e.deadline_version = $3)
        RETURNING o.id
        """,
        assignment_id,
        reason,
        deadline_version,
    )
    ids = [row["id"] for row in rows]
    await execute(
        "UPDATE reminder SET verdict = 'sent', reason = 'holder'"
        " WHERE outbox_id = ANY($1::bigint[]) AND verdict = 'superseded'",
        ids,
    )
    return len(ids)


@as_service()
async def forget_dropped_lines(assignment_id: int, deadline_version: int) -> int:
    """Let the sweep decide again about what a digest left out because the assignment was closed; how many."""
    return await execute(
        "DELETE FROM reminder WHERE assignment_id = $1 AND deadline_version = $2 AND verdict = 'superseded'"
        " AND reason = 'partly_changed'",
        assignment_id,
        deadline_version,
    )


@as_service()
async def give_back_invitations(assignment_id: int, letters: Sequence[int]) -> int:
    """Whose invitation those letters would have cancelled holds it still; how many."""
    return await execute(
        "UPDATE invitation SET state = 'requested' WHERE assignment_id = $1 AND state = 'cancelled'"
        " AND outbox_id = ANY($2::bigint[])",
        assignment_id,
        list(letters),
    )


async def unjudge_report(assignment_id: int) -> bool:
    """The approved report waits again; whether there was one."""
    touched = await execute(
        "UPDATE report SET acceptance = 'pending', decided_by = NULL, decided_at = NULL, decision_reason = ''"
        " WHERE assignment_id = $1 AND acceptance = 'approved'",
        assignment_id,
    )
    return touched == 1
