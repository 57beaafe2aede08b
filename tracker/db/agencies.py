"""Writing down agencies: new ones, changes over a version, and the tree of who stands below whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tracker.db.assignments import OPEN
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_api import AgencyView, get_agency_view
from tracker.domain.people import AgencyDraft
from tracker.domain.search import search_key, sort_key


async def lock_agency(agency_id: int) -> AgencyView:
    """One agency, locked until the transaction ends. Raises NotFound."""
    await fetchval("SELECT id FROM agency WHERE id = $1 FOR UPDATE", agency_id)
    return await get_agency_view(agency_id)


async def lock_tree() -> Mapping[int, int | None]:
    """Who stands below whom; until the transaction ends nobody else changes that, so no cycle closes unseen."""
    await fetchval("SELECT pg_advisory_xact_lock(hashtextextended('agency.parent', 712))")
    rows = await fetch("SELECT id, parent_id FROM agency")
    return {row["id"]: row["parent_id"] for row in rows}


async def is_code_taken(code: str) -> bool:
    """Whether an agency has the code, compared without case; nobody takes it until the transaction ends."""
    await fetchval("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 713))", code)
    taken: bool = await fetchval("SELECT EXISTS (SELECT FROM agency WHERE lower(code) = lower($1))", code)
    return taken


async def count_open_work(agency_id: int) -> int:
    """How many open assignments an agency has."""
    count: int = await fetchval(
        f"SELECT count(*) FROM assignment WHERE agency_id = $1 AND state IN {OPEN}", agency_id
    )
    return count


async def first_charged_on(agency_id: int) -> date | None:
    """The date of the earliest directive that charged an agency."""
    day: date | None = await fetchval(
        "SELECT min(d.issued_on) FROM assignment a JOIN directive d ON d.id = a.directive_id WHERE a.agency_id = $1",
        agency_id,
    )
    return day


def _values(draft: AgencyDraft, parent_id: int | None) -> dict[str, object]:
    return {
        "name": draft.name,
        "name_en": draft.name_en,
        "short_name": draft.short_name,
        "kind": draft.kind,
        "parent_id": parent_id,
        "valid_from": draft.valid_from,
        "valid_to": draft.valid_until,
        "source": draft.source,
        "search_key": search_key(f"{draft.name} {draft.short_name} {draft.code}"),
        "sort_key": sort_key(draft.name),
    }


async def insert_agency(draft: AgencyDraft, parent_id: int | None) -> int:
    """A new agency; its id."""
    values = {"code": draft.code, **_values(draft, parent_id)}
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    agency_id: int = await fetchval(
        f"INSERT INTO agency ({', '.join(values)}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return agency_id


async def update_agency(agency_id: int, draft: AgencyDraft, parent_id: int | None) -> None:
    """Write a checked draft over a locked agency."""
    values = _values(draft, parent_id)
    changes = ", ".join(f"{column} = ${n}" for n, column in enumerate(values, 2))
    await execute(
        f"UPDATE agency SET {changes}, row_version = row_version + 1, changed_at = now() WHERE id = $1",
        agency_id,
        *values.values(),
    )
