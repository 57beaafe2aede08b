"""Writing down agencies: new ones, changes over a version, and the tree of who stands below whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tracker.db.assignments import OPEN
from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_api import AgencyView, get_agency_view
from tracker.domain.directory import AGENCY_ROLES, Actor
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


@dataclass(frozen=True, slots=True)
class Relative:
    """Another agency, and since when it is what it is to this one."""

    id: int
    code: str
    name: str
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Who stands above and below an agency, whose work it took over, and who took over its own."""

    parent: Relative | None
    children: tuple[Relative, ...]
    predecessors: tuple[Relative, ...]
    successors: tuple[Relative, ...]


async def read_family(agency_id: int) -> Family:
    """The agencies around one."""
    rows = await fetch(
        """
        SELECT 'parent' AS what, p.id, p.code, p.name, NULL::date AS since, p.sort_key
        FROM agency g JOIN agency p ON p.id = g.parent_id WHERE g.id = $1
        UNION ALL
        SELECT 'child', c.id, c.code, c.name, NULL, c.sort_key FROM agency c WHERE c.parent_id = $1
        UNION ALL
        SELECT 'predecessor', b.id, b.code, b.name, s.effective_on, b.sort_key
        FROM agency_succession s JOIN agency b ON b.id = s.predecessor_id WHERE s.successor_id = $1
        UNION ALL
        SELECT 'successor', h.id, h.code, h.name, s.effective_on, h.sort_key
        FROM agency_succession s JOIN agency h ON h.id = s.successor_id WHERE s.predecessor_id = $1
        ORDER BY sort_key, id
        """,
        agency_id,
    )

    def of(what: str) -> tuple[Relative, ...]:
        return tuple(Relative(r["id"], r["code"], r["name"], r["since"]) for r in rows if r["what"] == what)

    parents = of("parent")
    return Family(parents[0] if parents else None, of("child"), of("predecessor"), of("successor"))


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is written to at an agency."""

    id: int
    agency_id: int
    name: str
    position: str
    email: str
    duty: str | None
    role: str
    is_dead: bool
    mailbox_reason: str
    absent_from: date | None
    absent_to: date | None
    row_version: int


async def list_people_of(viewer: Actor, agency_ids: Sequence[int]) -> dict[int, tuple[Contact, ...]]:
    """The active people of agencies as far as the viewer may know them: who is asked first, first."""
    visible = sorted(viewer.visible_agency_ids) if viewer.role in AGENCY_ROLES else None
    rows = await fetch(
        """
        SELECT id, agency_id, full_name, position, email, duty, role, mailbox = 'dead' AS is_dead, mailbox_reason,
               absent_from, absent_to, row_version
        FROM official
        WHERE is_active AND agency_id = ANY($1::bigint[]) AND ($2::bigint[] IS NULL OR agency_id = ANY($2))
        ORDER BY array_position('{focal,head_of_office,leader}', duty) NULLS LAST, contact_order, sort_key, id
        """,
        list(agency_ids),
        visible,
    )
    people: dict[int, list[Contact]] = {}
    for row in rows:
        contact = Contact(
            id=row["id"],
            agency_id=row["agency_id"],
            name=row["full_name"],
            position=row["position"],
            email=row["email"],
            duty=row["duty"],
            role=row["role"],
            is_dead=row["is_dead"],
            mailbox_reason=row["mailbox_reason"],
            absent_from=row["absent_from"],
            absent_to=row["absent_to"],
            row_version=row["row_version"],
        )
        people.setdefault(contact.agency_id, []).append(contact)
    return {agency: tuple(listed) for agency, listed in people.items()}
