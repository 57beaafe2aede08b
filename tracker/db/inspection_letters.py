"""Letters about inspection sessions: who was told what, and who holds an invitation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from tracker.db.engine import as_service, execute, executemany, fetch, fetchrow, fetchval
from tracker.domain.inspection_letters import Facts, Held, Letter, Method


@dataclass(frozen=True, slots=True)
class Entry:
    """How calendars know a session: its name for ever, and how often it has changed."""

    uid: UUID
    sequence: int


async def get_entry(inspection_id: int) -> Entry:
    """The calendar entry of a session that exists."""
    row = await fetchrow("SELECT uid, sequence FROM inspection WHERE id = $1", inspection_id)
    assert row is not None
    return Entry(row["uid"], row["sequence"])


@dataclass(frozen=True, slots=True)
class Told:
    """A letter with what became of its message; `is_void` when it certainly reached nobody."""

    official_id: int
    official_name: str
    agency_id: int | None
    agency_name: str
    method: Method
    sequence: int
    facts: Facts
    batch: UUID
    queued_at: datetime
    outbox_id: int
    address: str
    state: str
    reason: str
    is_void: bool


@as_service()
async def list_letters(inspection_id: int) -> list[Told]:
    """Every letter of a session, in the order in which each person was told."""
    rows = await fetch(
        """
        SELECT l.official_id, f.full_name, l.agency_id, coalesce(g.name, '') AS agency_name, l.method, l.sequence,
               l.facts::text AS facts, l.batch, l.queued_at, l.outbox_id, o.address, o.state, o.reason,
               o.state = 'superseded' OR (o.state = 'failed' AND NOT o.maybe_duplicate) AS is_void
        FROM inspection_letter l JOIN outbox o ON o.id = l.outbox_id JOIN official f ON f.id = l.official_id
        LEFT JOIN agency g ON g.id = l.agency_id
        WHERE l.inspection_id = $1 ORDER BY l.official_id, l.sequence
        """,
        inspection_id,
    )
    return [
        Told(
            r["official_id"], r["full_name"], r["agency_id"], r["agency_name"], Method(r["method"]), r["sequence"],
            Facts.from_json(json.loads(r["facts"])), r["batch"], r["queued_at"], r["outbox_id"], r["address"],
            r["state"], r["reason"], r["is_void"],
        )
        for r in rows
    ]  # fmt: skip


def held_after(letters: Sequence[Told]) -> dict[int, Held]:
    """What each person holds once all these letters have arrived that can."""
    held: dict[int, Held] = {}
    for told in letters:
        before = held.get(told.official_id)
        facts = before.facts if before else None
        if not told.is_void:
            facts = told.facts if told.method is Method.REQUEST else None
        held[told.official_id] = Held(told.official_id, told.agency_id, facts, told.sequence)
    return held


@as_service()
async def supersede_waiting(inspection_id: int, official_ids: Sequence[int]) -> int:
    """Take back letters to these people that have certainly not left: a newer one says what holds."""
    return await execute(
        """
        UPDATE outbox SET state = 'superseded', reason = 'no_longer_holds'
        WHERE state = 'pending' AND attempts = 0 AND NOT maybe_duplicate AND id IN (
            SELECT outbox_id FROM inspection_letter WHERE inspection_id = $1 AND official_id = ANY($2::bigint[]))
        """,
        inspection_id,
        list(official_ids),
    )


@as_service()
async def insert_letters(
    inspection_id: int, letters: Sequence[tuple[Letter, int]], batch: UUID, now: datetime
) -> None:
    """Remember letters, each with its message."""
    await executemany(
        "INSERT INTO inspection_letter (inspection_id, official_id, agency_id, method, sequence, facts, batch,"
        " outbox_id, queued_at) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9)",
        [
            (
                inspection_id,
                letter.official_id,
                letter.agency_id,
                letter.method.value,
                letter.sequence,
                json.dumps(letter.facts.as_json()),
                batch,
                outbox_id,
                now,
            )
            for letter, outbox_id in letters
        ],
    )


@as_service()
async def take_back(inspection_id: int, batch: UUID) -> int | Literal["gone", "unknown"]:
    """Take back every letter of one sending; how many, "gone" where one was claimed before.

    The rows are locked first: a worker that has claimed one is waited for, and one that looks now passes them over.
    """
    rows = await fetch(
        """
        SELECT o.id, o.state, o.reason, o.state = 'pending' AND o.attempts = 0 AND NOT o.maybe_duplicate AS is_whole
        FROM outbox o WHERE o.id IN (SELECT outbox_id FROM inspection_letter WHERE inspection_id = $1 AND batch = $2)
        ORDER BY o.id FOR UPDATE OF o
        """,
        inspection_id,
        batch,
    )
    if not rows:
        return "unknown"
    if all(r["state"] == "superseded" and r["reason"] == "undone" for r in rows):
        return 0
    if not all(r["is_whole"] for r in rows):
        return "gone"
    return await execute(
        "UPDATE outbox SET state = 'superseded', reason = 'undone' WHERE id = ANY($1::bigint[])",
        [r["id"] for r in rows],
    )


@as_service()
async def find_session_of(outbox_id: int) -> int | None:
    """The session that a message is an invitation to."""
    found: int | None = await fetchval(
        "SELECT inspection_id FROM inspection_letter WHERE outbox_id = $1", outbox_id
    )
    return found
