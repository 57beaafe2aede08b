"""What a new installation still lacks before its reminders reach anybody."""

from __future__ import annotations

from dataclasses import dataclass

from tracker.db.engine import fetchrow


@dataclass(frozen=True, slots=True)
class Installation:
    """What there is. `agencies_without_contact` are those in force that nobody would get mail for."""

    agencies: int
    agencies_without_contact: int
    secretariat: int
    years: int
    unconfirmed_years: tuple[int, ...]
    directives: bool


async def read_installation(year: int) -> Installation:
    """What stands in the database; calendars of `year` and the one after it are looked at."""
    row = await fetchrow(
        """
        SELECT count(*) AS agencies,
               count(*) FILTER (WHERE NOT EXISTS (SELECT FROM official o WHERE o.agency_id = a.id AND o.is_active
                   AND o.duty IS NOT NULL AND o.mailbox = 'ok')) AS silent,
               (SELECT count(*) FROM official o WHERE o.is_active AND o.duty = 'secretariat_officer') AS secretariat,
               (SELECT count(*) FROM working_year y WHERE y.year IN ($1, $1 + 1)) AS years,
               (SELECT coalesce(array_agg(y.year ORDER BY y.year), '{}') FROM working_year y
                WHERE y.year IN ($1, $1 + 1) AND NOT y.confirmed) AS unconfirmed,
               EXISTS (SELECT FROM directive) AS directives
        FROM agency a WHERE a.valid_to IS NULL
        """,
        year,
    )
    assert row is not None
    return Installation(
        agencies=row["agencies"],
        agencies_without_contact=row["silent"],
        secretariat=row["secretariat"],
        years=row["years"],
        unconfirmed_years=tuple(row["unconfirmed"]),
        directives=row["directives"],
    )
