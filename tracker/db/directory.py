"""Agencies, officials, and who is addressed for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow
from tracker.domain.directory import AGENCY_DUTIES, Agency, AgencyKind, Duty, Official, Role
from tracker.domain.errors import NotFound


def _agency(row: Record) -> Agency:
    return Agency(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        kind=AgencyKind(row["kind"]),
        valid_from=row["valid_from"],
        valid_until=row["valid_to"],
        aliases=tuple(a for a in (row["short_name"], row["name_en"], row["code"]) if a and a != row["name"]),
        successors=tuple(row["successors"]),
    )


def _official(row: Record) -> Official:
    return Official(
        id=row["id"],
        name=row["full_name"],
        email=row["email"],
        role=Role(row["role"]),
        agency_id=row["agency_id"],
        duties=frozenset({Duty(row["duty"])} if row["duty"] else ()),
        language=row["language"],
        is_active=row["is_active"],
        absent_from=row["absent_from"],
        absent_until=row["absent_to"],
        deputy_id=row["deputy_id"],
        is_mailbox_dead=row["mailbox"] == "dead",
    )


async def list_agencies() -> tuple[Agency, ...]:
    """Every agency that exists or existed, in Vietnamese order."""
    rows = await fetch(
        """
        SELECT a.*, coalesce(array_agg(s.successor_id ORDER BY s.successor_id)
                             FILTER (WHERE s.successor_id IS NOT NULL), '{}') AS successors
        FROM agency a LEFT JOIN agency_succession s ON s.predecessor_id = a.id
        GROUP BY a.id ORDER BY a.sort_key, a.id
        """
    )
    return tuple(_agency(r) for r in rows)


async def list_contacts(agency_ids: Sequence[int]) -> dict[int, tuple[Official, ...]]:
    """The active people with a duty in each agency, first contact first; an agency without any is left out."""
    rows = await fetch(
        "SELECT * FROM official WHERE agency_id = ANY($1::bigint[]) AND is_active AND duty = ANY($2::text[])"
        " ORDER BY agency_id, duty, contact_order, id",
        list(agency_ids),
        [d.value for d in AGENCY_DUTIES],
    )
    contacts: dict[int, list[Official]] = {}
    for row in rows:
        contacts.setdefault(row["agency_id"], []).append(_official(row))
    return {agency: tuple(people) for agency, people in contacts.items()}


async def list_assigning_side() -> tuple[Official, ...]:
    """The active people of the secretariat and the working group who have a duty."""
    rows = await fetch(
        "SELECT * FROM official WHERE is_active AND duty IN ('secretariat_officer', 'secretariat_head', 'member')"
        " ORDER BY duty, contact_order, id"
    )
    return tuple(_official(r) for r in rows)


async def members_following(agency_ids: Sequence[int]) -> Mapping[int, frozenset[int]]:
    """For each agency the working-group members who follow it, by official id."""
    rows = await fetch(
        "SELECT agency_id, array_agg(official_id) AS officials FROM agency_member"
        " WHERE agency_id = ANY($1::bigint[]) GROUP BY agency_id",
        list(agency_ids),
    )
    return {r["agency_id"]: frozenset(r["officials"]) for r in rows}


async def get_officials(ids: Iterable[int]) -> dict[int, Official]:
    """The officials with these ids, active or not."""
    rows = await fetch("SELECT * FROM official WHERE id = ANY($1::bigint[])", list(ids))
    return {r["id"]: _official(r) for r in rows}


async def get_official(official_id: int) -> Official:
    """One official, active or not. Raises NotFound."""
    official = await find_official(official_id)
    if official is None:
        raise NotFound(noun="official", id=official_id)
    return official


async def find_official(official_id: int) -> Official | None:
    """The official with this id, active or not, where there is one."""
    row = await fetchrow("SELECT * FROM official WHERE id = $1", official_id)
    return None if row is None else _official(row)


async def find_official_by_email(email: str) -> Official | None:
    """The official with this address, compared without case."""
    row = await fetchrow("SELECT * FROM official WHERE lower(email) = lower($1)", email)
    return None if row is None else _official(row)


async def mark_mailbox_dead(official_id: int, reason: str) -> None:
    """Remember that mail to this person comes back, with the server's words."""
    await execute(
        "UPDATE official SET mailbox = 'dead', mailbox_reason = $2, row_version = row_version + 1,"
        " changed_at = now() WHERE id = $1",
        official_id,
        reason,
    )


async def list_dead_mailboxes() -> list[tuple[Official, str]]:
    """People whom mail does not reach, with the reason as the server gave it."""
    rows = await fetch("SELECT * FROM official WHERE mailbox = 'dead' AND is_active ORDER BY sort_key, id")
    return [(_official(r), r["mailbox_reason"]) for r in rows]


async def find_agency_ids(codes: Sequence[str]) -> dict[str, int]:
    """The ids of the agencies with these codes; a code nobody has is left out."""
    rows = await fetch("SELECT code, id FROM agency WHERE code = ANY($1::text[])", list(codes))
    return {r["code"]: r["id"] for r in rows}
