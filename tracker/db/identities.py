"""Identities of a provider and the sign-ons under way; only hashes of what the browser carries are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.directory import Role

Purpose = Literal["sign_in", "link", "invitation"]
LinkedBy = Literal["invitation", "person", "claims"]


@dataclass(frozen=True)
class Flow:
    """A sign-on under way; `official_id` is whose link is asked for, `invitation_hash` whose invitation."""

    purpose: Purpose
    nonce: str
    verifier: str
    next_path: str
    official_id: int | None = None
    invitation_hash: bytes | None = None


@dataclass(frozen=True)
class Linked:
    """An identity and the official it belongs to."""

    id: int
    official_id: int
    issuer: str
    subject: str
    label: str
    linked_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Person:
    """What a sign-on must know of an official."""

    id: int
    name: str
    role: Role
    agency_id: int | None
    agency_code: str | None
    is_active: bool


# -- sign-ons under way --------------------------------------------------------------------------------


async def insert_flow(
    state_hash: bytes, browser_hash: bytes, flow: Flow, now: datetime, expires_at: datetime
) -> None:
    """Remember a sign-on; those that ran out are forgotten meanwhile."""
    await execute("DELETE FROM sign_on_flow WHERE expires_at <= $1", now)
    await execute(
        """
        INSERT INTO sign_on_flow (state_hash, browser_hash, purpose, official_id, invitation_hash, nonce, verifier,
                                  next_path, started_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        state_hash,
        browser_hash,
        flow.purpose,
        flow.official_id,
        flow.invitation_hash,
        flow.nonce,
        flow.verifier,
        flow.next_path,
        now,
        expires_at,
    )


async def claim_flow(state_hash: bytes, browser_hash: bytes, now: datetime) -> Flow | None:
    """The sign-on of a state, for the browser that began it and only once; None otherwise."""
    row = await fetchrow(
        "DELETE FROM sign_on_flow WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3 RETURNING *",
        state_hash,
        browser_hash,
        now,
    )
    if row is None:
        return None
    return Flow(
        purpose=row["purpose"],
        nonce=row["nonce"],
        verifier=row["verifier"],
        next_path=row["next_path"],
        official_id=row["official_id"],
        invitation_hash=row["invitation_hash"],
    )


async def is_flow_known(state_hash: bytes) -> bool:
    """Whether a state is under way in some browser."""
    known: bool = await fetchval("SELECT EXISTS (SELECT FROM sign_on_flow WHERE state_hash = $1)", state_hash)
    return known


# -- identities ----------------------------------------------------------------------------------------


def _linked(row: Record) -> Linked:
    return Linked(
        id=row["id"],
        official_id=row["official_id"],
        issuer=row["issuer"],
        subject=row["subject"],
        label=row["label"],
        linked_at=row["linked_at"],
        last_used_at=row["last_used_at"],
    )


async def find_identity(issuer: str, subject: str) -> Linked | None:
    """The link of an identity."""
    row = await fetchrow(
        "SELECT * FROM external_identity WHERE issuer = $1 AND subject = $2", issuer, subject
    )
    return None if row is None else _linked(row)


async def list_identities(official_id: int) -> list[Linked]:
    """The identities of an official, oldest first."""
    rows = await fetch("SELECT * FROM external_identity WHERE official_id = $1 ORDER BY id", official_id)
    return [_linked(row) for row in rows]


async def insert_identity(
    official_id: int, issuer: str, subject: str, label: str, linked_by: LinkedBy, now: datetime
) -> bool:
    """Link an identity to an official; False when it, or the official, has a link already."""
    return (
        await execute(
            """
            INSERT INTO external_identity (official_id, issuer, subject, label, linked_by, linked_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            official_id,
            issuer,
            subject,
            label,
            linked_by,
            now,
        )
        == 1
    )


async def delete_identity(official_id: int, identity_id: int) -> bool:
    """End a link of the official's own; False when there is none."""
    return (
        await execute(
            "DELETE FROM external_identity WHERE id = $1 AND official_id = $2", identity_id, official_id
        )
        == 1
    )


async def mark_used(identity_id: int, label: str, now: datetime) -> None:
    """Remember the last use, and what the person is called there by now."""
    await execute(
        "UPDATE external_identity SET last_used_at = $2, label = $3 WHERE id = $1", identity_id, now, label
    )


# -- people --------------------------------------------------------------------------------------------


async def find_person(official_id: int) -> Person | None:
    """An official, active or not, locked until the transaction ends."""
    row = await fetchrow(
        """
        SELECT o.id, o.full_name, o.role, o.agency_id, o.is_active, a.code AS agency_code
        FROM official o LEFT JOIN agency a ON a.id = o.agency_id WHERE o.id = $1 FOR UPDATE OF o
        """,
        official_id,
    )
    if row is None:
        return None
    return Person(
        row["id"],
        row["full_name"],
        Role(row["role"]),
        row["agency_id"],
        row["agency_code"],
        row["is_active"],
    )
