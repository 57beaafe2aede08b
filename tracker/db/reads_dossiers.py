"""Reads for the papers of an inspection session: its notice once it is signed, the directive it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tracker.db.engine import fetchrow, fetchval


@dataclass(frozen=True, slots=True)
class SignedNotice:
    """The notice of a session's conclusions as it was recorded."""

    number: str
    issued_on: date
    issuer: str
    signer: str


async def find_notice(inspection_id: int) -> SignedNotice | None:
    """The notice of a session; None while there is none."""
    row = await fetchrow(
        "SELECT number, issued_on, issuer, signer FROM directive WHERE inspection_id = $1", inspection_id
    )
    return None if row is None else SignedNotice(*row.values())


async def find_number(directive_id: int) -> str:
    """The number of a directive; empty where there is none to be seen."""
    found: str | None = await fetchval("SELECT number FROM directive WHERE id = $1", directive_id)
    return found or ""
