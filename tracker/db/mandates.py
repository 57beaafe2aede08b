"""Mandates: the further agencies a person acts for, in their own right or deputising between two days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from asyncpg import Record

from tracker.db.engine import execute, fetch, fetchrow, fetchval
from tracker.domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class Mandate:
    """A mandate with the names it is read by; both days inclusive, `on_behalf_of` is whom one deputises for."""

    id: int
    official_id: int
    official_name: str
    agency_id: int
    agency_code: str
    agency_name: str
    on_behalf_of: int | None
    principal_name: str | None
    principal_is_active: bool
    valid_from: date
    valid_to: date | None
    document: str
    granted_by: int | None
    granted_at: datetime
    revoked_at: datetime | None
    row_version: int

    def is_in_force(self, on: date) -> bool:
        """Whether the person acts for the agency on `on`."""
        return (
            self.revoked_at is None
            and self.valid_from <= on
            and (self.valid_to is None or on <= self.valid_to)
            and (self.on_behalf_of is None or self.principal_is_active)
        )


_SELECT = """
SELECT m.id, m.official_id, o.full_name AS official_name, m.agency_id, g.code AS agency_code,
       g.name AS agency_name, m.on_behalf_of, p.full_name AS principal_name,
       coalesce(p.is_active, false) AS principal_is_active, m.valid_from, m.valid_to, m.document, m.granted_by,
       m.granted_at, m.revoked_at, m.row_version
FROM mandate m
JOIN official o ON o.id = m.official_id
JOIN agency g ON g.id = m.agency_id
LEFT JOIN official p ON p.id = m.on_behalf_of
"""


def _mandate(row: Record) -> Mandate:
    return Mandate(**dict(row))


async def list_mandates(official_id: int) -> list[Mandate]:
    """Every mandate of a person, the latest first; ended ones too."""
    rows = await fetch(
        f"{_SELECT} WHERE m.official_id = $1 ORDER BY m.valid_from DESC, m.id DESC LIMIT 500", official_id
    )
    return [_mandate(row) for row in rows]


async def list_mandates_for_agency(agency_id: int, on: date) -> list[Mandate]:
    """Who else acts for an agency on a day."""
    rows = await fetch(
        f"{_SELECT} WHERE m.agency_id = $1 AND m.revoked_at IS NULL AND m.valid_from <= $2"
        " AND (m.valid_to IS NULL OR m.valid_to >= $2) AND o.is_active ORDER BY o.sort_key, m.id",
        agency_id,
        on,
    )
    return [mandate for row in rows if (mandate := _mandate(row)).is_in_force(on)]


async def get_mandate(mandate_id: int) -> Mandate:
    """One mandate. Raises NotFound."""
    row = await fetchrow(f"{_SELECT} WHERE m.id = $1", mandate_id)
    if row is None:
        raise NotFound(noun="mandate", id=mandate_id)
    return _mandate(row)


async def insert_mandate(
    official_id: int,
    agency_id: int,
    on_behalf_of: int | None,
    days: tuple[date, date | None],
    document: str,
    granted_by: int | None,
    now: datetime,
) -> int:
    """A new mandate between two days; its id."""
    mandate_id: int = await fetchval(
        """
        INSERT INTO mandate (official_id, agency_id, on_behalf_of, valid_from, valid_to, document, granted_by,
                             granted_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
        """,
        official_id,
        agency_id,
        on_behalf_of,
        *days,
        document,
        granted_by,
        now,
    )
    return mandate_id


async def mark_mandate_revoked(mandate_id: int, version: int | None, now: datetime) -> bool:
    """End a mandate; False when it has ended already or is not of that version."""
    return (
        await execute(
            "UPDATE mandate SET revoked_at = $2, row_version = row_version + 1 WHERE id = $1"
            " AND revoked_at IS NULL AND ($3::int IS NULL OR row_version = $3)",
            mandate_id,
            now,
            version,
        )
        == 1
    )


async def end_mandates(
    now: datetime,
    *,
    official_id: int | None = None,
    agency_id: int | None = None,
    on_behalf_of: int | None = None,
) -> Sequence[int]:
    """End the mandates a condition fits: of a person, of a person for an agency, on behalf of a person."""
    assert official_id is not None or on_behalf_of is not None
    rows = await fetch(
        """
        UPDATE mandate SET revoked_at = $1, row_version = row_version + 1
        WHERE revoked_at IS NULL AND ($2::bigint IS NULL OR official_id = $2)
          AND ($3::bigint IS NULL OR agency_id = $3) AND ($4::bigint IS NULL OR on_behalf_of = $4)
        RETURNING id
        """,
        now,
        official_id,
        agency_id,
        on_behalf_of,
    )
    return [row["id"] for row in rows]
