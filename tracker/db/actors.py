"""Who acts: the one place that makes an Actor of what is stored about a person.

It is read anew at each request, so that a change of role or agency, an ended mandate and a switched-off
account count at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from asyncpg import Record

from tracker.db.engine import fetchrow
from tracker.domain.directory import AGENCY_ROLES, Actor, Role

_MANDATES = """
SELECT m.agency_id FROM mandate m
WHERE m.official_id = o.id AND m.revoked_at IS NULL
  AND m.valid_from <= (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
  AND (m.valid_to IS NULL OR m.valid_to >= (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
  AND (m.on_behalf_of IS NULL
       OR EXISTS (SELECT FROM official p WHERE p.id = m.on_behalf_of AND p.is_active))
"""

ACTOR_COLUMNS = f"""
o.id AS actor_id, o.full_name AS actor_name, o.role AS actor_role, o.agency_id AS actor_agency_id,
o.language AS actor_language,
ARRAY({_MANDATES}) AS actor_mandates,
ARRAY(WITH RECURSIVE acted_for AS (SELECT o.agency_id AS id UNION {_MANDATES}),
      under AS (
          SELECT id FROM acted_for
          UNION SELECT x.id
          FROM (SELECT c.id, c.parent_id AS above FROM agency c
                UNION ALL SELECT i.predecessor_id, i.successor_id FROM succession_item i
                WHERE i.kind IN ('rename', 'merge')) x
          JOIN under u ON x.above = u.id)
      SELECT id FROM under EXCEPT SELECT id FROM acted_for) AS actor_below
"""
"""What `actor_from` reads, for a query with the official as `o`; mandates hold on the day in the official zone.

Below an agency acted for stand its children, and those whose whole work it has taken over: their past is its to read.
Of a split agency nobody has it all, so its past stays with the assigning side.
"""


def actor_from(row: Record, scopes: Iterable[str] | None = None) -> Actor:
    """The person of a row with ACTOR_COLUMNS; `scopes` are those of the API token used."""
    role = Role(row["actor_role"])
    is_agency = role in AGENCY_ROLES
    mandates = frozenset(row["actor_mandates"]) if is_agency else frozenset()
    return Actor(
        official_id=row["actor_id"],
        name=row["actor_name"],
        role=role,
        agency_id=row["actor_agency_id"],
        scopes=None if scopes is None else frozenset(scopes),
        language=row["actor_language"],
        mandates=mandates,
        below=frozenset(row["actor_below"]) if is_agency else frozenset(),
    )


async def find_actor(official_id: int, *, scopes: Iterable[str] | None = None) -> Actor | None:
    """The active official with this id, or None."""
    row = await fetchrow(
        f"SELECT {ACTOR_COLUMNS} FROM official o WHERE o.id = $1 AND o.is_active", official_id
    )
    return None if row is None else actor_from(row, scopes)
