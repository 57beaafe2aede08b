"""Writing down people: new ones, changes over a version, and what hangs on a person's side and agency."""

from __future__ import annotations

from collections.abc import Sequence

from tracker.db.engine import execute, fetch, fetchval
from tracker.db.reads_api import OfficialView, get_official_view
from tracker.domain.directory import AGENCY_ROLES, Actor, Role
from tracker.domain.people import PersonDraft
from tracker.domain.search import search_key, sort_key

_COLUMNS = {
    "name": "full_name",
    "email": "email",
    "role": "role",
    "position": "position",
    "duty": "duty",
    "contact_order": "contact_order",
    "language": "language",
    "absent_from": "absent_from",
    "absent_until": "absent_to",
    "deputy_id": "deputy_id",
}
"""The columns of a draft's fields; the agency is known by its id, not by its code."""


async def lock_official(viewer: Actor, official_id: int) -> OfficialView:
    """One official the viewer may know, locked until the transaction ends. Raises NotFound."""
    await fetchval("SELECT id FROM official WHERE id = $1 FOR UPDATE", official_id)
    return await get_official_view(viewer, official_id)


async def lock_administrators() -> frozenset[int]:
    """The active administrators, locked: two of them who switch each other off come one after the other."""
    rows = await fetch(
        "SELECT id FROM official WHERE role = $1 AND is_active ORDER BY id FOR UPDATE",
        Role.ADMINISTRATOR.value,
    )
    return frozenset(row["id"] for row in rows)


async def is_email_taken(email: str, except_id: int | None) -> bool:
    """Whether somebody else has the address, compared without case; nobody takes it until the transaction ends."""
    await fetchval("SELECT pg_advisory_xact_lock(hashtextextended(lower($1), 711))", email)
    taken: bool = await fetchval(
        "SELECT EXISTS (SELECT FROM official WHERE lower(email) = lower($1) AND id IS DISTINCT FROM $2)",
        email,
        except_id,
    )
    return taken


def _keys(name: str, position: str, email: str) -> tuple[str, str]:
    """What a person is found by, and in which order they stand."""
    return search_key(f"{name} {position} {email}"), sort_key(name)


async def insert_official(draft: PersonDraft, agency_id: int | None) -> int:
    """A new official; their id."""
    values: dict[str, object] = {column: getattr(draft, name) for name, column in _COLUMNS.items()}
    values["agency_id"] = agency_id
    values["search_key"], values["sort_key"] = _keys(draft.name, draft.position, draft.email)
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    official_id: int = await fetchval(
        f"INSERT INTO official ({', '.join(values)}) VALUES ({marks}) RETURNING id", *values.values()
    )
    return official_id


async def update_official(
    official_id: int, draft: PersonDraft, agency_id: int | None, *, mends_mailbox: bool
) -> None:
    """Write a checked draft over a locked official; `mends_mailbox` says that mail will arrive again."""
    values: dict[str, object] = {column: getattr(draft, name) for name, column in _COLUMNS.items()}
    values["agency_id"] = agency_id
    values["search_key"], values["sort_key"] = _keys(draft.name, draft.position, draft.email)
    if mends_mailbox:
        values |= {"mailbox": "ok", "mailbox_reason": ""}
    changes = ", ".join(f"{column} = ${n}" for n, column in enumerate(values, 2))
    await execute(
        f"UPDATE official SET {changes}, row_version = row_version + 1, changed_at = now() WHERE id = $1",
        official_id,
        *values.values(),
    )


async def clear_as_deputy(official_id: int) -> Sequence[int]:
    """Nobody's deputy any more; the ids of those who are left without one."""
    rows = await fetch(
        "UPDATE official SET deputy_id = NULL, row_version = row_version + 1, changed_at = now()"
        " WHERE deputy_id = $1 RETURNING id",
        official_id,
    )
    return [row["id"] for row in rows]


async def delete_followed_agencies(official_id: int) -> int:
    """The person follows no agency any more as a member of the working group; how many there were."""
    return await execute("DELETE FROM agency_member WHERE official_id = $1", official_id)


async def list_possible_deputies(role: Role, agency_id: int | None) -> list[tuple[int, str, str]]:
    """Id, name and position of the active people of one side or agency, in Vietnamese order."""
    rows = await fetch(
        """
        SELECT id, full_name, position FROM official
        WHERE is_active AND CASE WHEN $1 THEN role = ANY($2::text[]) AND agency_id = $3
                                 ELSE role <> ALL($2::text[]) END
        ORDER BY sort_key, id LIMIT 300
        """,
        role in AGENCY_ROLES,
        sorted(AGENCY_ROLES),
        agency_id,
    )
    return [(row["id"], row["full_name"], row["position"]) for row in rows]


async def list_principals(agency_id: int | None) -> list[tuple[int, str, str]]:
    """Id, name and agency of the active people of other agencies, whom somebody of `agency_id` can deputise for."""
    rows = await fetch(
        """
        SELECT o.id, o.full_name, g.short_name FROM official o JOIN agency g ON g.id = o.agency_id
        WHERE o.is_active AND o.role = ANY($1::text[]) AND o.agency_id IS DISTINCT FROM $2
        ORDER BY g.sort_key, o.sort_key, o.id LIMIT 2000
        """,
        sorted(AGENCY_ROLES),
        agency_id,
    )
    return [(row["id"], row["full_name"], row["short_name"]) for row in rows]
